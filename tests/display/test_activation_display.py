"""What ActivationDisplay draws is what comes out of the layer, as a hook of torch's own sees it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import LayerActivations, TokenEncoder, maximise_activation
from sklearn_xai.display import ActivationDisplay
from sklearn_xai.display._activation_order import shares_between
from sklearn_xai.display._activation_plots import grid_shape
from sklearn_xai.display._common import number_text
from sklearn_xai.display._image_plots import picture_of
from tests.nets import MLP, regressor, table
from tests.oracles import seeded
from tests.test_hygiene import random_states, state, worn_net

DIGITS = (load_digits().images[:60, None] / 16).astype(np.float32)
NUMBERS = load_digits().target[:60]
RGB = np.random.RandomState(0).uniform(-1, 2, (9, 3, 6, 5)).astype(np.float32)
IRIS = load_iris(as_frame=True)
SPECIES = IRIS.target_names[IRIS.target]


def new():
    return Figure(figsize=(8, 6), layout="constrained").subplots()


def conv(n_channels=1, n_pixels=64):
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(n_channels, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * n_pixels, 20), nn.ReLU()
        ),
        dtype=torch.float32,
    )


def hooked(module, layer, X):
    """Return what comes out of a layer."""
    seen = []
    hook = module.get_submodule(layer).register_forward_hook(lambda part, args, out: seen.append(out.numpy().copy()))
    with torch.no_grad():
        module(torch.as_tensor(X))
    hook.remove()
    return seen[0]


def title(display):
    return display.ax_.get_title(loc="left").replace("\n", " ")


def caption(display):
    return display.ax_.get_xlabel().replace("\n", " ")


def pixels(cell):
    return np.asarray(cell.images[-1].get_array())


def heads(cells):
    return [cell.get_title(loc="left") for cell in cells.ravel() if cell is not None]


@pytest.fixture(scope="module")
def pipe():
    """A net behind a Pipeline, trained on labels in words."""
    net = NeuralNetClassifier(
        MLP,
        criterion=nn.CrossEntropyLoss,
        module__n_outputs=3,
        max_epochs=20,
        lr=0.3,
        train_split=None,
        verbose=0,
    )
    seen = LayerActivations(make_pipeline(StandardScaler(), net), layer="act", random_state=0)
    return seen.fit(IRIS.data, SPECIES).estimator_


def units_of(pipe):
    return hooked(pipe[-1].module_, "act", pipe[0].transform(IRIS.data).astype(np.float32))


# ---------------------------------------------------------------------- one row
def test_feature_maps_are_those_of_a_hook():
    module, ax = conv(), new()
    maps = hooked(module, "0", DIGITS)[7]
    display = ActivationDisplay.from_feature_maps(module, DIGITS, layer="0", row=7, ax=ax)
    assert display.ax_ is ax and plt.get_fignums() == []
    assert_allclose(display.activations, maps, rtol=1e-5)
    assert_array_equal(display.units, range(6))
    image, *cells = display.image_axes_
    assert_allclose(pixels(image), DIGITS[7, 0] / DIGITS.max(), rtol=1e-6)
    assert_allclose([pixels(cell) for cell in cells], maps, rtol=1e-5)
    (low, high), *others = {cell.images[0].get_clim() for cell in cells}
    assert low == -high == pytest.approx(-np.quantile(abs(maps), 0.99, method="higher")) and not others
    assert heads(display.image_axes_) == ["the row", *(f"unit {i}" for i in range(6))]
    assert title(display) == "activations of layer '0', row 7"
    assert caption(display) == "images are shown from 0 (black) to 1 (white), the range of X."
    assert display.figure_.axes[-1].get_ylabel() == "activation"


def test_without_negative_activations_the_scale_begins_at_0():
    display = ActivationDisplay.from_feature_maps(conv(), DIGITS, layer="1", ax=new())
    assert {cell.images[0].get_clim()[0] for cell in display.image_axes_[1:]} == {0.0}
    dark, light = display.image_axes_[1].images[0].cmap([1.0, 0.0])[:, :3]
    assert light.min() > 0.95 > dark.max()


def test_the_units_of_largest_activation_are_drawn_in_their_order():
    module = conv()
    strength = abs(hooked(module, "0", DIGITS)[3]).max(axis=(1, 2))
    display = ActivationDisplay.from_feature_maps(module, DIGITS, layer="0", row=3, max_units=2, ax=new())
    assert_array_equal(display.units, np.sort(np.argsort(-strength)[:2]))
    assert "2 of 6 units, those with the largest absolute activation in this row." in caption(display)
    display = ActivationDisplay.from_feature_maps(module, DIGITS, layer="0", units=[4, 1], ax=new())
    assert_array_equal(display.units, [4, 1])
    assert_allclose(display.activations, hooked(module, "0", DIGITS)[0, [4, 1]], rtol=1e-5)
    assert "units" not in caption(display)


def test_flat_layers_are_bars():
    module = conv()
    values = hooked(module, "3", DIGITS)[2]
    display = ActivationDisplay.from_feature_maps(module, DIGITS, layer="3", row=2, units=[0, 5, 9], ax=new())
    bars = display.ax_.patches
    assert_allclose([bar.get_width() for bar in bars], values[[0, 5, 9]], rtol=1e-5)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["unit 9", "unit 5", "unit 0"]
    assert caption(display) == "activation"


def test_rgb_of_any_range_is_scaled_to_the_range_of_the_data():
    display = ActivationDisplay.from_feature_maps(conv(3, 30), RGB, layer="0", row=4, ax=new())
    low, high = RGB.min(), RGB.max()
    assert display.limits == (low, high)
    assert_allclose(pixels(display.image_axes_[0]), (RGB[4].transpose(1, 2, 0) - low) / (high - low), atol=1e-6)
    assert caption(display) == f"each colour is shown from {number_text(low)} to {number_text(high)}, the range of X."


def test_channels_last_and_images_behind_a_pipeline():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, X):
            return self.conv(X.permute(0, 3, 1, 2)).flatten(1)

    display = ActivationDisplay.from_feature_maps(Last(), RGB.transpose(0, 2, 3, 1), layer="conv", ax=new())
    assert_array_equal(display.inputs, RGB[0])
    flat = DIGITS.reshape(60, 64)
    as_image = FunctionTransformer(lambda X: X.reshape(-1, 1, 8, 8)).fit(flat)
    behind = ActivationDisplay.from_top_images(make_pipeline(as_image, conv()), flat, layer="1", n_top=2, ax=new())
    direct = ActivationDisplay.from_top_images(conv(), DIGITS, layer="1", n_top=2, ax=new())
    assert_array_equal(behind.inputs, direct.inputs)


# ---------------------------------------------------------------------- sequences and texts
TEXTS = ["a good film", "not one dull moment in it", "dull", "good good and not dull at all"]


class Words(nn.Module):
    """One unit is 1 at the word "dull", the other anything."""

    def __init__(self, n_tokens, dull):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, 2, padding_idx=0)
        self.out = nn.Linear(2, 2)
        with torch.no_grad():
            self.embedding.weight[:, 0] = 0.0
            self.embedding.weight[dull, 0] = 1.0

    def forward(self, X):
        return self.out(self.embedding(X).mean(dim=1))


def text_pipe():
    encoder = TokenEncoder().fit(TEXTS)
    return make_pipeline(encoder, Words(encoder.n_tokens_, encoder.vocabulary_["dull"]))


def test_units_by_words():
    display = ActivationDisplay.from_feature_maps(text_pipe(), TEXTS, layer="embedding", row=1, units=[0], ax=new())
    assert display.activations.tolist() == [[0, 0, 1, 0, 0, 0]]
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == TEXTS[1].split()
    assert caption(display) == "1 place of padding not shown."


def test_the_word_that_excites_most_is_in_brackets():
    display = ActivationDisplay.from_top_images(text_pipe(), TEXTS, layer="embedding", units=0, n_top=3, ax=new())
    assert display.rows.tolist() == [[1, 2, 3]]
    written = [text.get_text() for text in display.word_texts_[0]]
    assert written == ["not one [dull] moment in it", "[dull]", "good good and not [dull] at all"]
    flat = ActivationDisplay.from_top_images(text_pipe(), TEXTS, layer="out", units=0, n_top=1, ax=new())
    assert not any("[" in text.get_text() for text in flat.word_texts_[0])


def test_sequences_without_words():
    X = np.random.RandomState(0).randn(5, 7, 3).astype(np.float32)
    module = seeded(
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(28, 1)), dtype=torch.float32
    )
    display = ActivationDisplay.from_feature_maps(module, X, layer="1", row=2, ax=new())
    assert_allclose(pixels(display.ax_), hooked(module, "1", X)[2].T, rtol=1e-5)
    assert caption(display) == "place"


# ---------------------------------------------------------------------- a set of rows
def test_units_over_a_set_are_those_of_a_hook(pipe):
    values = units_of(pipe)
    display = ActivationDisplay.from_units(pipe, IRIS.data, SPECIES, layer="act", ax=new())
    heat, means, zeros = display.unit_axes_
    assert_allclose(display.activations, values[display.rows][:, display.units], rtol=1e-5)
    largest = abs(values).max(axis=0)
    assert_allclose(pixels(heat), display.activations / np.where(largest > 0, largest, 1)[display.units], rtol=1e-5)
    assert heat.images[0].get_clim() == (0, 1)
    assert_allclose([bar.get_height() for bar in means.patches], values.mean(axis=0)[display.units], rtol=1e-4)
    assert_allclose([bar.get_height() for bar in zeros.patches], 100 * (values == 0).mean(axis=0)[display.units])
    assert display.labels.tolist() == sorted(SPECIES)
    assert [text.get_text() for text in heat.get_yticklabels()] == ["setosa", "versicolor", "virginica"]
    assert [text.get_text() for text in heat.get_xticklabels()] == [str(unit) for unit in display.units]
    assert display.figure_.axes[-1].get_ylabel().replace("\n", " ").startswith("activation as a share of each unit's")


def test_units_come_class_by_class_and_the_best_first(pipe):
    values = units_of(pipe)
    display = ActivationDisplay.from_units(pipe, IRIS.data, SPECIES, layer="act", ax=new())
    highest = np.stack([values[IRIS.target == c].mean(axis=0) for c in range(3)]).argmax(axis=0)[display.units]
    live = np.ptp(values, axis=0)[display.units] > 0
    assert (np.diff(highest[live]) >= 0).all() and not live[live.sum() :].any()
    tells = shares_between(values, IRIS.target.to_numpy())
    for c in range(3):
        own = display.units[live][highest[live] == c]
        assert (np.diff(tells[own]) <= 1e-12).all()
    few = ActivationDisplay.from_units(pipe, IRIS.data, SPECIES, layer="act", max_units=3, ax=new())
    assert set(few.units) == set(np.argsort(-tells)[:3])
    assert "3 of 8 units, those that tell classes apart best" in caption(few)


def test_numbers_put_rows_and_units_in_order():
    X, y, _ = table(50)
    net = regressor().fit(X, y[:, None])
    display = ActivationDisplay.from_units(net, X, y, layer="hidden", ax=new())
    values = hooked(net.module_, "hidden", X)
    assert_array_equal(display.rows, np.argsort(y, kind="stable"))
    together = [np.corrcoef(values[:, unit], y)[0, 1] for unit in display.units]
    assert (np.diff(together) <= 1e-6).all()
    heat = display.unit_axes_[0]
    assert heat.images[0].get_clim() == (-1, 1) and heat.get_ylabel() == "y"


def test_of_many_rows_a_sample_but_all_are_counted(pipe):
    values = units_of(pipe)
    displays = [ActivationDisplay.from_units(pipe, IRIS.data, layer="act", max_rows=20, ax=new()) for _ in range(2)]
    assert_array_equal(displays[0].rows, displays[1].rows)
    assert len(np.unique(displays[0].rows)) == 20 and displays[0].labels is None
    assert_allclose(displays[0].means, values.mean(axis=0)[displays[0].units], rtol=1e-5)
    assert "20 of 150 rows" in caption(displays[0])
    assert displays[0].unit_axes_[0].get_ylabel() == "rows, similar ones together"


def test_standard_deviations_and_dead_units():
    X = np.random.RandomState(0).randn(30, 4).astype(np.float32)
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)), dtype=torch.float32)
    with torch.no_grad():
        module[0].weight[2], module[0].bias[2] = 0.0, -1.0
    display = ActivationDisplay.from_units(module, X, layer="1", scaling="standard", ax=new())
    values = hooked(module, "1", X).astype(float)
    expected = (values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    assert_allclose(display.scaled, expected[display.rows][:, display.units], atol=1e-5)
    assert "1 of these units is 0 in every row" in caption(display)
    assert display.zero_shares[display.units.tolist().index(2)] == 1
    assert "standard deviations" in display.figure_.axes[-1].get_ylabel().replace("\n", " ")


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_places_are_pooled(pooling):
    module = conv()
    maps = hooked(module, "0", DIGITS)
    display = ActivationDisplay.from_units(module, DIGITS, NUMBERS, layer="0", pooling=pooling, ax=new())
    values = getattr(maps, pooling)(axis=(2, 3))
    assert_allclose(display.activations, values[display.rows][:, display.units], rtol=1e-4, atol=1e-6)
    assert f"{pooling} of the places of each unit" in caption(display)


# ---------------------------------------------------------------------- rows that excite most
def test_top_images_are_those_of_a_sort():
    module = conv()
    values = hooked(module, "1", DIGITS).max(axis=(2, 3))
    display = ActivationDisplay.from_top_images(module, DIGITS, NUMBERS, layer="1", units=[5, 2], n_top=3, ax=new())
    order = np.argsort(-values, axis=0, kind="stable")[:3, [5, 2]].T
    assert_array_equal(display.rows, order)
    assert_allclose(display.activations, np.take_along_axis(values[:, [5, 2]].T, order, axis=1), rtol=1e-5)
    assert display.image_axes_.shape == (2, 3)
    for place, row in np.ndenumerate(order):
        cell = display.image_axes_[place]
        assert_allclose(pixels(cell), DIGITS[row, 0] / DIGITS.max(), rtol=1e-6)
        activation, name = cell.get_title(loc="left").split("\n")
        assert float(activation) == pytest.approx(display.activations[place], rel=0.01)
        assert name == f"row {row}: {NUMBERS[row]}"
    assert [text.get_text() for text in display.ax_.texts] == ["unit 5", "unit 2"]


def test_a_unit_that_nothing_excites_is_named():
    module = conv()
    with torch.no_grad():
        module[3].weight[1], module[3].bias[1] = 0.0, -1.0
    display = ActivationDisplay.from_top_images(module, DIGITS, layer="4", units=[1], n_top=2, ax=new())
    assert display.ax_.texts[0].get_text() == "unit 1\nnever above 0"


def test_rows_of_a_table_in_standard_deviations(pipe):
    values = units_of(pipe)
    display = ActivationDisplay.from_top_images(pipe, IRIS.data, SPECIES, layer="act", units=[0, 3], n_top=4, ax=new())
    assert_array_equal(display.rows, np.argsort(-values, axis=0, kind="stable")[:4, [0, 3]].T)
    z = ((IRIS.data - IRIS.data.mean()) / IRIS.data.std(ddof=0)).to_numpy()
    assert_allclose(display.deviations, z[display.rows])
    assert display.column_names == list(IRIS.data.columns)
    drawn = display.ax_.collections[0].get_array().reshape(10, 4)
    assert_allclose(drawn[1:5], z[display.rows[0]])
    assert drawn.mask[[0, 5]].all()
    written = {text.get_text() for text in display.ax_.texts}
    assert {"unit 0", "unit 3", f"{IRIS.data.iloc[display.rows[0, 0], 0]:.4g}"} <= written
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    first = display.rows[0, 0]
    assert names[1].startswith(f"row {first}: {SPECIES[first]}   ")


def mixed():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"age": rng.randint(18, 80, 40), "city": rng.choice(["Rome", "Oslo"], 40), "one": 1.0})
    columns = make_column_transformer(
        (StandardScaler(), ["age", "one"]), (OneHotEncoder(sparse_output=False), ["city"])
    )
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)), dtype=torch.float32)
    return make_pipeline(columns.fit(X), module), X


def test_columns_of_words_have_no_deviation():
    pipe, X = mixed()
    display = ActivationDisplay.from_top_images(pipe, X, layer="1", units=[0], n_top=3, ax=new())
    assert display.column_names == ["age", "city", "one"]
    assert np.isnan(display.deviations[..., 1]).all() and np.isfinite(display.deviations[..., [0, 2]]).all()
    assert (display.deviations[..., 2] == 0).all()
    assert_array_equal(display.inputs[0], X.iloc[display.rows[0]].to_numpy(dtype=object))
    few = ActivationDisplay.from_top_images(pipe, X, layer="1", units=[0], n_top=3, max_columns=2, ax=new())
    assert few.column_names == ["age", "city"]
    assert caption(few) == "2 of 3 columns, those in which these rows are farthest from the mean."


# ---------------------------------------------------------------------- inputs that are found
def test_maximised_images_beside_the_best_of_the_data():
    module, settings = conv(3, 30), {"n_steps": 15, "tv_weight": 0.1}
    found = maximise_activation(module, RGB, layer="3", units=[4, 0, 7], **settings)
    display = ActivationDisplay.from_maximised(module, RGB, layer="3", units=[4, 0, 7], ax=new(), **settings)
    assert_array_equal(display.inputs[:, 0], found.inputs)
    assert_array_equal(display.inputs[:, 1], RGB[found.data_rows])
    assert_allclose(display.activations[:, 0], found.activations)
    assert_allclose(display.activations[:, 1], hooked(module, "3", RGB)[:, [4, 0, 7]].max(axis=0), rtol=1e-5)
    assert display.image_axes_.shape == (3, 2)
    for k, (left, right) in enumerate(display.image_axes_):
        assert_allclose(pixels(left), picture_of(found.inputs[k], (RGB.min(), RGB.max())))
        assert_allclose(pixels(right), picture_of(RGB[found.data_rows[k]], (RGB.min(), RGB.max())))
        assert left.get_title(loc="left").startswith(f"unit {[4, 0, 7][k]}: ")
        assert right.get_title(loc="left").endswith(f"row {found.data_rows[k]}")
    beyond = ActivationDisplay.from_maximised(module, RGB, layer="3", units=[4], bounds=(-9, 9), ax=new(), **settings)
    assert "what lies beyond is cut off" in caption(beyond)


def test_maximised_rows_are_inputs_of_the_network():
    pipe, X = mixed()
    display = ActivationDisplay.from_maximised(pipe, X, layer="0", units=[1], n_steps=10, ax=new())
    assert display.column_names == ["age", "one", "city_Oslo", "city_Rome"]
    inputs = pipe[0].transform(X)
    assert_allclose(display.inputs[0, 1].astype(float), inputs[display.rows[0]], rtol=1e-6)
    spread = np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1)
    assert_allclose(display.deviations[0, 1], (inputs[display.rows[0]] - inputs.mean(axis=0)) / spread, atol=1e-6)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names[1].startswith("found   ") and names[2].startswith(f"row {display.rows[0]}   ")
    assert caption(display) == "inputs of the network, after the preprocessing."


# ---------------------------------------------------------------------- what is wrong is said
@pytest.mark.parametrize("draw", ["from_feature_maps", "from_units", "from_top_images", "from_maximised"])
def test_errors_say_what_came_and_what_would_do(draw):
    draw, module, X = getattr(ActivationDisplay, draw), conv(), DIGITS
    with pytest.raises(ValueError, match="'layer' parameter of ActivationDisplay must name a sub-module.*Got 'conv'"):
        draw(module, X, layer="conv")
    with pytest.raises(ValueError, match="'layer' parameter of ActivationDisplay must name one layer. Got 2"):
        draw(module, X, layer=["0", "1"])
    for units in ([6], [-1], [0.5], [], [True], "0", [[0]]):
        with pytest.raises(
            ValueError, match="'units' parameter of ActivationDisplay must be units of layer '0', from 0"
        ):
            draw(module, X, layer="0", units=units)
    for max_units in (0, 2.5, True, None):
        with pytest.raises(ValueError, match="'max_units' parameter of ActivationDisplay.* be a whole number from 1"):
            draw(module, X, layer="0", max_units=max_units)
    with pytest.raises(ValueError, match="0 sample"):
        draw(module, X[:0], layer="0")
    with pytest.raises(ValueError, match="NaN"):
        draw(module, np.full_like(X, np.nan), layer="0")
    net = NeuralNetClassifier(MLP, verbose=0)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        draw(net, IRIS.data.to_numpy(np.float32), layer="act")


def test_errors_of_rows_and_targets(pipe):
    for row in (60, -1, 1.0, True):
        with pytest.raises(ValueError, match="'row' parameter of ActivationDisplay must be the place of a row.*to 59"):
            ActivationDisplay.from_feature_maps(conv(), DIGITS, layer="0", row=row)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ActivationDisplay.from_units(pipe, IRIS.data, SPECIES[:10], layer="act")
    with pytest.raises(ValueError, match="one value for each row. Got shape \\(60, 2\\)"):
        ActivationDisplay.from_units(conv(), DIGITS, np.zeros((60, 2)), layer="0")
    with pytest.raises(ValueError, match="feature names"):
        fitted = LayerActivations(pipe, layer="act").fit(IRIS.data).estimator_
        ActivationDisplay.from_units(fitted, IRIS.data.rename(columns=str.upper), layer="act")
    with pytest.raises(ValueError, match="'kind' parameter of ActivationDisplay must be one of"):
        ActivationDisplay("maps", np.zeros((2, 3)), units=[0, 1], layer="layer 'a'")
    with pytest.raises(ValueError, match="'units' parameter of ActivationDisplay must name each of the 3 units"):
        ActivationDisplay("units", np.zeros((2, 3)), units=[0, 1], layer="layer 'a'")
    with pytest.raises(ValueError, match="the network looks whole numbers up"):
        ActivationDisplay.from_maximised(text_pipe(), TEXTS, layer="out")


def test_activations_that_overflow_are_named():
    class Overflow(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.Identity()
            self.out = nn.Linear(2, 1)

        def forward(self, X):
            return self.out(self.act(X.exp()))

    X = np.array([[0, 1], [500, 0], [0, 0]], dtype=np.float32)
    with pytest.raises(
        ValueError, match="activations of layer 'act' are not finite for 1 of 3 rows, the first of them 1"
    ):
        ActivationDisplay.from_units(Overflow(), X, layer="act")


# ---------------------------------------------------------------------- manners
def test_nothing_of_the_users_is_changed():
    net = worn_net()
    X = table(30)[0]
    before, randoms, rows = state(net.module_), random_states(), X.copy()
    ActivationDisplay.from_feature_maps(net, X, layer="hidden", ax=new())
    ActivationDisplay.from_units(net, X, X[:, 0], layer="hidden", max_rows=7, ax=new())
    ActivationDisplay.from_top_images(net, X, layer="hidden", n_top=2, ax=new())
    ActivationDisplay.from_maximised(net, X, layer="hidden", n_steps=3, ax=new())
    assert state(net.module_) == before
    assert random_states() == randoms
    assert_array_equal(X, rows)


def test_drawn_again_it_is_the_same_and_small_axes_do():
    display = ActivationDisplay.from_top_images(conv(), DIGITS, layer="1", n_top=2, name="my title", ax=new())
    first = [pixels(cell) for cell in display.image_axes_.ravel()]
    small = Figure(figsize=(2, 1.5), layout="constrained").subplots()
    assert display.plot(ax=small) is display and display.ax_ is small
    assert_array_equal([pixels(cell) for cell in display.image_axes_.ravel()], first)
    assert title(display) == "my title"
    figure = display.plot().figure_
    figure.draw_without_rendering()
    boxes = [cell.get_tightbbox() for cell in display.image_axes_.ravel()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    inside = figure.bbox.padded(1)
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 for box in boxes)


def test_grids_hold_what_they_must():
    for n in range(1, 70):
        n_rows, n_columns = grid_shape(n)
        assert (n_rows - 1) * n_columns < n <= n_rows * n_columns
