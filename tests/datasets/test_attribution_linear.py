from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer, ShapleyExplainer
from sklearn_xai.datasets import make_attribution_linear
from tests.games import shapley_values
from tests.oracles import run


@pytest.fixture(scope="module")
def made():
    return make_attribution_linear(4000, loc=2.0, correlation=0.5, bias=1.5, random_state=0, return_bunch=True)


def test_columns_have_the_mean_and_covariance_that_are_given(made):
    assert made.data.shape == (4000, 10) and made.weights.shape == (10,)
    assert_allclose(made.data.mean(axis=0), made.means, atol=0.1)
    assert_allclose(np.cov(made.data.T), made.covariance, atol=0.1)
    assert_allclose(np.diag(made.covariance), 1)
    assert_allclose(np.diag(made.covariance, 2), 0.25)
    assert abs(made.output.mean() - made.base_value) < 0.15


def test_weights_are_as_many_as_informative_columns_and_none_is_small(made):
    sizes = np.abs(made.weights)
    assert (sizes > 0).sum() == 5
    assert ((sizes == 0) | ((sizes >= 0.5) & (sizes <= 1.5))).all()
    assert_array_equal(made.relevant, sizes > 0)
    weights = [make_attribution_linear(1, random_state=i, return_bunch=True).weights for i in range(20)]
    assert (np.abs(weights) > 0).any(axis=0).all() and (np.array(weights) < 0).any()


def test_the_model_says_what_the_attributions_sum_to(made):
    assert_allclose(run(made.model, made.data)[:, 0], made.output, atol=1e-10)
    assert_allclose(made.attributions.sum(axis=1) + 1.5, made.output, atol=1e-10)
    assert_allclose(run(made.model, made.means[None]), 1.5, atol=1e-10)


def test_given_weights_and_means():
    weights, loc = [1.0, -2.0, 0.0], [0.0, 5.0, 1.0]
    made = make_attribution_linear(
        50, n_features=3, weights=weights, loc=loc, n_informative=99, random_state=0, return_bunch=True
    )
    assert_array_equal(made.weights, weights)
    assert_array_equal(made.means, loc)
    assert_array_equal(made.relevant, [True, True, False])
    assert_allclose(made.target, made.data[:, 0] - 2 * (made.data[:, 1] - 5))
    assert_allclose(made.attributions, np.array(weights) * (made.data - loc))


def test_the_definition_of_shapley_values_on_a_large_background():
    made = make_attribution_linear(
        4000, n_features=4, n_informative=3, loc=1.0, correlation=0.7, random_state=1, return_bunch=True
    )
    background = made.data[:400] + (made.means - made.data[:400].mean(axis=0))  # with the population's mean
    for row, expected in zip(made.data[:3], made.attributions, strict=False):
        assert_allclose(shapley_values(lambda X: run(made.model, X)[:, 0], row, background), expected, atol=1e-10)


def test_explainers_of_the_exact_model(made):
    X, truth = made.data[:50], made.attributions[:50]
    gradients = IntegratedGradientsExplainer(made.model, baseline=made.means).fit(made.data)
    assert_allclose(gradients.transform(X), truth, atol=1e-10)
    # of a background of rows they know the mean of these rows only
    shapley = ShapleyExplainer(made.model, background_size=2000, random_state=0).fit(made.data)
    moved = made.weights * (made.means - shapley.background_.mean(axis=0))
    assert_allclose(shapley.transform(X[:5]), (truth + moved)[:5], atol=1e-8)
    assert_allclose(shapley.transform(X[:5]), truth[:5], atol=0.1)
    assert_allclose(SaliencyExplainer(made.model).fit(made.data).transform(X), np.tile(made.weights, (50, 1)))


def test_a_baseline_of_zeros_is_told_from_the_truth(made):
    found = InputXGradientExplainer(made.model).fit(made.data).transform(made.data)
    assert np.abs(found - made.attributions).max() > 1
    centred = make_attribution_linear(50, random_state=0, return_bunch=True)
    found = InputXGradientExplainer(centred.model).fit(centred.data).transform(centred.data)
    assert_allclose(found, centred.attributions, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    n_samples=st.integers(1, 20),
    n_features=st.integers(1, 12),
    share=st.floats(0, 1),
    correlation=st.floats(-0.99, 0.99),
    seed=st.integers(0, 2**31),
)
def test_sizes(n_samples, n_features, share, correlation, seed):
    n_informative = max(1, round(share * n_features))
    made = make_attribution_linear(
        n_samples, n_features=n_features, n_informative=n_informative, correlation=correlation, random_state=seed,
        return_bunch=True,
    )  # fmt: skip
    assert made.data.shape == made.attributions.shape == (n_samples, n_features)
    assert made.target.shape == made.output.shape == (n_samples,)
    assert made.relevant.sum() == n_informative
    assert_allclose(made.attributions.sum(axis=1), made.output, atol=1e-10)
    assert np.linalg.eigvalsh(made.covariance).min() > -1e-10


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features": 0}, r"'n_features' parameter of make_attribution_linear must be an int of at least 1. Got 0"),
        ({"n_informative": 11}, r"'n_informative' .* must be an int from 1 to 10, the number of columns. Got 11"),
        ({"correlation": 1.0}, r"'correlation' .* must be a number in \(-1, 1\). Got 1.0"),
        ({"bias": np.inf}, r"'bias' .* must be a number in \(-inf, inf\). Got inf"),
        ({"weights": [1.0, 2.0]}, r"'weights' .* of shape \(10,\), one for each column. Got shape \(2,\)"),
        ({"weights": [[1.0] * 10]}, r"'weights' .* Got shape \(1, 10\)"),
        ({"weights": "many"}, r"'weights' .* Got 'many'"),
        ({"loc": np.nan}, r"'loc' .* must be a finite number or an array of such .* Got nan"),
    ],
)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_attribution_linear(**parameters)


def test_the_callers_arrays_are_left_alone():
    weights, loc = np.arange(10.0), np.ones(10)
    made = make_attribution_linear(5, weights=weights, loc=loc, random_state=0, return_bunch=True)
    made.weights[:], made.means[:] = -1, -1
    assert_array_equal(weights, np.arange(10.0))
    assert_array_equal(loc, 1)
