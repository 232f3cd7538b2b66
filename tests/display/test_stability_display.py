"""What StabilityDisplay draws is the agreement it was given."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from sklearn_xai.display import StabilityDisplay

MEASURES = ("spearman", "top_k_overlap", "sign_agreement", "cosine")


def stability(n_pairs=3, n_eval=40, n_features=4):
    rng = np.random.RandomState(0)
    bunch = Bunch(**{name: 1 - 0.5 * rng.rand(n_pairs, n_eval) for name in MEASURES})
    bunch["overall"] = {name: float(bunch[name].mean()) for name in MEASURES}
    bunch["interval"] = {name: (bunch["overall"][name] - 0.1, bunch["overall"][name] + 0.05) for name in MEASURES}
    bunch["attributions"] = rng.randn(3, n_eval, n_features) * np.arange(1, n_features + 1)
    bunch["feature_names"] = np.array([f"c{i}" for i in range(n_features)])
    return bunch


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_box_shows_rows_mean_and_interval_of_each_measure(ax):
    bunch = stability()
    display = StabilityDisplay.from_stability(bunch, name="IG", ax=ax)
    assert display.ax_ is ax
    assert plt.get_fignums() == []
    assert labels(ax) == ["cosine similarity", "sign agreement", "top-k overlap", "Spearman correlation"]
    for y, name in enumerate(reversed(MEASURES)):
        mean, (low, high) = bunch["overall"][name], bunch["interval"][name]
        lines = [np.asarray(line.get_xydata()) for line in ax.lines]
        assert any(line.shape == (1, 2) and np.allclose(line, [[mean, y]]) for line in lines)
        assert any(line.shape == (2, 2) and np.allclose(line, [[low, y], [high, y]]) for line in lines)
        rows = bunch[name].mean(axis=0)
        box = ax.patches[y]
        assert_allclose([box.get_x(), box.get_x() + box.get_width()], np.percentile(rows, [25, 75]))
        assert f"{mean:.3g}" in ax.texts[y].get_text()
    assert ax.get_title(loc="left") == "IG"


def test_means_are_computed_when_not_given(ax):
    display = StabilityDisplay({"cosine": [[1.0, np.nan, 0.5]]}).plot(ax=ax)
    assert display.overall == {"cosine": 0.75}


def test_measure_that_is_nowhere_defined_is_written_as_such(ax):
    StabilityDisplay({"cosine": np.full((2, 3), np.nan), "spearman": np.ones((2, 3))}).plot(ax=ax)
    assert [text.get_text() for text in ax.texts] == ["1", "n/a"]


def test_negative_agreement_stays_inside(ax):
    StabilityDisplay({"spearman": -np.linspace(0, 1, 50)[None, :]}).plot(ax=ax)
    assert ax.get_xlim()[0] < -0.95


def test_features_show_the_mean_and_each_fold(ax):
    bunch = stability(n_features=6)
    StabilityDisplay.from_stability(bunch, kind="features", max_display=3, target_name="euros", ax=ax)
    folds = np.abs(bunch["attributions"]).mean(axis=1)
    order = np.argsort(-folds.mean(axis=0))
    shown = np.column_stack([folds[:, order[:3]], folds[:, order[3:]].sum(axis=1)])[:, ::-1]
    assert labels(ax) == ["3 other features", *(f"c{i}" for i in order[:3][::-1])]
    assert_allclose([bar.get_width() for bar in ax.patches], shown.mean(axis=0))
    ranges, points = ax.collections
    assert_allclose([segment[:, 0] for segment in ranges.get_segments()], np.sort(shown, axis=0)[[0, -1]].T)
    assert_allclose(np.sort(points.get_offsets()[:, 0]), np.sort(shown.ravel()))
    assert "attribution to euros" in ax.get_xlabel()


def test_features_all_zero_are_drawn(ax):
    StabilityDisplay({"cosine": [[1.0]]}, attributions=np.zeros((2, 1, 1))).plot("features", ax=ax)
    assert ax.get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize("kind", ["bar", None])
def test_wrong_kind_is_named(kind):
    with pytest.raises(
        ValueError, match=r"'kind' parameter of StabilityDisplay.plot must be one of 'box', 'features', 'matrix'"
    ):
        StabilityDisplay({"cosine": [[1.0]]}).plot(kind)
    assert plt.get_fignums() == []


def test_features_need_attributions():
    with pytest.raises(ValueError, match=r"only when 'attributions' is given"):
        StabilityDisplay({"cosine": [[1.0]]}).plot("features")


def test_shapes_that_do_not_match_name_the_parameter():
    with pytest.raises(ValueError, match=r"'attributions' parameter .* Got shape \(2, 3\)"):
        StabilityDisplay({}, attributions=np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"'feature_names' parameter .* 4 features .* Got 1"):
        StabilityDisplay({}, attributions=np.ones((2, 3, 4)), feature_names=["a"])


def test_bunch_without_measures_is_refused():
    with pytest.raises(ValueError, match=r"at least one of spearman.* Got the fields \['other'\]"):
        StabilityDisplay.from_stability({"other": 1})


def test_from_estimator_asks_for_the_stability(monkeypatch, ax):
    calls = []

    def explanation_stability(*args, **kwargs):
        calls.append((args, kwargs))
        return stability()

    module = SimpleNamespace(explanation_stability=explanation_stability)
    monkeypatch.setitem(sys.modules, "sklearn_xai.model_selection", module)
    display = StabilityDisplay.from_estimator("explainer", "X", "y", cv=4, X_eval="E", ax=ax)
    assert calls == [(("explainer", "X", "y"), {"cv": 4, "X_eval": "E"})]
    assert display.name == "str"
    assert list(display.measures) == list(MEASURES)


def cells(ax):
    n = len(labels(ax))
    return np.array([text.get_text() for text in ax.texts]).reshape(n, n)


def test_matrix_shows_the_mean_over_rows_of_each_pair(ax):
    display = StabilityDisplay.from_stability(stability(), kind="matrix", measure="cosine", name="IG", ax=ax)
    assert display.ax_ is ax
    assert plt.get_fignums() == []
    means = stability()["cosine"].mean(axis=1)  # pairs 0-1, 0-2, 1-2
    expected = np.array([[1, means[0], means[1]], [means[0], 1, means[2]], [means[1], means[2], 1]])
    assert_allclose(ax.images[0].get_array(), expected)
    assert labels(ax) == ["fold 1", "fold 2", "fold 3"]
    assert cells(ax)[0].tolist() == ["1.00", f"{means[0]:.2f}", f"{means[1]:.2f}"]
    assert ax.figure.axes[-1].get_ylabel() == "cosine similarity, mean over rows"


def test_matrix_takes_the_first_measure_when_none_is_named(ax):
    StabilityDisplay({"cosine": [[0.5]], "spearman": [[0.1]]}).plot("matrix", ax=ax)
    assert_allclose(ax.images[0].get_array(), [[1, 0.5], [0.5, 1]])


def test_matrix_of_some_pairs_writes_the_others_as_unknown(ax):
    bunch = Bunch(cosine=[[0.5], [np.nan]], pairs=[[0, 2], [1, 2]], conditions={"folds": [0, 1, 0], "seeds": [0, 0, 1]})
    StabilityDisplay.from_stability(bunch, kind="matrix", ax=ax)
    assert cells(ax).tolist() == [["1.00", "n/a", "0.50"], ["n/a", "1.00", "n/a"], ["0.50", "n/a", "1.00"]]
    assert labels(ax) == ["fold 1", "fold 2", "fold 1, seed 2"]


def test_unit_is_what_the_conditions_say(ax):
    bunch = stability() | {"conditions": {"seeds": np.arange(3)}}
    StabilityDisplay.from_stability(bunch, ax=ax)
    assert "agreement between seeds" in ax.get_xlabel()


def test_sources_are_bars_the_largest_on_top(ax):
    shares = {"folds": 0.25, "seeds": 0.7, "noise": 0.05, "weather": np.nan}
    StabilityDisplay({"cosine": [[1.0]]}, sources=shares).plot("sources", ax=ax)
    assert labels(ax) == ["weather", "noise on the rows", "other training rows", "retraining with another seed"]
    assert_allclose([bar.get_width() for bar in ax.patches], [0, 0.05, 0.25, 0.7])
    assert [text.get_text() for text in ax.texts] == ["n/a", "5 %", "25 %", "70 %"]
    ax.figure.draw_without_rendering()
    assert all(text.get_window_extent().x1 <= ax.bbox.x1 for text in ax.texts)


def test_sources_are_taken_from_the_decomposition(ax):
    bunch = stability() | {"decomposition": Bunch(shares={"folds": 1.0, "noise": 0.0})}
    display = StabilityDisplay.from_stability(bunch, kind="sources", ax=ax)
    assert display.sources == {"folds": 1.0, "noise": 0.0}


def test_what_a_kind_needs_is_named():
    with pytest.raises(ValueError, match=r"can be 'sources' only when 'sources' is given"):
        StabilityDisplay({"cosine": [[1.0]]}).plot("sources")
    with pytest.raises(ValueError, match=r"'measure' parameter of StabilityDisplay.plot .* Got 'kappa'"):
        StabilityDisplay({"cosine": [[1.0]]}).plot("matrix", measure="kappa")
    with pytest.raises(ValueError, match=r"'measure' parameter of StabilityDisplay.plot .* Got 'kappa'"):
        StabilityDisplay({"cosine": [[1.0]]}).plot("box", measure="kappa")
    with pytest.raises(ValueError, match=r"'pairs' parameter of StabilityDisplay .* 2 pairs of 'cosine'. Got none"):
        StabilityDisplay({"cosine": [[1.0], [1.0]]}).plot("matrix")
    with pytest.raises(ValueError, match=r"'split_names' parameter of StabilityDisplay .* 3 folds. Got 1"):
        StabilityDisplay({"cosine": [[1.0]]}, pairs=[[0, 2]], split_names=["a"]).plot("matrix")
    with pytest.raises(ValueError, match=r"'pairs' parameter of StabilityDisplay .* Got shape \(1, 3\)"):
        StabilityDisplay({"cosine": [[1.0]]}, pairs=[[0, 1, 2]])
    with pytest.raises(ValueError, match=r"'sources' parameter of StabilityDisplay .* none below 0"):
        StabilityDisplay({"cosine": [[1.0]]}, sources={"folds": -0.1})
    assert plt.get_fignums() == []
