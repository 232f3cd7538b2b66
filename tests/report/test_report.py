"""What a report says, and that it says it of everything a user may give."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from torch import nn

from sklearn_xai import RandomExplainer, SHAPExplainer, ShapleyExplainer
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.report import ExplanationReport
from sklearn_xai.report._content import Code, Figure, Rows, Table
from sklearn_xai.report._figures import PAGE_INK, picture
from sklearn_xai.report._intervals import interval_of_means
from tests.nets import classifier
from tests.report.conftest import NAMES, pipeline

no_pictures = pytest.mark.usefixtures("without_pictures")
KEYS = ["quality", "columns", "stability", "agreement", "faithfulness", "rows", "rules", "made"]


def blocks(content, kind):
    return [block for section in content.sections for block in section.blocks if isinstance(block, kind)]


def section(report, key):
    return next(section for section in report.content_.sections if section.key == key)


def quick(estimator, X, y, **kwargs):
    settings = {"explainers": ["SHAP"], "cv": 2, "max_rows": 8, "random_state": 0} | kwargs
    return ExplanationReport(estimator, X, y, **settings)


@pytest.fixture(scope="module")
def numbers(table):
    X, y = table
    return X[[NAMES["number"], NAMES["constant"]]].to_numpy(), y.to_numpy()


# ---------------------------------------------------------------------- what it says
def test_every_section_asks_and_answers(report):
    content = report.content_
    assert [section.key for section in content.sections] == KEYS
    for part in content.sections:
        assert part.question.endswith("?") and part.answer.endswith(".") and part.blocks, part.key
    assert {caution.section for caution in content.cautions} <= set(KEYS)
    labels = [tile.label for tile in content.tiles]
    assert labels == ["ROC AUC", "Most important column", "Faithfulness", "Agreement with SHAP", "Stability"]


def test_tables_have_a_cell_for_each_column(report):
    for table in blocks(report.content_, Table):
        assert table.rows and {len(row) for row in table.rows} == {len(table.columns)}, table.caption
        for row in table.rows:
            for column, cell in zip(table.columns, row, strict=True):
                if column.kind == "interval" and cell is not None:
                    value, low, high = cell
                    assert not low > value + 1e-9 and not high < value - 1e-9, (table.caption, row)


def test_the_column_that_makes_the_target_is_found(report):
    assert report.content_.tiles[1].value == NAMES["number"]
    importance = section(report, "columns").blocks[0]
    assert importance.rows[0][0] == NAMES["number"]
    assert sum(row[1][0] for row in importance.rows) == pytest.approx(100, abs=1)


def test_the_numbers_are_those_of_the_results(report):
    table = section(report, "quality").blocks[0]
    told = {row[0]: row[1][0] for row in table.rows}
    assert told["ROC AUC"] == report.evaluation_.table.loc["roc_auc", "mean"]
    judged = {row[0]: row[1][0] for row in section(report, "faithfulness").blocks[0].rows}
    assert judged == pytest.approx(report.comparison_["faithfulness"].to_dict())
    assert f"{report.stability_.overall['spearman']:.2f}" in report.content_.tiles[-1].value


def test_rows_are_shown_with_values_truth_and_attributions(report, table):
    X, y = table
    (rows,) = blocks(report.content_, Rows)
    assert rows.columns == list(X.columns) and len(rows.rows) == 8
    explained = report.explainers_["InputXGradient"].transform(X.iloc[report.rows_])
    for place, row, values in zip(report.rows_, rows.rows, explained, strict=True):
        assert row.name == X.index[place] and row.true == y.iloc[place]
        assert row.attributions["InputXGradient"] == pytest.approx(values.tolist(), abs=1e-4)
        assert set(row.attributions) == {"InputXGradient", "SHAP"}  # and not the control
        missing = X.iloc[place].isna().to_numpy()
        assert [value == "missing" for value in row.values] == missing.tolist()
    shap = rows.rows[0]
    assert shap.base_values["SHAP"] + sum(shap.attributions["SHAP"]) == pytest.approx(shap.outputs["SHAP"], abs=1e-3)
    assert "SHAP" in shap.gaps and "InputXGradient" not in shap.gaps


def test_the_control_is_always_there_and_marked(report):
    assert list(report.comparison_.index) == ["InputXGradient", "SHAP", "Random"]
    table = section(report, "faithfulness").blocks[0]
    assert [table.rows[place][0] for place in table.marked] == ["Random"]


def test_how_it_was_made_can_be_run(report):
    code = section(report, "made").blocks[0]
    assert isinstance(code, Code)
    compile(code.text, "made", "exec")
    assert "explainers=['InputXGradient', 'SHAP'], cv=2, max_rows=8, random_state=0" in code.text
    told = " ".join(
        str(cell)
        for table in section(report, "made").blocks
        if isinstance(table, Table)
        for row in table.rows
        for cell in row
    )
    assert torch.__version__.split("+")[0] in told


@no_pictures
def test_the_model_is_trained_once_a_fold_and_once_on_all(table):
    trained = []

    class Counting(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            trained.append(len(X))
            return super().fit(X, y)

    X, y = table
    quick(Counting(), X[[NAMES["number"]]].to_numpy(), y, cv=3, explainers=["SHAP", "Occlusion"]).compute()
    assert sorted(trained) == [60, 60, 60, 90]


@no_pictures
def test_folds_are_explained_by_their_own_models():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:60, :3], y[:60]
    report = quick(LinearRegression(), X, y, cv=KFold(2)).compute()
    rows = X[np.sort(np.random.RandomState(draw_seed(own_random_state(0))).choice(60, 8, replace=False))]
    for found, (train, _) in zip(report.stability_.attributions, KFold(2).split(X), strict=True):
        model = LinearRegression().fit(X[train], y[train])
        assert found == pytest.approx(model.coef_ * (rows - X[train].mean(axis=0)), rel=1e-6)


@no_pictures
def test_the_same_seed_says_the_same(numbers):
    X, y = numbers
    one, two = (quick(LogisticRegression(), X, y).compute() for _ in range(2))
    assert one.content_.tiles == two.content_.tiles and one.content_.cautions == two.content_.cautions
    assert [f.alt for f in blocks(one.content_, Figure)] == [f.alt for f in blocks(two.content_, Figure)]


@no_pictures
def test_global_states_and_the_table_are_left_alone(numbers):
    X, y = numbers
    before, kept = np.random.get_state()[1].copy(), X.copy()  # noqa: NPY002
    torch_state = torch.get_rng_state()
    quick(LogisticRegression(), X, y).compute()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert (torch.get_rng_state() == torch_state).all()
    np.testing.assert_array_equal(X, kept)


def test_matplotlib_is_left_alone():
    from matplotlib import pyplot as plt

    with matplotlib.rc_context({"text.color": "red", "figure.facecolor": "black"}):
        parameters = copy.copy(matplotlib.rcParams)
        assert "red" not in picture(lambda ax: ax.set_title("a"), (3, 2), "Axes.").svg
        assert matplotlib.rcParams == parameters
    assert not plt.get_fignums()


# ---------------------------------------------------------------------- text stays text
def test_names_are_text_in_pictures(report):
    figures = blocks(report.content_, Figure)
    assert figures
    found = set()
    for figure in figures:
        root = ElementTree.fromstring(figure.svg)  # well-formed
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        found |= {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
        assert figure.alt.endswith(".")
    assert NAMES["number"] in found
    assert any(text.startswith("$a$ & \"b\" 'c'") for text in found)
    assert any(re.fullmatch("x+…", text) for text in found)
    assert NAMES["word"] in found


def test_the_page_holds_no_markup_of_the_user(report):
    html = report.to_html()
    assert "<script>alert(1)" not in html and "</script><b>" not in html and "<i>t</i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert len(html) < 1_000_000


def test_pictures_take_the_ink_of_the_page():
    def draw(ax):
        ax.set_title("$100 & <b>".replace("$", r"\$"), color="#333333")
        ax.imshow([[0.0, 1.0]])
        ax.text(0, 0, "on a cell", color="#000000")

    svg = picture(draw, (3, 2), "A picture.").svg
    texts = {t.text: t.get("style", "") for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert "currentColor" in texts["$100 & <b>"]
    assert "currentColor" not in texts["on a cell"]  # the cell has its own colour, light or dark the page
    assert PAGE_INK not in svg


def test_many_points_are_pixels():
    many, few = (
        picture(lambda ax, n=n: ax.scatter(np.arange(n), np.arange(n)), (3, 2), "Points.").svg for n in (2000, 20)
    )
    assert "<image" in many and "<image" not in few
    assert len(many) < 60_000


# ---------------------------------------------------------------------- files and notebooks
def test_save_is_whole_or_nothing(report, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    assert report.save(str(path)) == path
    before = path.read_text(encoding="utf-8")
    assert before == report.to_html()
    monkeypatch.setattr("os.replace", lambda *args: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        report.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8") == before


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(numbers, tmp_path):
    report = quick(LogisticRegression(), *numbers)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        report.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        report.save(tmp_path / "no" / "report.html")
    assert not hasattr(report, "content_")


def test_reprs(report, numbers):
    fresh = quick(LogisticRegression(), *numbers)
    assert "not computed" in repr(fresh) and "compute()" in fresh._repr_html_()
    assert not hasattr(fresh, "content_")
    assert "ROC AUC" in repr(report)
    assert "<iframe" in report._repr_html_() and "<script>alert(1)" not in report._repr_html_()


# ---------------------------------------------------------------------- cautions
@no_pictures
def test_a_model_that_knows_nothing_is_told_of(numbers):
    X, y = numbers
    noise = np.random.RandomState(3).permutation(y)
    told = " ".join(caution.text for caution in quick(LogisticRegression(), X, noise).compute().content_.cautions)
    assert "hardly better than one that looks at no column" in told
    assert "90 rows only" in told and "8 explained rows" in told


@no_pictures
def test_explainers_no_better_than_chance_are_told_of(numbers):
    X, y = numbers
    model, X = LogisticRegression(), np.column_stack([X, np.random.RandomState(0).randn(len(X), 3)])
    explainers = {"SHAP": SHAPExplainer(model), "Random": RandomExplainer(model), "dice": RandomExplainer(model)}
    content = quick(model, X, y, explainers=explainers).compute().content_
    told = [caution.text for caution in content.cautions if caution.section == "faithfulness"]
    assert len(told) == 1 and "dice (by" in told[0] and "SHAP (" not in told[0]


@no_pictures
def test_a_tree_that_rules_cannot_say_is_told_of():
    rng = np.random.RandomState(0)
    X = rng.randn(150, 6)
    content = quick(DecisionTreeRegressor(random_state=0), X, rng.randn(150)).compute().content_
    rules = [caution.text for caution in content.cautions if caution.section == "rules"]
    assert len(rules) == 1 and "fidelity" in rules[0] and "tree (" in rules[0]
    unstable = [caution.text for caution in content.cautions if caution.section == "stability"]
    assert "cannot be trusted" in unstable[0]


@no_pictures
def test_a_frozen_model_is_explained_as_it_stands(numbers):
    X, y = numbers
    model = LogisticRegression().fit(X, y)
    report = quick(FrozenEstimator(model), X, y).compute()
    assert report.explainers_["SHAP"].estimator_.estimator is model
    told = " ".join(caution.text for caution in report.content_.cautions)
    assert "explained as it stands" in told and "not trained again" in told
    trained = quick(model, X, y).compute()  # fitted, but not frozen
    assert "clones trained anew" in " ".join(caution.text for caution in trained.content_.cautions)


# ---------------------------------------------------------------------- all kinds of models and tables
@no_pictures
def test_regression_is_told_in_its_own_words():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    report = quick(LinearRegression(), X[:120], y[:120], rows=[3, 7]).compute()
    assert report.content_.tiles[0].label == "R2"
    measures = section(report, "quality").blocks[0]  # of several units, not drawn on one scale
    assert {column.kind for column in measures.columns[1:4]} == {"number"}
    assert all(low <= mean <= high for _, mean, low, high, *_ in measures.rows)
    (rows,) = blocks(report.content_, Rows)
    assert rows.output_name == "predicted target" and [row.name for row in rows.rows] == ["3", "7"]
    assert rows.rows[0].true == f"{y[3]:g}"


@no_pictures
@pytest.mark.slow
def test_other_rows_with_and_without_truth(numbers):
    X, y = numbers
    for y_eval in (None, y[80:]):
        report = quick(LogisticRegression(), X[:80], y[:80], X_eval=X[80:], y_eval=y_eval).compute()
        (rows,) = blocks(report.content_, Rows)
        assert {row.true for row in rows.rows} == ({""} if y_eval is None else set(y[80:][report.rows_]))
        assert not any("among those" in str(block) for block in section(report, "made").blocks)


@no_pictures
def test_one_column_and_names_that_are_numbers(table):
    X, y = table
    content = quick(LogisticRegression(), pd.DataFrame(X[[NAMES["number"]]].to_numpy()), y).compute().content_
    assert "one column only" in " ".join(caution.text for caution in content.cautions)
    assert [tile.value for tile in content.tiles[1:]] == ["x0"]  # its name, and nothing that compares columns


@no_pictures
@pytest.mark.slow
def test_a_torch_module_many_classes_and_booleans(numbers):
    X, _ = numbers
    module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    y = (np.arange(len(X)) % 3).astype(int)
    report = quick(module, X.astype("float32"), y, explainers=["ig"]).compute()
    assert report.content_.sections[3].answer.startswith("SHAP is not among the explainers")
    assert quick(LogisticRegression(), X, X[:, 0] > 0).compute().content_.tiles[0].label == "ROC AUC"


@no_pictures
def test_groups_and_one_of_many_outputs():
    X, y = load_linnerud(return_X_y=True, as_frame=True)
    report = quick(LinearRegression(), X, y, target=1, feature_groups={"both": ["Chins", "Situps"]}).compute()
    assert [row[0] for row in section(report, "columns").blocks[0].rows] in (["both", "Jumps"], ["Jumps", "both"])
    with pytest.raises(ValueError, match="name one by the 'target' parameter, such as target=0"):
        quick(LinearRegression(), X, y).compute()


@pytest.mark.slow
def test_images_are_told_of_by_pictures():
    rng = np.random.RandomState(0)
    X = rng.rand(40, 1, 6, 6).astype("float32")
    y = (X[:, 0, :3].mean(axis=(1, 2)) > X[:, 0, 3:].mean(axis=(1, 2))).astype(int)
    module = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    masks = X > 0.7
    report = quick(module, X, y, explainers=["IntegratedGradients", "Occlusion"], concepts=masks).compute()
    keys = [section.key for section in report.content_.sections]
    assert "inside" in keys and "rules" not in keys
    assert not blocks(report.content_, Rows) and len(section(report, "rows").blocks) == 2
    assert "'1'" in section(report, "inside").answer
    assert "pixels" in section(report, "faithfulness").answer


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"X": np.empty((0, 2)), "y": []}, ValueError, "X must have rows"),
        ({"X": np.empty((90, 0))}, ValueError, "at least one column"),
        ({"X": np.ones((5, 1)), "y": [0, 1, 0, 1, 0]}, ValueError, "at least 10 rows. Got 5"),
        ({"y": ["a"] * 12}, ValueError, "same number of rows. Got 90 and 12"),
        ({"y": ["a"] * 90}, ValueError, "at least two classes to tell apart. Got 'a'"),
        ({"y": [None, *["a", "b"] * 44, "a"]}, ValueError, "y misses a value in 1 of 90 rows"),
        ({"cv": None}, ValueError, "at least 2 folds"),
        ({"rows": [90]}, ValueError, r"'rows' parameter .* below 90. Got \[90\]"),
        ({"max_rows": 0}, ValueError, "'max_rows' parameter"),
        ({"y_eval": [1]}, ValueError, "'X_eval', which is not given"),
        ({"X_eval": np.ones((3, 2)), "y_eval": [1]}, ValueError, "each of the 3 rows"),
        ({"explainers": ["Shaply"]}, ValueError, "did you mean Shapley"),
        ({"explainers": ["GradCAM"]}, ValueError, "GradCAM explains images"),
        ({"explainers": {"a": ShapleyExplainer}}, TypeError, "Got the class ShapleyExplainer"),
        ({"explainers": ["ig"]}, ValueError, "IntegratedGradients cannot explain this model"),
        ({"feature_groups": {"a": ["nope"]}}, ValueError, "'nope'"),
        ({"target": "nope"}, ValueError, "one of the classes"),
        ({"estimator": StandardScaler()}, TypeError, "a classifier or a regressor"),
        ({"estimator": LogisticRegression}, TypeError, "an instance"),
        ({"X": [["a"], ["b"]] * 45}, ValueError, "could not convert"),
        ({"X": ["a text"] * 90}, ValueError, "tables and images"),
    ],
)
def test_one_clear_error(numbers, change, error, words):
    X, y = numbers
    settings = {"estimator": LogisticRegression(), "X": X, "y": y} | change
    with pytest.raises(error, match=words):
        quick(**settings).compute()


def test_columns_of_words_without_a_step_for_them(table):
    with pytest.raises(ValueError, match=r"the columns \['naïve 列'\] of X hold other values. Put a ColumnTransformer"):
        quick(LogisticRegression(), *table).compute()


def test_a_net_on_missing_values_says_so(numbers):
    X, y = numbers
    X = np.where(X > 1, np.nan, X).astype("float32")
    with pytest.raises(ValueError, match="not a finite number"):
        quick(classifier(), X, y).compute()


# ---------------------------------------------------------------------- intervals
def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.RandomState(0)
    values = rng.randn(40, 200)[None]
    hits = 0
    for k in range(200):
        low, high = interval_of_means(np.repeat(values[:, :, k : k + 1], 3, axis=0), seed=k)
        hits += low[0] <= 0 <= high[0]
    assert 0.88 <= hits / 200 <= 0.99


@pytest.mark.slow
def test_the_census_table_by_default(tmp_path):
    from sklearn_xai.datasets import load_adult

    X, y = load_adult(return_X_y=True)
    model = pipeline(LogisticRegression(max_iter=1000))
    report = ExplanationReport(model, X[:1200], y[:1200], X_eval=X[2000:2015], y_eval=y[2000:2015], random_state=0)
    path = report.save(tmp_path / "report.html")
    assert path.stat().st_size < 2_000_000
    assert list(report.comparison_.index[:2]) == ["Shapley", "LocalSurrogate"]
    assert report.comparison_.loc["Shapley", "faithfulness"] > 0.6
    assert float(report.content_.tiles[0].value) > 0.85
