"""What surrogates made of rules share: each row falls under one rule, which says its output and who adds to it."""

from __future__ import annotations

import numpy as np

from sklearn_xai.explainers.surrogate._base import GlobalSurrogate
from sklearn_xai.explainers.surrogate._rules import RankedRows, Vocabulary

NO_CONDITION = "otherwise"


class RuleBook:
    """The rules for one output: each row falls under one of them.

    Parameters
    ----------
    conditions : Conditions
    value : ndarray of shape (n_rules,)
        What each rule says.
    added : ndarray of shape (n_rules, n_players)
        What each player adds to ``base`` where the rule decides.
    base : float
    shown : int ndarray
        The rules that are listed.
    """

    rows: RankedRows  # how rows are put to the rules
    classes: np.ndarray | None = None  # the class that the model gives most often under each rule

    def __init__(self, conditions, value, added, base, shown):
        self.conditions, self.value, self.added, self.base, self.shown = conditions, value, added, base, shown

    def rule_of(self, ranked):
        """Return the rule that decides for each row, int ndarray of shape (n_rows,)."""
        raise AttributeError(f"{type(self).__name__} does not say which rule decides.")


class RuleBased(GlobalSurrogate):
    """Base class of surrogates by rules; a subclass overrides ``_make_rules``."""

    _ordered = False

    def _make_rules(self, ranked, target, rng):
        """Return the RuleBook of one output, from rows as trees take them."""
        raise AttributeError(f"{type(self).__name__} does not say how rules are made.")

    def _fit_surrogate(self, X, encoded, truth, outputs, train, rng):
        classes = outputs.argmax(axis=1) if self._model.classifier else None
        n_classes = outputs.shape[1]
        self._books, described = [], []
        for target in truth.T:
            rows = RankedRows(self._encoder, encoded[train], target[train])
            ranked = rows.transform(encoded)
            book = self._make_rules(ranked[train], target[train], rng)
            rule_of_row = book.rule_of(ranked)
            book.rows = rows
            if classes is not None:
                counts = count_classes(rule_of_row[train], classes[train], len(book.value), n_classes)
                book.classes = counts.argmax(axis=1)
            words = Vocabulary(X, self._column_names(), self._encoder, rows, ranked)
            described.append(self._describe(book, rule_of_row, words, target, classes))
            self._books.append(book)
        names = self._output_names() if len(described) > 1 else [""]
        self.rules_ = rules_frame(described, names)
        self.rules_text_ = rules_text(described, names, ordered=self._ordered)

    def _describe(self, book, rule_of_row, words, target, classes):
        """Return what is known of the rules that are shown; those of no order with the most frequent first."""
        shown = book.shown
        if not self._ordered:
            shown = shown[np.argsort(-np.bincount(rule_of_row, minlength=len(book.value))[shown], kind="stable")]
        place = np.zeros(len(book.value), dtype=int)
        place[shown] = np.arange(len(shown))
        sentences = words.sentences(book.conditions.take(shown))
        return describe_rules(sentences, place[rule_of_row], book.value[shown], target, classes, self._model.classes)

    # ------------------------------------------------------------------ what they say
    def _rules_of(self, encoded):
        return [book.rule_of(book.rows.transform(encoded)) for book in self._books]

    def _surrogate_outputs(self, encoded):
        return np.column_stack(
            [book.value[rule] for book, rule in zip(self._books, self._rules_of(encoded), strict=True)]
        )

    def _agreement(self, outputs, found, encoded):
        if len(self._books) > 1:
            return super()._agreement(outputs, found, encoded)
        book = self._books[0]
        return float(np.mean(outputs.argmax(axis=1) == book.classes[book.rule_of(book.rows.transform(encoded))]))

    def _explain_encoded(self, encoded, which):
        values, base = np.empty((len(encoded), self.n_players_)), np.empty(len(encoded))
        for k in np.unique(which):
            book, rows = self._books[k], which == k
            values[rows] = book.added[book.rule_of(book.rows.transform(encoded[rows]))]
            base[rows] = book.base
        return values, base


# ---------------------------------------------------------------------- tables of rules
def count_classes(rule_of_row, row_classes, n_rules, n_classes):
    """Return how many rows of each class each rule covers, shape (n_rules, n_classes)."""
    cells = np.bincount(rule_of_row * n_classes + row_classes, minlength=n_rules * n_classes)
    return cells.reshape(n_rules, n_classes)


def describe_rules(sentences, rule_of_row, predictions, truth, row_classes, labels):
    """Return what is known of each rule, as a dict of columns.

    Parameters
    ----------
    sentences : list of str
    rule_of_row : int ndarray of shape (n_rows,)
    predictions : ndarray of shape (n_rules,)
    truth : ndarray of shape (n_rows,)
        The explained output of each row.
    row_classes : int ndarray of shape (n_rows,), or None
        The class that the model gives to each row.
    labels : ndarray of shape (n_classes,), or None
    """
    n_rules = len(sentences)
    counts = np.bincount(rule_of_row, minlength=n_rules)
    means = np.bincount(rule_of_row, truth, minlength=n_rules) / np.maximum(counts, 1)
    squares = np.bincount(rule_of_row, np.square(truth - means[rule_of_row]), minlength=n_rules)
    facts = {
        "rule": [words or NO_CONDITION for words in sentences],
        "prediction": predictions,
        "spread": np.sqrt(squares / np.maximum(counts, 1)),
    }
    if row_classes is not None:
        cells = count_classes(rule_of_row, row_classes, n_rules, len(labels))
        facts["class"] = labels[cells.argmax(axis=1)]
        facts["precision"] = cells.max(axis=1) / np.maximum(counts, 1)
    return facts | {"n_rows": counts, "share": counts / len(truth)}


def rules_frame(described, output_names):
    """Return the rules of one output, or of several, as a DataFrame."""
    import pandas as pd

    frames = [pd.DataFrame(facts) for facts in described]
    if len(frames) == 1:
        return frames[0]
    for frame, name in zip(frames, output_names, strict=True):
        frame.insert(0, "output", name)
    return pd.concat(frames, ignore_index=True)


def rules_text(described, output_names, *, ordered):
    """Return the rules as text, one a line; those of an ordered list as if, else if, else."""
    lines = []
    for facts, name in zip(described, output_names, strict=True):
        lines += [f"output {name}:"] if len(described) > 1 else []
        lines += [_line(facts, i, ordered) for i in range(len(facts["rule"]))]
    return "\n".join(lines)


def _line(facts, i, ordered):
    rule, last = facts["rule"][i], i == len(facts["rule"]) - 1
    if ordered:
        start = ("else" if i else "always") if last else f"{'else if' if i else 'if'} {rule}"
    else:
        start = "always" if len(facts["rule"]) == 1 else f"if {rule}"
    mean = f"{facts['prediction'][i]:.3g} +- {facts['spread'][i]:.2g}"
    of = f"{facts['n_rows'][i]:,} rows, {facts['share'][i]:.1%} of all"
    if "class" in facts:
        of += f"; class {facts['class'][i]} for {facts['precision'][i]:.0%} of them"
    return f"{start}: {mean} ({of})"
