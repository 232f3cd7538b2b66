"""What ProjectionDisplay draws is what was projected, and what it writes is what was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.manifold import TSNE, trustworthiness
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_xai import EmbeddingSimilarity, InputXGradientExplainer, LayerActivations
from sklearn_xai.display import ProjectionDisplay
from sklearn_xai.display._projection_colors import TEN
from tests.nets import MLP, classifier, regressor, table

IRIS = load_iris(as_frame=True)
SPECIES = pd.Series(IRIS.target_names[IRIS.target], name="species")


def mixed(n=60, seed=0):
    """Return a DataFrame of numbers and texts, labels in words, and a number for each row."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n),
            "income": rng.lognormal(size=n).round(2),
            "city": rng.choice(["Rome", "Oslo", "Lima"], n),
        }
    )
    y = (X["age"] / 40 + X["income"] + (X["city"] == "Rome")).to_numpy(np.float32)
    return X, np.where(y > np.median(y), "rich", "poor"), y


def pipeline(net):
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(sparse_output=False), ["city"])
    )
    return make_pipeline(columns, net)


@pytest.fixture(scope="module")
def pipe():
    X, labels, _ = mixed()
    net = NeuralNetClassifier(
        MLP,
        criterion=nn.CrossEntropyLoss,
        module__n_features=5,
        module__n_outputs=2,
        max_epochs=8,
        lr=0.1,
        train_split=None,
        verbose=0,
    )
    return LayerActivations(pipeline(net), layer="act", random_state=0).fit(X, labels).estimator_


def written(display):
    """Return everything that is written above the points, in one line."""
    ax = display.ax_
    head = next(text for text in ax.texts if text not in display.word_texts_)
    return f"{ax.get_title(loc='left')}\n{head.get_text()}".replace("\n", " ")


def new():
    return Figure(figsize=(7, 4)).subplots()


def drawn(ax):
    return np.concatenate([np.asarray(points.get_offsets()) for points in ax.collections])


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ---------------------------------------------------------------------- what is projected
def test_pca_of_a_matrix_and_its_numbers(ax):
    X = IRIS.data
    display = ProjectionDisplay.from_matrix(X, ax=ax)
    pca = PCA(2)
    expected = pca.fit_transform(X)
    assert_allclose(display.projection_, expected, atol=1e-12)
    assert_allclose(drawn(ax), expected, atol=1e-12)
    assert_allclose(display.explained_variance_ratio_, pca.explained_variance_ratio_)
    assert_allclose(display.trustworthiness_, trustworthiness(X, expected), atol=2e-3)
    first, second = 100 * pca.explained_variance_ratio_
    assert ax.get_xlabel() == f"principal component 1 ({first:.1f} % of the variance)"
    assert ax.get_ylabel() == f"principal component 2\n({second:.1f} % of the variance)"
    assert f"trustworthiness {display.trustworthiness_:.3f}" in written(display)
    assert f"continuity {display.continuity_:.3f} (5 nearest)" in written(display)
    assert f"{first + second:.1f} % of the variance" in written(display)
    assert "PCA of 150 rows" in written(display)
    assert ax.get_aspect() == 1
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert plt.get_fignums() == []


@pytest.mark.parametrize("method", ["tsne", pytest.param("opentsne", marks=pytest.mark.slow)])
def test_tsne_of_a_matrix_and_its_numbers(ax, method):
    X = IRIS.data.to_numpy()[::3]
    display = ProjectionDisplay.from_matrix(
        X, method=method, perplexity=6, random_state=0, color=SPECIES[::3], name="Iris", ax=ax
    )
    if method == "tsne":
        assert_array_equal(display.projection_, TSNE(perplexity=6, random_state=0).fit_transform(X))
    assert display.explained_variance_ratio_ is None
    assert "perplexity 6" in written(display) and written(display).startswith("Iris ")
    assert f"{100 * display.variance_share_:.1f} % of the variance is linear in the axes" in written(display)
    assert ax.get_xlabel() == "t-SNE axis 1 (no unit)"
    assert len(ax.get_xticks()) == 0


@pytest.mark.slow
def test_umap_of_a_matrix(ax):
    display = ProjectionDisplay.from_matrix(IRIS.data, method="umap", random_state=0, ax=ax)
    assert "UMAP of 150 rows; 15 neighbours" in written(display)


def test_impossible_perplexity_says_the_largest_one_for_the_rows_that_are_drawn(ax):
    with pytest.raises(
        ValueError, match="from_matrix must be a number from 1 to 59, the largest possible one for 60 rows"
    ):
        ProjectionDisplay.from_matrix(IRIS.data, method="tsne", perplexity=70, max_rows=60, ax=ax)


def test_of_many_rows_some_are_drawn_and_it_is_said_so(ax):
    display = ProjectionDisplay.from_matrix(IRIS.data, color=SPECIES, max_rows=40, random_state=0, ax=ax)
    assert "PCA of 40 of 150 rows, drawn at random" in written(display)
    assert display.rows_.shape == (40,) and (np.diff(display.rows_) > 0).all()
    assert_allclose(display.projection_, PCA(2).fit_transform(IRIS.data.to_numpy()[display.rows_]), atol=1e-12)
    assert_array_equal(display.coloring.values, SPECIES[display.rows_])
    again = ProjectionDisplay.from_matrix(IRIS.data, max_rows=40, random_state=0, ax=ax)
    other = ProjectionDisplay.from_matrix(IRIS.data, max_rows=40, random_state=1, ax=ax)
    assert_array_equal(again.rows_, display.rows_)
    assert not np.array_equal(other.rows_, display.rows_)
    assert len(ProjectionDisplay.from_matrix(IRIS.data, max_rows=None, ax=ax).rows_) == 150
    with pytest.raises(ValueError, match="'max_rows' parameter .* from 4, or None for all. Got 3"):
        ProjectionDisplay.from_matrix(IRIS.data, max_rows=3)


@pytest.mark.parametrize("form", ["layers", "pipeline", "explainer"])
def test_activations_of_a_pipeline_on_mixed_columns(ax, pipe, form):
    X, labels, _ = mixed()
    layers = LayerActivations(pipe, layer="act").fit(X)
    estimator, params = {
        "layers": (layers, {}),
        "pipeline": (pipe, {"layer": "act"}),
        "explainer": (InputXGradientExplainer(pipe).fit(X), {"layer": "act", "of": "activations"}),
    }[form]
    display = ProjectionDisplay.from_estimator(estimator, X, labels, **params, ax=ax)
    assert_allclose(display.projection_, PCA(2).fit_transform(layers.transform(X).astype(float)), atol=1e-5)
    assert written(display).startswith("Activations of layer 'act' PCA of 60 rows")
    assert key(ax) == ["poor", "rich"] and ax.get_legend().get_title().get_text() == "class"


def test_attributions_of_an_explainer(ax, pipe):
    X, _, _ = mixed()
    explainer = InputXGradientExplainer(pipe).fit(X)
    display = ProjectionDisplay.from_estimator(explainer, X, max_rows=30, random_state=0, ax=ax)
    expected = PCA(2).fit_transform(explainer.transform(X.iloc[display.rows_]).astype(float))
    assert_allclose(display.projection_, expected, atol=1e-6)
    assert written(display).startswith("Attributions of InputXGradientExplainer")
    assert ax.get_legend().get_title().get_text() == "predicted class"
    assert_array_equal(display.coloring.values, explainer.predict(X.iloc[display.rows_]))


def test_attributions_of_images_are_flattened(ax):
    digits = load_digits()
    images = (digits.images[:60, None] / 16).astype(np.float32)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))
    explainer = InputXGradientExplainer(module).fit(images)
    display = ProjectionDisplay.from_estimator(explainer, images, digits.target[:60], ax=ax)
    flat = explainer.transform(images).reshape(60, -1).astype(float)
    assert_allclose(display.projection_, PCA(2).fit_transform(flat), atol=1e-5)
    # A module has no classes: of several outputs the largest is taken for what it predicts.
    display = ProjectionDisplay.from_estimator(module, images, color="predicted", layer="0", ax=ax)
    with torch.no_grad():
        assert_array_equal(display.coloring.values, module(torch.from_numpy(images)).argmax(dim=1))


def test_words_of_an_embedding(ax):
    rng = np.random.RandomState(0)
    vectors = np.repeat(4 * rng.randn(3, 6), 10, axis=0) + rng.randn(30, 6)
    words = [f"{kind}{i}" for kind in ("city", "verb", "name") for i in range(10)]
    embedding = EmbeddingSimilarity.from_vectors(words, vectors)
    display = ProjectionDisplay.from_estimator(embedding, ax=ax)
    assert_allclose(display.projection_, PCA(2).fit_transform(vectors), atol=1e-12)
    # The neighbours are those of the embedding, which are found by the cosine.
    assert_allclose(display.trustworthiness_, trustworthiness(vectors, display.projection_, metric="cosine"))
    assert "PCA of 30 words" in written(display)
    chosen = ["verb3", "city1", "name9"]
    display = ProjectionDisplay.from_estimator(embedding, words[5:25], annotate=chosen[:1], ax=new())
    assert display.words == words[5:25] and [text.get_text() for text in display.word_texts_] == ["verb3"]
    display = ProjectionDisplay.from_estimator(embedding, annotate=chosen, max_rows=8, random_state=0, ax=new())
    assert [text.get_text() for text in display.word_texts_] == chosen
    assert "8 of 30 words" in written(display)


def test_embedding_of_a_network(ax):
    module = nn.Sequential(nn.Embedding(12, 5), nn.Flatten(), nn.Linear(20, 2))
    display = ProjectionDisplay.from_estimator(module, of="embedding", ax=ax)
    weights = module[0].weight.detach().numpy().astype(float)
    assert_allclose(display.projection_, PCA(2).fit_transform(weights), atol=1e-5)
    assert written(display).startswith("Vectors of embedding '0'")


def test_a_transformer_of_its_own(ax):
    X = IRIS.data.to_numpy()
    display = ProjectionDisplay.from_estimator(StandardScaler().fit(X), X, ax=ax)
    assert_allclose(display.projection_, PCA(2).fit_transform(StandardScaler().fit_transform(X)), atol=1e-12)
    assert display.coloring is None and ax.get_legend() is None


def test_what_is_given_is_left_as_it_was(ax, pipe):
    X, labels, _ = mixed()
    kept, module = X.copy(), pipe[-1].module_
    before = {name: value.clone() for name, value in module.state_dict().items()}
    states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    module.train()
    ProjectionDisplay.from_estimator(pipe, X, labels, layer="act", method="tsne", color="error", max_rows=20, ax=ax)
    assert module.training and not module.act._forward_hooks
    for name, value in module.state_dict().items():
        assert_array_equal(value, before[name])
    assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert_array_equal(states[1], torch.get_rng_state())
    pd.testing.assert_frame_equal(X, kept)


# ---------------------------------------------------------------------- colours
def test_classes_have_a_colour_and_a_place_in_the_legend_each(ax):
    display = ProjectionDisplay.from_matrix(IRIS.data, color=SPECIES, ax=ax)
    assert key(ax) == ["setosa", "versicolor", "virginica"]
    assert ax.get_legend().get_title().get_text() == "species"
    for points, name in zip(ax.collections, key(ax), strict=True):
        assert_allclose(points.get_offsets(), display.projection_[SPECIES == name])
    assert len({tuple(points.get_facecolor()[0]) for points in ax.collections}) == 3


def test_ten_classes_have_ten_colours(ax):
    X = np.random.RandomState(0).randn(60, 4)
    ProjectionDisplay.from_matrix(X, color=np.arange(60) % 10, ax=ax)
    assert key(ax) == [str(i) for i in range(10)]
    assert len({tuple(points.get_facecolor()[0]) for points in ax.collections}) == len(set(TEN)) == 10


def test_of_more_classes_the_largest_have_a_colour_and_missing_ones_are_said(ax):
    labels = np.array([f"c{i:02d}" for i in range(12) for _ in range(i + 1)] + [None] * 3, dtype=object)
    X = np.random.RandomState(0).randn(len(labels), 4)
    ProjectionDisplay.from_matrix(X, color=labels, ax=ax)
    assert key(ax) == [f"c{i:02d}" for i in range(3, 12)] + ["3 others", "missing (3)"]
    assert len(ax.collections[-2].get_offsets()) == 1 + 2 + 3
    assert len(drawn(ax)) == len(labels)


@pytest.mark.parametrize("where", ["own", "data", "array"])
def test_a_column_of_numbers_has_a_colour_bar(ax, where):
    values = IRIS.data["petal width (cm)"].rename("width").where(IRIS.data.index % 10 > 0)
    X, data, color = {
        "own": (IRIS.data, None, "petal width (cm)"),
        "data": (IRIS.data, values.to_frame(), "width"),
        "array": (IRIS.data, None, values),
    }[where]
    display = ProjectionDisplay.from_matrix(X, color=color, data=data, ax=ax)
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == ("petal width (cm)" if where == "own" else "width")
    points = ax.collections[-1]
    known = np.isfinite(display.coloring.values)
    assert_allclose(points.get_array(), display.coloring.values[known])
    assert_allclose(points.get_offsets(), display.projection_[known])
    if where == "own":
        assert known.all()
    else:
        assert key(ax) == ["missing (15)"]


def test_column_of_a_table_behind_a_pipeline(ax, pipe):
    X, labels, _ = mixed()
    display = ProjectionDisplay.from_estimator(pipe, X, labels, color="city", max_rows=30, ax=ax)
    assert_array_equal(display.coloring.values, X["city"].iloc[display.rows_])
    assert key(ax) == ["Lima", "Oslo", "Rome"]
    ProjectionDisplay.from_estimator(pipe, X, color="age", ax=ax)
    assert ax.figure.axes[-1].get_ylabel() == "age"
    with pytest.raises(
        ValueError, match="name of a column, which are 'age', 'income', 'city'. Got 'aeg'. Did you mean 'age'"
    ):
        ProjectionDisplay.from_estimator(pipe, X, color="aeg")
    with pytest.raises(ValueError, match="but there is no table with named columns"):
        ProjectionDisplay.from_matrix(X[["age", "income"]].to_numpy(), color="age")


def test_errors_of_a_classifier(ax, pipe):
    X, labels, _ = mixed()
    labels = labels.copy()
    labels[:5] = np.where(labels[:5] == "rich", "poor", "rich")
    display = ProjectionDisplay.from_estimator(pipe, X, labels, color="error", ax=ax)
    wrong = LayerActivations(pipe).fit(X).predict(X) != labels
    assert 5 <= wrong.sum() < 30
    assert key(ax) == [f"correct ({(~wrong).sum()})", f"wrong ({wrong.sum()})"]
    assert_allclose(ax.collections[1].get_offsets(), display.projection_[wrong])
    assert f"{100 * wrong.mean():.1f} % wrong" in ax.get_legend().get_title().get_text()
    assert len(ax.collections[0].get_paths()[0].vertices) != len(ax.collections[1].get_paths()[0].vertices)
    with pytest.raises(ValueError, match=r"y holds labels such as 1, of which the estimator predicts none: .*'poor'"):
        ProjectionDisplay.from_estimator(pipe, X, np.ones(60, dtype=int), color="error")


def test_errors_of_a_regressor_have_a_sign(ax):
    X, _, y = mixed()
    net = NeuralNetRegressor(MLP, module__n_features=5, max_epochs=2, train_split=None, verbose=0)
    layers = LayerActivations(pipeline(net), random_state=0).fit(X, y)
    display = ProjectionDisplay.from_estimator(layers, X, y, color="error", ax=ax)
    assert_allclose(display.coloring.values, layers.predict(X) - y, rtol=1e-6)
    points = ax.collections[0]
    assert points.norm.vmin == -points.norm.vmax
    assert ax.figure.axes[-1].get_ylabel() == "error: predicted less actual"
    with pytest.raises(ValueError, match="predicts numbers, but y holds 'a'"):
        ProjectionDisplay.from_estimator(layers, X, ["a"] * 60, color="error")


def test_automatic_colours(ax):
    X, y, labels = table(40, n_classes=3)
    net = classifier().fit(X, labels.astype(np.int64))
    assert ProjectionDisplay.from_estimator(net, X, labels, ax=ax).coloring.name == "class"
    assert ProjectionDisplay.from_estimator(net, X, ax=ax).coloring.name == "predicted class"
    assert ProjectionDisplay.from_estimator(net, X, color=None, ax=ax).coloring is None
    numbers = regressor().fit(X, y[:, None])
    assert ProjectionDisplay.from_estimator(numbers, X, y, ax=ax).coloring.kind == "numbers"
    assert ProjectionDisplay.from_estimator(numbers, X, ax=ax).coloring.name == "prediction"


# ---------------------------------------------------------------------- words and layout
def boxes(display):
    display.figure_.draw_without_rendering()
    return [Text.get_window_extent(text) for text in display.word_texts_]  # without the lines to their points


def test_words_do_not_overlap_and_stay_inside(ax):
    X = np.random.RandomState(0).randn(200, 5)
    words = [f"word number {i}" for i in range(200)]
    display = ProjectionDisplay.from_matrix(X, words=words, annotate=30, ax=ax)
    found = boxes(display)
    assert 8 <= len(found) <= 30
    for i, one in enumerate(found):
        assert not any(one.overlaps(other) for other in found[:i])
        assert ax.bbox.x0 <= one.x0 and one.x1 <= ax.bbox.x1 and ax.bbox.y0 <= one.y0 and one.y1 <= ax.bbox.y1
    for text in display.word_texts_:
        assert_allclose(text.xy, display.projection_[words.index(text.get_text())])


def test_words_that_are_asked_for_are_all_there(ax):
    X = np.random.RandomState(0).randn(200, 5)
    words = [f"w{i}" for i in range(200)]
    display = ProjectionDisplay.from_matrix(X, words=words, annotate=words[:60], ax=ax)
    assert [text.get_text() for text in display.word_texts_] == words[:60]
    assert ProjectionDisplay.from_matrix(X, words=words, annotate=0, ax=ax).word_texts_ == []
    for wrong in ("w1", 1.5, -1, True):
        with pytest.raises(ValueError, match="'annotate' parameter .* must be a number of words, or a list of words"):
            ProjectionDisplay.from_matrix(X, words=words, annotate=wrong)
    with pytest.raises(ValueError, match="holds 'queen', which is none of the 200 words"):
        ProjectionDisplay.from_matrix(X, words=words, annotate=["queen"])


def test_legend_lies_beside_the_points_in_a_figure_without_layout():
    figure = Figure(figsize=(6, 4))
    ax = figure.subplots()
    before = ax.get_position().width
    ProjectionDisplay.from_matrix(IRIS.data, color=SPECIES, ax=ax)
    figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert ax.bbox.x1 <= legend.x0 and legend.x1 <= figure.bbox.x1
    assert ax.get_position().width < before


def test_small_axes_hold_what_is_written_above_them():
    figure = Figure(figsize=(8, 3))
    for ax in figure.subplots(1, 3):
        ProjectionDisplay.from_matrix(IRIS.data, color="sepal width (cm)", name="Iris", ax=ax)
    figure.draw_without_rendering()
    assert len(figure.axes) == 6  # each with its colour bar
    for ax in figure.axes[:3]:
        title, head = ax._left_title.get_window_extent(), ax.texts[0].get_window_extent()
        assert title.y1 <= figure.bbox.y1 and not title.overlaps(head) and head.y0 >= ax.bbox.y1
    heads = [ax.texts[0].get_window_extent() for ax in figure.axes[:3]]
    assert not heads[0].overlaps(heads[1]) and not heads[1].overlaps(heads[2])


def test_a_new_figure_holds_everything():
    display = ProjectionDisplay.from_matrix(IRIS.data, color=SPECIES, name="Iris")
    display.figure_.draw_without_rendering()
    page = display.figure_.bbox
    for part in (*display.ax_.texts, display.ax_.get_legend(), display.ax_.title):
        box = part.get_window_extent()
        assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1
    head = display.ax_.texts[0].get_window_extent()
    assert not head.overlaps(display.ax_._left_title.get_window_extent())


def test_settings_of_the_points_are_passed_on(ax):
    ProjectionDisplay.from_matrix(IRIS.data, color=SPECIES, ax=ax, alpha=0.25, s=7)
    assert all(points.get_alpha() == 0.25 and points.get_sizes()[0] == 7 for points in ax.collections)


# ---------------------------------------------------------------------- wrong use
def test_wrong_use_of_an_estimator(pipe):
    X, labels, _ = mixed()
    explainer = InputXGradientExplainer(pipe).fit(X)
    draw = ProjectionDisplay.from_estimator
    with pytest.raises(ValueError, match="'color' parameter .* is 'class', which needs the targets: give y"):
        draw(pipe, X, color="class")
    with pytest.raises(ValueError, match="is 'attributions', which an explainer makes: give a fitted one"):
        draw(pipe, X, of="attributions")
    with pytest.raises(
        ValueError, match="must be one of 'auto', 'activations', 'attributions', 'embedding'. Got 'units'"
    ):
        draw(pipe, X, of="units")
    with pytest.raises(ValueError, match="set of='activations'"):
        draw(explainer, X, layer="act")
    with pytest.raises(ValueError, match="must name a sub-module of MLP"):
        draw(pipe, X, layer="acts")
    with pytest.raises(ValueError, match="needs the rows to project: X is None"):
        draw(pipe)
    with pytest.raises(ValueError, match="'y' parameter .* one value for each of the 60 rows. Got 5 values"):
        draw(pipe, X, labels[:5])
    with pytest.raises(ValueError, match="'color' parameter .* one value for each of the 60 rows. Got 2 values"):
        draw(pipe, X, color=[1, 2])
    with pytest.raises(TypeError, match="must be a fitted explainer, a transformer such"):
        draw(object(), X)
    with pytest.raises(NotFittedError, match="from_estimator trains nothing. Fit it first, or give LayerActivations"):
        draw(pipeline(classifier()), X)
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        draw(pipe, X.iloc[:0])
    scaler = StandardScaler().fit(IRIS.data)
    with pytest.raises(ValueError, match="what is projected .StandardScaler. predicts nothing"):
        draw(scaler, IRIS.data, color="predicted")
    with pytest.raises(ValueError, match="'activations', which StandardScaler has none of"):
        draw(scaler, IRIS.data, of="activations")


def test_missing_values_are_named():
    X = IRIS.data.copy()
    X.iloc[3, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"1 of 150 rows of X hold NaN or infinite values \(columns sepal width \(cm\)\)"
    ):
        ProjectionDisplay.from_matrix(X)


@pytest.mark.parametrize(
    ("projection", "params", "message"),
    [
        (np.ones((3, 3)), {}, "'projection' parameter of ProjectionDisplay must have shape"),
        (np.ones((3, 2)), {"method": "mds"}, "'method' parameter of ProjectionDisplay must be one of"),
        (np.ones((3, 2)), {"color": [1, 2]}, "'color' parameter .* one value for each of the 3 rows. Got 2"),
        (np.ones((3, 2)), {"words": ["a"]}, "'words' parameter .* one value for each of the 3 rows. Got 1"),
        (np.ones((3, 2)), {"color": np.ones((3, 2))}, "must be one value for each point. Got shape"),
    ],
)
def test_wrong_parts(projection, params, message):
    with pytest.raises(ValueError, match=message):
        ProjectionDisplay(projection, **params)


def test_parts_that_are_not_known_are_not_written(ax):
    display = ProjectionDisplay([[0, 1], [2, 3.0]], method="tsne").plot(ax=ax)
    assert written(display).strip() == "t-SNE of 2 rows"
    assert ProjectionDisplay([[0, 1], [2, 3.0]]).plot(ax=ax).ax_.get_xlabel() == "principal component 1"
