"""What EvaluationDisplay draws is the evaluation it was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import roc_curve

from sklearn_xai.display import EvaluationDisplay
from sklearn_xai.display._evaluation_plots import RATES, roc_curves
from sklearn_xai.model_selection import evaluate_model
from tests.nets import classifier


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    names = np.array(["$setosa$", "versicolor", "virginica"])
    return evaluate_model(classifier(max_epochs=4, lr=0.1), X, names[y], cv=3, random_state=0)


@pytest.fixture(scope="module")
def values():
    X, y = load_diabetes(return_X_y=True)
    return evaluate_model(Ridge(), X, y, cv=3, cost=False)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def marks(ax, label):
    return next(line for line in ax.lines if line.get_label().startswith(label))


def test_panels_of_classes_and_of_values(flowers, values):
    assert list(flowers.plot().axes_) == ["scores", "errors", "confusion", "calibration", "roc", "loss"]
    assert list(values.plot().axes_) == ["scores", "errors", "predicted", "residuals"]


def test_measures_show_folds_mean_and_baseline(flowers):
    display = EvaluationDisplay.from_evaluation(flowers)
    for panel, better in (("scores", "higher"), ("errors", "lower")):
        ax, table = display.axes_[panel], flowers.table[flowers.table["better"] == better][::-1]
        assert_allclose(marks(ax, "mean").get_xdata(), table["mean"])
        assert_allclose(marks(ax, "baseline").get_xdata(), table["baseline"])
        assert_allclose(np.sort(marks(ax, "one fold").get_xdata()), np.sort(flowers.folds[table.index].values.ravel()))
        ends = np.array([part[:, 0] for part in ax.collections[0].get_segments()])
        assert_allclose(ends, np.column_stack([table["mean"] - table["std"], table["mean"] + table["std"]]))
        assert ax.get_xlim()[0] <= ends.min()
        assert ends.max() <= ax.get_xlim()[1]
    assert display.axes_["errors"].get_xlim()[0] == 0
    mean, std = flowers.table.loc["accuracy", ["mean", "std"]]
    assert texts(display.axes_["scores"])[-1] == f"{mean:.3f} ± {std:.3f}"


def test_confusion_is_shares_of_the_true_class(flowers):
    ax = EvaluationDisplay(flowers).plot(panels="confusion").axes_["confusion"]
    counts = flowers.confusion.to_numpy()
    assert_allclose(ax.images[0].get_array(), counts / counts.sum(axis=1, keepdims=True))
    shown = np.array(texts(ax)).reshape(3, 3)
    assert (shown == "").tolist() == (counts == 0).tolist()
    assert shown[0, 0].endswith(f"\n{counts[0, 0]}")
    assert [label.get_text() for label in ax.get_yticklabels()] == [r"\$setosa\$", "versicolor", "virginica"]


def test_calibration_shows_the_curve_and_the_shares_of_rows(flowers):
    ax = EvaluationDisplay(flowers).plot(panels=["calibration"]).axes_["calibration"]
    bins = flowers.calibration
    assert_allclose(marks(ax, "share that").get_xydata(), bins[["confidence", "accuracy"]])
    assert_allclose([bar.get_height() for bar in ax.patches], bins["n_rows"] / 150)


def test_roc_is_the_mean_of_the_folds(flowers):
    ax = EvaluationDisplay(flowers).plot(panels="roc").axes_["roc"]
    rows = flowers.predictions["fold"] == 1
    false, true, _ = roc_curve(flowers.predictions["true"][rows] == "virginica", flowers.scores["virginica"][rows])
    curves = roc_curves(flowers, "virginica")
    assert curves.shape == (3, len(RATES))
    assert_allclose(curves[1, 1:], np.interp(RATES, false, true)[1:])
    assert_allclose(marks(ax, "virginica").get_ydata(), curves.mean(axis=0))
    area = flowers.table.loc["roc_auc", "mean"]
    means = [np.trapezoid(roc_curves(flowers, name).mean(axis=0), RATES) for name in flowers.confusion.index]
    assert_allclose(np.mean(means), area, atol=0.01)


def test_two_classes_have_one_curve_and_its_folds():
    X, y = load_iris(return_X_y=True)
    display = EvaluationDisplay.from_estimator(LogisticRegression(C=0.001), X[50:], y[50:], 3, cost=False, panels="roc")
    ax = display.axes_["roc"]
    assert len(ax.lines) == 3 + 1 + 2  # folds, mean, chance, and the key of the folds
    assert "2: " in marks(ax, "2").get_label()


def test_losses_are_means_and_ranges(flowers):
    ax = EvaluationDisplay(flowers).plot(panels="loss").axes_["loss"]
    losses = flowers.loss_curves.pivot(index="epoch", columns="fold", values="train_loss")
    assert_allclose(marks(ax, "training").get_ydata(), losses.mean(axis=1))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert_allclose([band.min(), band.max()], [losses.min().min(), losses.max().max()])
    assert len(ax.lines) == 1  # no validation


def test_values_and_their_errors(values):
    display = values.plot()
    table = values.predictions
    assert_allclose(display.axes_["predicted"].collections[0].get_offsets(), table[["true", "predicted"]])
    bars = display.axes_["residuals"].patches
    assert sum(bar.get_height() for bar in bars) == len(table)
    std = (table["predicted"] - table["true"]).std(ddof=0)
    assert f"std {std:.2g}" in display.axes_["residuals"].get_title(loc="left")


def test_many_rows_are_thinned_out_and_that_is_said(values):
    from dataclasses import replace

    import pandas as pd

    many = replace(values, predictions=pd.concat([values.predictions] * 30, ignore_index=True))
    ax = EvaluationDisplay(many).plot(panels="predicted").axes_["predicted"]
    assert len(ax.collections[0].get_offsets()) == 13260 // 3
    assert "(4,420 of 13,260 rows)" in ax.get_title(loc="left")


def test_what_is_not_there_is_not_drawn():
    X, y = load_digits(return_X_y=True)
    found = evaluate_model(RidgeClassifier(), X[:400], y[:400], cv=2, cost=False, scoring="f1_micro")
    display = found.plot()
    assert list(display.axes_) == ["scores", "confusion", "roc"]
    assert "the 7 hardest of 10 classes" in display.axes_["roc"].get_title(loc="left")
    assert "f1_micro" in [label.get_text() for label in display.axes_["scores"].get_yticklabels()]
    with pytest.raises(ValueError, match=r"some of \['scores', 'confusion', 'roc'\].*Got \['loss'\]"):
        found.plot(panels="loss")


def test_own_scores_that_are_no_shares_are_left_to_the_table(values):
    X, y = load_diabetes(return_X_y=True)
    found = evaluate_model(Ridge(), X, y, cv=2, cost=False, scoring="neg_max_error")
    labels = [label.get_text() for label in found.plot().axes_["scores"].get_yticklabels()]
    assert labels == ["R2"]


def test_one_fold_and_several_outputs():
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, -y])
    display = EvaluationDisplay.from_estimator(Ridge().fit(X, both), X, both, cost=False, n_bootstrap=3)
    assert list(display.axes_) == ["scores", "errors"]
    assert "bootstrap" in marks(display.axes_["scores"], "mean").get_label()


def test_title_says_what_and_what_it_costs(flowers):
    title = flowers.plot().figure_.get_suptitle()
    assert title.startswith("NeuralNetClassifier: classification, 150 rows in 3 folds\none row ")
    assert "67 parameters" in title


def test_axes_are_taken_and_shared(flowers, ax):
    display = flowers.plot(ax=ax)
    assert display.ax_ is ax
    assert len(ax.child_axes) == 6
    assert plt.get_fignums() == []
    one = Figure().subplots()
    single = flowers.plot(ax=one, panels="roc", alpha=0.5)
    assert single.axes_["roc"] is one
    assert marks(one, "virginica").get_alpha() == 0.5


@pytest.mark.parametrize("name", ["flowers", "values"])
def test_no_text_lies_on_another(name, request):
    display = request.getfixturevalue(name).plot()
    display.figure_.draw_without_rendering()
    boxes = []
    for ax in display.axes_.values():
        labels = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label, ax._left_title]
        for axis in (ax.xaxis, ax.yaxis):  # of ticks within the axes
            low, high = sorted(axis.get_view_interval())
            labels += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        labels += ax.get_legend().get_texts() if ax.get_legend() else []
        boxes += [(t.get_text(), t.get_window_extent()) for t in labels if t.get_text() and t.get_visible()]
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            assert not box.padded(-1).overlaps(other.padded(-1)), (first, second)


def test_one_clear_error(flowers):
    with pytest.raises(TypeError, match="must be what evaluate_model returned. Got LogisticRegression"):
        EvaluationDisplay(LogisticRegression())
    with pytest.raises(TypeError, match=r"hands \['alpha'\] to one panel"):
        flowers.plot(alpha=0.5)
    with pytest.raises(ValueError, match="once. Got"):
        flowers.plot(panels=["roc", "roc"])
