from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist, pdist

from sklearn_xai import IntegratedGradientsExplainer, SaliencyExplainer, ShapleyExplainer
from sklearn_xai.datasets import make_attribution_clusters
from sklearn_xai.metrics import faithfulness_correlation
from tests.oracles import run


@pytest.fixture(scope="module")
def made():
    return make_attribution_clusters(2000, correlation=0.4, random_state=0, return_bunch=True)


def test_clusters_are_normal_around_their_centers(made):
    assert made.centers.shape == made.cluster_weights.shape == made.cluster_masks.shape == (4, 20)
    assert_allclose(pdist(made.centers).min(), 10.0)
    assert_array_equal(made.cluster, cdist(made.data, made.centers).argmin(axis=1))
    assert_array_equal(np.bincount(made.cluster), 500)
    deviations = made.data - made.centers[made.cluster]
    assert_allclose(np.cov(deviations.T), made.covariance, atol=0.12)
    assert_allclose(deviations.mean(axis=0), 0, atol=0.1)


def test_each_cluster_has_columns_and_weights_of_its_own(made):
    assert_array_equal(made.cluster_masks.sum(axis=1), 5)
    assert len(np.unique(made.cluster_masks, axis=0)) == 4
    assert_array_equal(made.cluster_weights != 0, made.cluster_masks)
    sizes = np.abs(made.cluster_weights[made.cluster_masks])
    assert sizes.min() >= 0.5 and sizes.max() <= 1.5
    assert_array_equal(made.relevant, made.cluster_masks[made.cluster])
    assert_array_equal(made.weights, made.cluster_weights[made.cluster])


def test_the_class_cannot_be_told_from_the_cluster(made):
    shares = [made.target[made.cluster == k].mean() for k in range(4)]
    assert_allclose(shares, 0.5, atol=0.1)
    assert_array_equal(made.target, run(made.model, made.data)[:, 0] > 0)
    assert_allclose(run(made.model, made.centers), 0, atol=1e-12)


def test_both_truths(made):
    weights = make_attribution_clusters(2000, correlation=0.4, attribution="weight", random_state=0)[2]
    assert_array_equal(weights, made.weights)
    assert_array_equal(made.attributions, made.contributions)
    assert_allclose(made.contributions, made.weights * (made.data - made.centers[made.cluster]), atol=1e-12)


def test_explainers_of_the_exact_model(made):
    gradient = SaliencyExplainer(made.model).fit(made.data).transform(made.data)
    assert_allclose(gradient, made.weights, atol=1e-12)
    for k, center in enumerate(made.centers):
        rows = made.data[made.cluster == k]
        from_center = IntegratedGradientsExplainer(made.model, baseline=center).fit(rows)
        assert_allclose(from_center.transform(rows), made.contributions[made.cluster == k], atol=1e-10)


def test_shapley_values_against_rows_of_the_same_cluster():
    made = make_attribution_clusters(
        400, n_features=8, n_informative=3, n_clusters=3, separation=30.0, random_state=0, return_bunch=True
    )
    rows = made.data[made.cluster == 0]
    found = ShapleyExplainer(made.model, background_size=len(rows)).fit(rows).transform(rows[:10])
    moved = made.cluster_weights[0] * (rows - made.centers[0]).mean(axis=0)
    assert_allclose(found, made.contributions[made.cluster == 0][:10] - moved, atol=1e-8)


def test_removed_columns_taken_from_near_rows_bear_out_the_truth(made):
    X, truth = made.data[:40], made.attributions[:40]
    explainer = SaliencyExplainer(made.model).fit(made.data)
    random = np.random.RandomState(0).standard_normal(truth.shape)
    of_truth, of_random = (
        faithfulness_correlation(explainer, X, attributions=a, removal="conditional", random_state=0)
        for a in (truth, random)
    )
    assert of_truth > 0.7 and abs(of_random) < 0.2


def test_a_row_belongs_to_the_center_it_lies_nearest_to():
    made = make_attribution_clusters(
        500, n_features=2, n_informative=1, n_clusters=6, separation=0.5, random_state=0, return_bunch=True
    )
    assert_array_equal(made.cluster, cdist(made.data, made.centers).argmin(axis=1))
    assert_allclose(run(made.model, made.data)[:, 0], made.output, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    n_samples=st.integers(1, 20),
    n_features=st.integers(1, 8),
    n_clusters=st.integers(1, 12),
    share=st.floats(0, 1),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**31),
)
def test_sizes(n_samples, n_features, n_clusters, share, dtype, seed):
    n_informative = max(1, round(share * n_features))
    made = make_attribution_clusters(
        n_samples, n_features=n_features, n_clusters=n_clusters, n_informative=n_informative, dtype=dtype,
        random_state=seed, return_bunch=True,
    )  # fmt: skip
    assert made.data.shape == made.attributions.shape == made.relevant.shape == (n_samples, n_features)
    assert made.centers.shape == (n_clusters, n_features)
    assert_array_equal(made.relevant.sum(axis=1), n_informative)
    assert_allclose(made.attributions.sum(axis=1), made.output, rtol=1e-4, atol=1e-4)
    if n_clusters > 1:
        assert_allclose(pdist(made.centers).min(), 10.0, rtol=1e-2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_informative": 21}, r"'n_informative' .* must be an int from 1 to 20, the number of columns. Got 21"),
        ({"n_informative": 0}, r"'n_informative' .* must be an int from 1 to 20"),
        ({"n_clusters": 0}, r"'n_clusters' parameter of make_attribution_clusters must be an int of at least 1. Got 0"),
        ({"separation": 0}, r"'separation' .* must be a number in \(0, inf\). Got 0"),
        ({"correlation": -1}, r"'correlation' .* must be a number in \(-1, 1\). Got -1"),
        ({"attribution": "mask"}, r"'attribution' .* must be 'contribution' or 'weight'. Got 'mask'"),
    ],
)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_attribution_clusters(**parameters)
