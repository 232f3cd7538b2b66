from __future__ import annotations

import pytest

from sklearn_xai import all_explainers
from sklearn_xai.explainers.description import describe
from sklearn_xai.explainers.equations import as_text
from sklearn_xai.metrics import METRICS

EQUATIONS = {
    kind.__name__: describe(kind).equation
    for kind in [*dict(all_explainers()).values(), *(metric.function for metric in METRICS.values())]
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_nothing_of_latex_is_left(name):
    text = as_text(EQUATIONS[name])
    assert "\\" not in text
    for word in ("frac", "left", "right", "mathrm", "sum", "quad", "partial", "text{", "phi", "big"):
        assert word not in text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("", ""),
        (r"a_i + b_{ij} + c_{i, j}", "a_i + b_ij + c_(i, j)"),
        (r"\frac{a + b}{c}", "(a + b) / c"),
        (r"\frac{1}{n} \sum_i x_i", "1/n Σ_i x_i"),
        (r"\frac{f(a + b)}{|c + d|}", "f(a + b) / |c + d|"),
        (r"\tfrac12 x", "1/2 x"),
        (r"\partial f(x)", "∂f(x)"),
        (r"S \not\ni i, \quad T \in U", "S ∌ i,   T ∈ U"),
        (r"\bar x + \hat{y}", "x\u0304 + y\u0302"),
        (r"x^2 + w^T x + z^{k+1}", "x² + wᵀ x + z^(k+1)"),
        (r"\left( a \right) \, [b]", "(a) [b]"),
        (r"\max\{a, b\}", "max{a, b}"),
        (r"\unheardof{a} b", "unheardofa b"),
        (r"\frac{a", "a/"),
        (r"x_", "x_"),
    ],
)
def test_equations_as_text(tex, text):
    assert as_text(tex) == text
