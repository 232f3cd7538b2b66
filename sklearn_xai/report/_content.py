"""What a report says, before it becomes a page: sections of tables, pictures, texts and rows to look through.

The sections are filled from explanations, and the page is made of them; neither knows of the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Text:
    """Paragraphs of plain text."""

    paragraphs: list[str]


@dataclass
class Figure:
    """A picture.

    Attributes
    ----------
    svg : str
        As matplotlib writes it.
    alt : str
        What there is to see, for a reader who cannot see it.
    caption : str
    """

    svg: str
    alt: str
    caption: str = ""


@dataclass
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : {"text", "number", "bar", "interval"}
        "bar": numbers, drawn as bars beside their values, from 0 to `most`, or to both sides where some are negative.
        "interval": (value, low, high).
    help : str
        What the column tells, in a sentence.
    digits : int
        Significant digits that are shown.
    """

    name: str
    kind: str = "text"
    help: str = ""
    digits: int = 3


@dataclass
class Table:
    """A table that can be sorted by each column; None and NaN are shown as a dash.

    Attributes
    ----------
    caption : str
    columns : list of Column
    rows : list of list
        One cell for each column: text, a number, or (value, low, high).
    marked : set of int
        Rows that stand out, such as the random control.
    """

    caption: str
    columns: list[Column]
    rows: list[list[Any]]
    marked: set[int] = field(default_factory=set)


@dataclass
class Row:
    """A row that is explained.

    Attributes
    ----------
    name : str
        Its label in the index of X.
    values : list of str
        What it holds, one text a column of `Rows.columns`, as it was given.
    attributions : dict of str to list of float
        By explainer, one number for each of `Rows.features`.
    base_values, outputs : dict of str to float
        By explainer: what its attributions add up from, and the explained output.
    gaps : dict of str to float
        By explainer: the completeness gap, of additive ones.
    predicted, true : str
        What the model says, and what was right ("" where it is not known).
    """

    name: str
    values: list[str]
    attributions: dict[str, list[float]]
    base_values: dict[str, float]
    outputs: dict[str, float]
    gaps: dict[str, float]
    predicted: str
    true: str = ""


@dataclass
class Rows:
    """Explained rows to search, sort and pick from; the picked one's values stand beside its waterfall.

    Attributes
    ----------
    columns : list of str
        The columns of X.
    features : list of str
        What is attributed to: columns, or groups of them.
    feature_values : list of list of str
        What each row holds of each feature.
    output_name : str
        The explained output in words, with its unit.
    """

    columns: list[str]
    features: list[str]
    feature_values: list[list[str]]
    output_name: str
    rows: list[Row]


@dataclass
class Code:
    """Lines of text whose spaces count, such as rules."""

    text: str
    caption: str = ""


Block = Text | Figure | Table | Rows | Code


@dataclass
class Section:
    """A question and what was found.

    Attributes
    ----------
    key : str
        The anchor of the section.
    title : str
    question : str
        What a reader asks.
    answer : str
        What was found, in one or two plain sentences.
    blocks : list of Block
    """

    key: str
    title: str
    question: str
    answer: str
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Caution:
    """What the reader must know before believing the report, in plain words, and the section it is about."""

    text: str
    section: str


@dataclass
class Tile:
    """A figure of the summary at the top: "ROC AUC", "0.91", "3 folds, +-0.01"."""

    label: str
    value: str
    note: str = ""


@dataclass
class Content:
    """All of a report.

    Attributes
    ----------
    title, subtitle : str
    tiles : list of Tile
    cautions : list of Caution
    sections : list of Section
        In the order of the page; the last tells how the report was made.
    language : str
    """

    title: str
    subtitle: str
    tiles: list[Tile]
    cautions: list[Caution]
    sections: list[Section]
    language: str = "en"
