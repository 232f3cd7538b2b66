"""Every operation of the registry: complete or refused by name, and the page says what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_xai import DeconvolutionExplainer, DeepLiftExplainer, GuidedBackpropExplainer, LRPExplainer
from tests.propagation_operations import BY_NAME, METHODS, RELU_SPELLINGS, fitted, measure, network, page, rows, total

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
# What no rule of differences covers: each refusal must be of the operation itself.
NOT_DEEP_LIFT = {
    "where(x > 0, x, 0)": "where, by a comparison",
    "where(x > y, x, y)": "where, by a comparison",
    "x * (x > 0)": "mul, by a comparison|_to_copy, by a comparison",
    "cumprod": "cumprod",
    "prod": "prod",
    "sort": "sort",
    "topk": "topk",
    "fft": "view_as_real, of complex",
}


def test_the_page_is_what_is_measured():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_enough_operations():
    assert len(BY_NAME) >= 60
    words = {measure(method, name) for method in METHODS for name in BY_NAME}
    assert words == {"exact", "a gap", "refused", "rule", "gradient", "-"}


@pytest.mark.parametrize("name", BY_NAME)
def test_deep_lift_adds_up_or_says_what_it_cannot_share(name):
    if name in NOT_DEEP_LIFT:
        with pytest.raises(
            ValueError, match=rf"DeepLiftExplainer: the network uses ({NOT_DEEP_LIFT[name]}).*Use Integr"
        ):
            DeepLiftExplainer(network(name), target=0).fit(rows(name, seed=1))
        return
    assert measure("DeepLIFT", name) == "exact"


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in NOT_DEEP_LIFT])
def test_pairs_of_rows_and_baselines_are_run_together_or_one_by_one(name):
    """A sample of baselines is the mean over single ones, and running each row once is running it once a baseline."""
    explainer = fitted(DeepLiftExplainer, name, baseline="sample", background_size=3)
    found = explainer.transform(rows(name))
    alone = [
        fitted(DeepLiftExplainer, name, baseline=baseline).transform(rows(name)) for baseline in explainer.baseline_
    ]
    scale = np.abs(found).max()
    np.testing.assert_allclose(found, np.mean(alone, axis=0), rtol=0, atol=1e-11 * scale)
    explainer._crossed = False
    np.testing.assert_allclose(explainer.transform(rows(name)), found, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("name", [name for name in BY_NAME if measure("LRP", name) != "refused"][:13])
def test_relevance_through_rectifiers_is_the_output(name):
    explainer = fitted(LRPExplainer, name, epsilon=1e-9)
    np.testing.assert_allclose(
        total(explainer.transform(rows(name))), explainer.explained_output(rows(name)), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("cls", [DeepLiftExplainer, GuidedBackpropExplainer, DeconvolutionExplainer, LRPExplainer])
def test_spellings_of_a_rectifier_are_the_same(cls):
    """Rows of zeros included, where the spellings differ in what autograd calls their slope."""
    X, first = rows("nn.ReLU").copy(), None
    background = np.zeros_like(X)
    X[1], background[-1] = 0, X[0]
    for name in RELU_SPELLINGS:
        found = cls(network(name), target=1).fit(background).transform(X)
        first = found if first is None else first
        np.testing.assert_allclose(found, first, rtol=0, atol=1e-15)  # sums depend on where in memory things lie
    assert np.abs(first).max() > 0


def test_no_network_is_changed_by_being_measured():
    for name in ("nn.ReLU", "GRU"):
        before = [parameter.clone() for parameter in network(name).parameters()]
        measure("DeepLIFT", name)
        assert all(torch.equal(a, b) for a, b in zip(before, network(name).parameters(), strict=True))


@pytest.mark.parametrize("name", RELU_SPELLINGS)
def test_a_rectifier_lets_nothing_through_at_zero(name):
    """Before it, the row and its baseline are both 0, where autograd has slopes of 0, 1/2 and 1 for the spellings."""
    first, last = torch.nn.Linear(2, 1, bias=False).double(), torch.nn.Linear(1, 1).double()
    first.weight.data, last.weight.data = torch.tensor([[1.0, -1.0]]).double(), torch.ones(1, 1).double()
    activation = RELU_SPELLINGS[name]()
    activation = activation if isinstance(activation, torch.nn.Module) else Called(activation)
    module, X = torch.nn.Sequential(first, activation, last), np.ones((1, 2))
    assert not DeepLiftExplainer(module, baseline="zero").fit(X).transform(X).any()
    assert not GuidedBackpropExplainer(module).fit(X * [[1, 0]]).transform(X).any()


class Called(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
