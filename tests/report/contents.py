"""A made-up report with every kind of block, and names of columns that no page would like to be given."""

from __future__ import annotations

from random import Random

from sklearn_xai.report._content import Caution, Code, Column, Content, Figure, Row, Rows, Section, Table, Text, Tile

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "{{7*7}}",
    "javascript:alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "</template></table></style><svg onload=alert(1)>",
    "<!--",
    "\u2028\u2029&amp;",
    "\ud800\x00",
]
NAMES = [
    "age", "education", "hours_per_week", "capital_gain", "العمر بالسنوات", "年齢と職業", "native country",
    "a_column_with_a_name_that_goes_on_and_on_without_a_single_space_in_it_as_they_do_in_warehouses_of_data",
]  # fmt: skip
EXPLAINERS = ["Integrated gradients", "SHAP", "Saliency", "Random control"]

# As matplotlib writes it: prolog, document type, metadata, a style element, style attributes, ids that repeat between
# pictures, references to them, ink in currentColor.
SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="480pt" height="192pt" viewBox="0 0 480 192"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">Matplotlib</rdf:RDF></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round; stroke-linecap: butt}</style></defs>
 <g id="figure_1"><g id="patch_1"><path d="M 40.123456 20 L 40 160 L 460 160" clip-path="url(#p1)"
  style="fill: none; stroke: currentColor; stroke-width: 0.8; stroke-linecap: square"/></g>
 <g id="line_1"><defs><path id="m1" d="M -3 0 L 3 0 L 0 5 z" style="stroke: #2b6cb0"/></defs>
  <use xlink:href="#m1" x="100" y="100" style="fill: #2b6cb0"/><use xlink:href="#m1" x="200" y="70"/></g>
 <path d="M 40 150 L 180 90 L 320 60 L 460 40" style="fill: none; stroke: #c4392d; stroke-width: 2"/>
 <text style="font: italic 700 12px 'DejaVu Sans', sans-serif; text-anchor: middle; fill: currentColor" x="250" y="182"
  >share of columns removed &lt;script&gt;</text></g>
 <defs><clipPath id="p1"><rect x="40" y="20" width="420" height="140"/></clipPath></defs>
</svg>
"""


def content(n_columns: int = 18, n_rows: int = 30) -> Content:
    """Return a report on a table of so many columns, the first of them hostile."""
    draw = Random(0)
    columns = [*HOSTILE, *NAMES, *(f"column {j}" for j in range(40))][:n_columns]
    return Content(
        title="What the model of <b>income</b> heeds",
        subtitle="A skorch network behind a ColumnTransformer, 48,842 rows of the census table, 14 columns. {{7*7}}",
        tiles=[
            Tile("ROC AUC", "0.912", "3 folds, ±0.004"),
            Tile("Most important column", columns[-1], "first in 3 of 3 folds"),
            Tile("Columns to be trusted", f"{n_columns - 2} of {n_columns}", "same rank in each fold"),
            Tile("Latency", "0.8 ms", "for one row, median of 100"),
            Tile("Agreement with SHAP", "0.97"),
        ],
        cautions=[
            Caution("The surrogate tree gets 81 % of the model's decisions right: its rules are a sketch.", "rules"),
            Caution(f"The rank of {columns[0]} differs from fold to fold.", "global"),
            Caution("Random attributions score as high as Saliency on faithfulness.", ""),
        ],
        sections=[
            _quality(),
            Section("global", "Important columns", "Which columns matter?", "Two do.", [_table(columns, draw)]),
            Section("stability", "Stability", "Which columns can be trusted?", "All but two.", [_wide(columns, draw)]),
            Section("rows", "Rows", "Why this prediction?", "Pick a row.", [_rows(columns, n_rows, draw)]),
            Section(
                "rules",
                "Rules",
                "Can it be said in a few rules?",
                "In four, which agree with the model on 81 % of the rows.",
                [Code(f"if {columns[0]} <= 3.5:\n    <=50K\nelse:\n    >50K" + "\n# " + "long " * 60, "Rules")],
            ),
            Section("made", "How this was made", "Can I make it again?", "With these.", [_made(), Text(list(HOSTILE))]),
        ],
    )  # fmt: skip


def _quality() -> Section:
    figure = Figure(SVG, f"The loss falls from 0.7 to 0.3. {HOSTILE[1]}", "Loss by epoch, of three folds.")
    return Section(
        "quality",
        "Quality",
        "How good is the model?",
        "It tells a high income from a low one in 91 of 100 pairs.",
        [Text(["Measured on rows that no fold was trained on.", "The spread is over folds."]), figure, figure],
    )


def _table(columns: list[str], draw: Random) -> Table:
    rows = []
    for j, name in enumerate(columns):
        size = draw.uniform(0, 0.4)
        signed = draw.uniform(-1, 1)
        rows.append([name, size, signed, (size, size * 0.8, size * 1.3), draw.randint(1, 9), 1234.5678 * j])
    rows.append(["random control", None, 0.0, (-0.01, -0.02, 0.01), float("nan"), None])
    rows[0][4] = None
    rows[len(rows) // 3][3] = None
    named = [
        Column("Column", "text", "As it is called in the table."),
        Column("Importance", "bar", "Mean absolute attribution."),
        Column("Correlation with SHAP", "bar", "Of the attributions of rows."),
        Column("In folds", "interval", "Mean, and least and greatest of three folds.", 2),
        Column("Rank", "number"),
        Column("Amount", "number"),
    ]
    return Table("Importance of columns, by integrated gradients", named, rows, {len(rows) - 1})


def _wide(columns: list[str], draw: Random) -> Table:
    named = [Column("Fold"), *(Column(name, "number", digits=2) for name in columns)]
    return Table("Rank by fold", named, [[f"fold {k}", *(draw.random() for _ in columns)] for k in (1, 2, 10)])


def _made() -> Table:
    made = [["scikit-learn", "1.9.0"], ["random_state", "0"], [None, "sklearn-xai report --data <FILE>"]]
    return Table("", [Column("What"), Column("Which")], made)


def _rows(columns: list[str], n_rows: int, draw: Random) -> Rows:
    rows = []
    for i in range(n_rows):
        attributions = {name: [draw.gauss(0, 1 / (j + 1)) for j in range(len(columns))] for name in EXPLAINERS}
        bases = {name: 0.24 for name in EXPLAINERS}
        gaps = {"Integrated gradients": 0.002 * i, "SHAP": 0.0}
        outputs = {name: 0.24 + sum(attributions[EXPLAINERS[0]]) - 0.002 * i for name in EXPLAINERS}
        attributions["SHAP"][0] += outputs["SHAP"] - 0.24 - sum(attributions["SHAP"])
        if i == 3:
            del attributions["Random control"]
        values = [f"{name[:6]}·{i}" for name in columns]
        predicted = ">50K" if outputs["SHAP"] > 0.24 else "<=50K"
        true = "" if i == 5 else draw.choice([">50K", "<=50K"])
        rows.append(Row(str(i * 7), values, attributions, bases, outputs, gaps, predicted, true))
    return Rows(columns, columns, [row.values for row in rows], "the log-odds of an income >50K", rows)
