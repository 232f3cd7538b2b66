"""LRP against slow loops over units, closed forms, and what must be conserved."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F

from sklearn_xai import InputXGradientExplainer, LRPExplainer
from tests.oracles import run, seeded
from tests.zoo import BY_NAME

X = np.random.RandomState(0).randn(5, 4)
IMAGES = np.random.RandomState(1).randn(3, 2, 5, 5)
RULES = ["epsilon", "gamma", "alpha_beta", "z_plus"]
SETTINGS = {"epsilon": 0.05, "gamma": 0.3, "alpha": 1.5, "beta": 0.5}


def lrp(module, rows, **kwargs):
    return LRPExplainer(module, **{"target": 0, **kwargs}).fit(rows).transform(rows)


# ---------------------------------------------------------------------- the oracle: one unit, one input at a time
def share(rule, weights, bias, inputs, relevance, low=-1.0, high=1.0):
    """Return what each input of one unit gets of the unit's relevance."""
    z = sum(w * a for w, a in zip(weights, inputs, strict=True)) + bias
    if rule == "epsilon":
        return [w * a / (z + (SETTINGS["epsilon"] if z >= 0 else -SETTINGS["epsilon"])) * relevance
                for w, a in zip(weights, inputs, strict=True)]  # fmt: skip
    if rule == "flat":
        parts = [float(w != 0) for w in weights]
    elif rule == "w_square":
        parts = [w * w for w in weights]
    elif rule == "box":
        parts = [w * a - max(w, 0) * low - min(w, 0) * high for w, a in zip(weights, inputs, strict=True)]
    if rule in ("flat", "w_square", "box"):
        return [part / sum(parts) * relevance for part in parts]
    contributions = [w * a for w, a in zip(weights, inputs, strict=True)]
    if rule == "gamma":
        sign = 1 if z >= 0 else -1
        parts = [part * (1 + SETTINGS["gamma"] * (part * sign > 0)) for part in contributions]
        total = sum(parts) + bias * (1 + SETTINGS["gamma"] * (bias * sign > 0))
        return [part / total * relevance for part in parts]
    alpha, beta = (1, 0) if rule == "z_plus" else (SETTINGS["alpha"], SETTINGS["beta"])
    found = []
    positive = sum(max(part, 0) for part in contributions) + max(bias, 0)
    negative = sum(min(part, 0) for part in contributions) + min(bias, 0)
    for part in contributions:
        up = alpha * max(part, 0) / positive if positive else 0
        down = beta * min(part, 0) / negative if negative else 0
        found.append((up - down) * relevance)
    return found


def matrix_of(layer, shape):
    """Return the weights (n_out, n_in) and biases of a layer, a convolution's written out, and the shape it gives."""
    if isinstance(layer, nn.Linear):
        return layer.weight.detach().numpy(), layer.bias.detach().numpy(), (layer.out_features,)
    kernel, (height, width), step, pad = layer.weight.detach().numpy(), shape[1:], layer.stride[0], layer.padding[0]
    out_h, out_w = ((n + 2 * pad - 3) // step + 1 for n in (height, width))
    matrix = np.zeros((len(kernel), out_h, out_w, *shape))
    for o, i, j in np.ndindex(*matrix.shape[:3]):
        for c, k, m in np.ndindex(*kernel.shape[1:]):
            row, column = i * step + k - pad, j * step + m - pad
            if 0 <= row < height and 0 <= column < width:
                matrix[o, i, j, c, row, column] = kernel[o, c, k, m]
    biases = np.repeat(layer.bias.detach().numpy(), out_h * out_w)
    return matrix.reshape(-1, int(np.prod(shape))), biases, matrix.shape[:3]


def loop(module, rows, rule_of, first=None):
    """Return the relevance of each row for output 0 of linear layers and ReLUs, unit by unit."""
    found = []
    for row in rows:
        values, shape, layers = row.reshape(-1), row.shape, []
        for layer in module:
            if isinstance(layer, nn.ReLU):
                values = np.maximum(values, 0)
            elif not isinstance(layer, nn.Flatten):
                matrix, biases, shape = matrix_of(layer, shape)
                layers.append((rule_of(layer), matrix, biases, values))
                values = matrix @ values + biases
        layers[0] = (first or layers[0][0], *layers[0][1:])
        relevance = np.where(np.arange(len(values)) == 0, values, 0)
        for rule, matrix, biases, inputs in layers[::-1]:
            below = np.zeros(len(inputs))
            for weights, bias, above in zip(matrix, biases, relevance, strict=True):
                below += share(rule, weights, bias, inputs, above) if above else 0
            relevance = below
        found.append(relevance.reshape(row.shape))
    return np.stack(found)


def mlp():
    return nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 2))


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 2),
    )  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("build", "rows"), [(mlp, X), (cnn, IMAGES)])
def test_like_the_loop(rule, build, rows):
    module = seeded(build)
    expected = loop(module, rows, lambda layer: rule)
    assert_allclose(lrp(module, rows, rule=rule, **SETTINGS), expected, rtol=1e-9, atol=1e-12)
    assert np.abs(expected).max() > 1e-4


@pytest.mark.parametrize("first", ["box", "flat", "w_square"])
@pytest.mark.parametrize(("build", "rows"), [(mlp, X), (cnn, IMAGES)])
def test_first_layer_like_the_loop(first, build, rows):
    module, rows = seeded(build), np.clip(rows, -0.9, 0.9)
    found = lrp(module, rows, rule="gamma", input_rule=first, low=-1, high=1, **SETTINGS)
    expected = loop(module, rows, lambda layer: "gamma", first)
    # box alone has an epsilon of 1e-6
    assert_allclose(found, expected, rtol=1e-5 if first == "box" else 1e-9, atol=1e-7 if first == "box" else 1e-12)


COMPOSITES = {
    "epsilon_plus": ("z_plus", None),
    "epsilon_plus_flat": ("z_plus", "flat"),
    "epsilon_alpha2_beta1": ("alpha_beta", None),
    "epsilon_alpha2_beta1_flat": ("alpha_beta", "flat"),
    "epsilon_gamma_box": ("gamma", "box"),
}


@pytest.mark.parametrize("rule", COMPOSITES)
def test_composites_are_rules_by_type_of_layer(rule, monkeypatch):
    monkeypatch.setitem(SETTINGS, "alpha", 2)
    monkeypatch.setitem(SETTINGS, "beta", 1)
    module, rows = seeded(cnn), np.clip(IMAGES, -0.9, 0.9)
    convolution, first = COMPOSITES[rule]
    expected = loop(module, rows, lambda part: "epsilon" if isinstance(part, nn.Linear) else convolution, first)
    # what is named in the rule is not what the parameters say
    settings = {**SETTINGS, "alpha": 3, "beta": 2}
    assert_allclose(lrp(module, rows, rule=rule, low=-1, high=1, **settings), expected, rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------------- closed forms
def test_a_linear_network_is_weight_times_input():
    module = seeded(lambda: nn.Linear(4, 2))
    weight = module.weight.detach().numpy()
    assert_allclose(lrp(module, X, epsilon=0), weight[0] * X, rtol=1e-12)
    z = run(module, X)[:, :1]
    assert_allclose(lrp(module, X, epsilon=0.1), weight[0] * X * np.abs(z) / (np.abs(z) + 0.1), rtol=1e-12)


@pytest.mark.parametrize(("build", "rows"), [(mlp, X), (cnn, IMAGES)])
def test_epsilon_is_gradient_times_input_on_relu_networks(build, rows):
    module = seeded(build)
    expected = InputXGradientExplainer(module, target=0).fit(rows).transform(rows)
    assert_allclose(lrp(module, rows, epsilon=0), expected, rtol=1e-10, atol=1e-14)


def forward(build_or_function, *parts):
    """Return a module whose forward is a function of (parts..., x)."""

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x):
            return build_or_function(*self.parts, x)

    return Written().double().eval()


@pytest.mark.parametrize(
    ("function", "shares"),
    [
        (lambda x: x[:, :1] * x[:, 1:2], [0.5, 0.5]),
        (lambda x: x[:, :1] * torch.sigmoid(x[:, 1:2]), [1, 0]),
        (lambda x: x[:, :1] * (1 - torch.sigmoid(x[:, 1:2])), [1, 0]),
        (lambda x: x[:, :1] * F.hardsigmoid(2 * x[:, 1:2]), [1, 0]),
        (lambda x: torch.sigmoid(x[:, :1]) * torch.sigmoid(x[:, 1:2]), [0.5, 0.5]),
        (lambda x: x[:, :1] * (x[:, 1:2] > -9), [1, 0]),
        (lambda x: x[:, :1] / (3 + x[:, 1:2] ** 2), [1, 0]),
        (lambda x: F.glu(x[:, :2]), [1, 0]),
        (lambda x: x[:, :1] ** 2, [1, 0]),
        (lambda x: x[:, :1] * x[:, :1], [1, 0]),
        (lambda x: torch.maximum(x[:, :1], x[:, 1:2] * 0 - 9), [1, 0]),
        (lambda x: torch.where(x[:, :1] > x[:, 1:2] - 9, x[:, :1], x[:, 1:2]), [1, 0]),
        (lambda x: x[:, :2].sort(dim=1, descending=True)[0].sum(dim=1, keepdim=True) * 0 + x[:, :1], [1, 0]),
        (lambda x: torch.bmm(x[:, None, :1], x[:, 1:2, None])[:, 0], [0.5, 0.5]),
    ],
)
def test_products_and_choices(function, shares):
    module = forward(function)
    rows = X.astype(np.float32)
    expected = np.zeros_like(rows)
    expected[:, :2] = run(module, rows) * np.array(shares)
    assert_allclose(lrp(module, rows, epsilon=0), expected, rtol=2e-5, atol=1e-6)


def test_sums_share_in_proportion():
    rows = np.array([[1.0, 2.0, 3.0, -2.0]], dtype=np.float32)
    module = forward(lambda x: (x[:, :2].sum(dim=1) + x[:, 2:].mean(dim=1) - 0.5).exp()[:, None])
    out = run(module, rows)[0, 0]
    assert_allclose(lrp(module, rows, epsilon=0)[0], out / 3 * np.array([1, 2, 1.5, -1]), rtol=1e-5)


def test_layer_norm_counts_its_scale_as_constant():
    norm = nn.LayerNorm(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0]))
        norm.bias.fill_(0.7)
    module = forward(lambda norm, x: norm(x)[:, 1:2], norm)
    scale = 1 / np.sqrt(X.var(axis=1, keepdims=True) + norm.eps)
    expected = X * (np.arange(4) == 1) * -2 * scale - X * -2 * scale / 4
    assert_allclose(lrp(module, X), expected, rtol=1e-12)


def test_batch_norm_is_merged():
    """As in the network that has the scale in its weights already."""
    norm = nn.BatchNorm1d(7)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
        norm.running_var.fill_(2.0)
    plain = seeded(mlp)
    module = nn.Sequential(plain[0], norm, *plain[1:]).double().eval()
    merged = seeded(mlp)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    with torch.no_grad():
        merged[0].weight.mul_(scale[:, None])
        merged[0].bias.copy_((merged[0].bias - norm.running_mean) * scale + norm.bias)
    for rule in RULES:
        assert_allclose(lrp(module, X, rule=rule), lrp(merged, X, rule=rule), rtol=1e-9, atol=1e-12)
    assert np.abs(lrp(module, X, rule="z_plus") - lrp(plain, X, rule="z_plus")).max() > 1e-3


def test_batch_norm_of_something_else_is_an_affine_layer():
    module = seeded(lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 1, bias=False)))
    module[1].running_mean.fill_(0.5)
    module[1].running_var.fill_(3.0)
    scale = 1 / np.sqrt(3 + module[1].eps)
    expected = np.maximum(X, 0) * scale * module[2].weight.detach().numpy()
    assert_allclose(lrp(module, X, epsilon=0), expected, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------- conservation
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.last = nn.Linear(1, 8, bias=False), nn.Linear(8, 2, bias=False)
        self.attention = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
        self.norm = nn.LayerNorm(8, bias=False)

    def forward(self, x):
        h = self.embed(x[..., None]) * torch.arange(1.0, 1 + x.shape[1])[:, None].to(x)
        h = self.norm(h + self.attention(h, h, h, need_weights=False)[0])
        return self.last(h.mean(dim=1))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell, self.last = kind(1, 6, bias=False, batch_first=True), nn.Linear(6, 2, bias=False)

    def forward(self, x):
        return self.last(self.cell(x[..., None])[0][:, -1])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = (nn.Linear(4, 4, bias=False) for _ in range(2))
        self.last = nn.Linear(4, 2, bias=False)

    def forward(self, x):
        h = x + F.silu(self.first(x))
        h += torch.tanh(self.second(h))
        return self.last(F.relu_(h))


def pooled():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.GroupNorm(2, 4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.ConvTranspose2d(4, 3, 2, bias=False), nn.LeakyReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2, bias=False),
    )  # fmt: skip


WITHOUT_BIAS = {
    "residual": (Block, X),
    "attention": (Attention, X),
    "gru": (lambda: Recurrent(nn.GRU), X),
    "lstm": (lambda: Recurrent(nn.LSTM), X),
    "pooling": (pooled, IMAGES),
    "instance norm": (lambda: nn.Sequential(nn.InstanceNorm2d(2), *pooled()), IMAGES),
}


@pytest.mark.parametrize("rule", ["epsilon", "gamma"])
@pytest.mark.parametrize("name", WITHOUT_BIAS)
def test_networks_without_biases_conserve(name, rule):
    build, rows = WITHOUT_BIAS[name]
    module = seeded(build)
    explainer = LRPExplainer(module, rule=rule, epsilon=0, target="all").fit(rows)
    explanation = explainer.explain(rows)
    assert_array_equal(explanation.base_values, 0)
    assert np.abs(explainer.explained_output(rows)).min() > 1e-5
    assert explanation.completeness_gap.max() < 1e-10


def without_biases(module):
    for part in module.modules():
        if getattr(part, "bias", None) is not None:
            nn.init.zeros_(part.bias)
    return module


def wide_mlp():
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def wide_cnn():
    return nn.Sequential(
        nn.Conv2d(2, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
    )


@pytest.mark.parametrize("rule", ["z_plus", "epsilon_plus", "epsilon_alpha2_beta1_flat"])
@pytest.mark.parametrize(("build", "rows"), [(wide_mlp, X), (wide_cnn, IMAGES)])
def test_rules_of_signs_conserve(rule, build, rows):
    """Each unit that is on has contributions of both signs."""
    explainer = LRPExplainer(without_biases(seeded(build)), rule=rule, epsilon=0, target=0).fit(rows)
    gap = explainer.explain(rows).completeness_gap
    assert (gap <= 1e-10 * np.maximum(1, np.abs(explainer.explained_output(rows)))).all()


def test_what_biases_and_epsilon_take_is_the_gap():
    module = seeded(mlp)
    explanation = LRPExplainer(module, target=0).fit(X).explain(X)
    lost = run(module, X)[:, 0] - explanation.values.sum(axis=1)
    assert_allclose(explanation.completeness_gap, np.abs(lost), rtol=1e-9)
    assert np.abs(lost).max() > 1e-2
    small, large = (np.abs(lrp(without_biases(seeded(mlp)), X, epsilon=e)).sum() for e in (1e-6, 1.0))
    assert large < 0.9 * small


# ---------------------------------------------------------------------- however it is written
def silu_by_hand(first, last, x):
    h = first(x)
    return last(h * torch.sigmoid(h))


def gelu_by_hand(first, last, x):
    h = first(x)
    return last(0.5 * h * (1 + torch.erf(h / 2**0.5)))


def layer_norm_by_hand(first, last, x):
    h = first(x)
    return last((h - h.mean(dim=1, keepdim=True)) * torch.rsqrt(h.var(dim=1, keepdim=True, correction=0) + 1e-5))


def leaky_by_hand(first, last, x):
    h = first(x)
    return last(torch.where(h > 0, h, 0.01 * h))


def bias_by_hand(first, last, x):
    return last(torch.tanh(x @ first.weight.T + first.bias))


def sequence_by_hand(first, last, x):
    return last(torch.tanh(x[:, None].expand(-1, 2, -1) @ first.weight.T + first.bias)).mean(dim=1)


def relu_by_hand(first, last, x):
    h = first(x)
    return last(h * (h > 0))


@pytest.mark.parametrize(
    ("by_hand", "activation"),
    [
        (silu_by_hand, nn.SiLU()),
        (gelu_by_hand, nn.GELU()),
        (layer_norm_by_hand, nn.LayerNorm(7, elementwise_affine=False)),
        (leaky_by_hand, nn.LeakyReLU()),
        (relu_by_hand, nn.ReLU()),
        (bias_by_hand, nn.Tanh()),
        (sequence_by_hand, nn.Tanh()),
    ],
)
@pytest.mark.parametrize("rule", [*RULES, "epsilon_plus_flat"])
def test_activations_written_by_hand(rule, by_hand, activation):
    first, _, last = seeded(lambda: nn.Sequential(nn.Linear(4, 7), nn.Identity(), nn.Linear(7, 2)))
    found = lrp(forward(by_hand, first, last), X, rule=rule)
    assert_allclose(found, lrp(nn.Sequential(first, activation, last), X, rule=rule), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["gamma", "alpha_beta"])
def test_spellings_of_a_convolutional_network(rule):
    module = seeded(cnn)

    def functional(first, second, hidden, last, x):
        h = F.conv2d(x, first.weight, first.bias, padding=1).clamp_(min=0)
        h = second(h).relu_().flatten(1)
        return last(torch.maximum(hidden(h), torch.zeros_like(hidden.bias)))

    written = forward(functional, module[0], module[2], module[5], module[7])
    assert_allclose(lrp(written, IMAGES, rule=rule), lrp(module, IMAGES, rule=rule), rtol=1e-10, atol=1e-14)


# ---------------------------------------------------------------------- bounds
def test_bounds_are_those_of_the_rows_given_to_fit():
    table = LRPExplainer(seeded(mlp), rule="epsilon_gamma_box", target=0).fit(X)
    assert_array_equal(table.low_, X.min(axis=0))
    assert_array_equal(table.high_, X.max(axis=0))
    images = LRPExplainer(seeded(cnn), rule="epsilon_gamma_box", target=0, high=5).fit(IMAGES)
    assert_array_equal(images.low_.ravel(), IMAGES.min(axis=(0, 2, 3)))
    assert images.high_ == 5
    images.set_params(input_rule=None).fit(IMAGES)
    assert not hasattr(images, "low_")


def test_bounds_of_a_scaled_input():
    """The first layer sees the features, whether they were scaled outside the network or in it."""
    inside = seeded(lambda: nn.Sequential(*cnn()))
    scaled = forward(lambda net, x: net((x - 0.3) / -2), inside)
    settings = {"rule": "epsilon_gamma_box"}
    found = lrp(scaled, IMAGES, low=-4, high=4, **settings)
    expected = lrp(inside, (IMAGES - 0.3) / -2, low=-1.85, high=2.15, **settings)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_residual_of_the_input_beside_a_first_layer():
    """What goes through the first layer is shared by its rule; what goes around it keeps its own relevance."""
    module = forward(lambda first, x: first(x) + x[:, :2], nn.Linear(4, 2))
    weight, bias = (p.detach().numpy() for p in module.parameters())
    expected = np.tile((X @ weight[0] + bias[0])[:, None] / 4, 4)
    expected[:, 0] += X[:, 0]
    assert_allclose(lrp(module, X, input_rule="flat"), expected, rtol=1e-10)


# ---------------------------------------------------------------------- in the rest of the package
def test_the_output_that_is_explained():
    module = seeded(mlp)
    every = LRPExplainer(module, target="all").fit(X).transform(X)
    assert_allclose(every[:, 4:], lrp(module, X, target=1), rtol=1e-12)
    predicted = LRPExplainer(BY_NAME["classifier"].net()).fit(BY_NAME["classifier"].rows())
    rows = BY_NAME["classifier"].rows(8, seed=4)
    chosen = predicted.decision_function(rows).argmax(axis=1)
    each = [predicted.set_params(target=k).fit(rows).transform(rows) for k in range(3)]
    predicted.set_params(target="auto").fit(rows)
    assert_allclose(predicted.transform(rows), np.stack([each[k][i] for i, k in enumerate(chosen)]), rtol=1e-5)


def test_a_softmax_is_passed_by_its_gradient():
    module = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Softmax(dim=1)).double()
    expected = InputXGradientExplainer(module, target=0).fit(X).transform(X)
    assert_allclose(lrp(module, X, epsilon=0), expected, rtol=1e-10, atol=1e-14)


def test_units_of_a_layer():
    module = without_biases(seeded(mlp))
    hidden = run(module[:2], X)
    found = lrp(module, X, layer="1", epsilon=0)
    assert_allclose(found, lrp(module[2:], hidden, epsilon=0), rtol=1e-10, atol=1e-14)


def test_images_by_pixel():
    module = seeded(cnn)
    by_channel = lrp(module, IMAGES, rule="epsilon_plus_flat")
    by_pixel = lrp(module, IMAGES, rule="epsilon_plus_flat", channels="sum")
    assert_allclose(by_pixel, by_channel.sum(axis=1, keepdims=True), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", ["epsilon", "epsilon_gamma_box", "epsilon_alpha2_beta1_flat"])
@pytest.mark.parametrize("name", ["text cnn", "text transformer", "entity embeddings", "gru", "vision transformer"])
def test_rows_do_not_see_each_other(name, rule):
    member = BY_NAME[name]
    explainer = LRPExplainer(member.net(), rule=rule).fit(member.rows(12, seed=2))
    rows = member.rows(6, seed=3)
    found = explainer.transform(rows)
    one = explainer.transform({k: v[2:3] for k, v in rows.items()} if isinstance(rows, dict) else rows[2:3])
    assert np.isfinite(found).all()
    assert_allclose(one, found[2:3], rtol=0, atol=2e-5 * np.abs(found).max())
    if member.inputs == "tokens":
        assert_array_equal(found[rows == 0], 0)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: x.cumprod(dim=1), "cumprod"),
        (
            lambda x: (x > 0).to(x.dtype).sum(dim=1, keepdim=True),
            "view' of this network: relevance has come back to .* comp",
        ),
        (lambda x: x.std(dim=1, keepdim=True), "std"),
        (lambda x: torch.atan2(x[:, :1], x[:, 1:2]), "atan2"),
        (lambda x: torch.linalg.inv(x[:, :, None] @ x[:, None] + torch.eye(4))[:, 0], "linalg_inv"),
    ],
)
def test_operations_without_a_rule(function, operation):
    rows = X.astype(np.float32)
    with pytest.raises(
        ValueError, match=f"LRPExplainer has no rule for the operation '{operation}.*IntegratedGradients"
    ):
        LRPExplainer(forward(function), target=0).fit(rows)


def test_what_the_output_does_not_depend_on():
    module = forward(lambda x: torch.ones(len(x), 1, dtype=x.dtype))
    assert_array_equal(lrp(module, X), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "alpha_beta", "beta": 0.5}, "'alpha' and 'beta' parameters of LRPExplainer must differ by 1"),
        ({"input_rule": "box", "low": 1, "high": 0}, "'low' parameter of LRPExplainer must not be above 'high'"),
        ({"rule": "epsilon_gamma_box", "low": np.zeros(3)}, r"'low' parameter of LRPExplainer .* Got shape \(3,\)"),
        ({"rule": "flat"}, "'rule' parameter of LRPExplainer"),
        ({"epsilon": -1}, "'epsilon' parameter of LRPExplainer"),
        ({"input_rule": "gamma"}, "'input_rule' parameter of LRPExplainer"),
    ],
)  # fmt: skip
def test_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        LRPExplainer(seeded(mlp), target=0, **settings).fit(X)
