"""Projections are those of scikit-learn and openTSNE, and what is said of them is measured."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.manifold import TSNE, trustworthiness

from sklearn_xai.network._projections import (
    checked_rows,
    largest_perplexity,
    linear_share,
    percent,
    project,
)

IRIS = load_iris().data
DIGITS = load_digits().data[:120]


def cloud(n=40, d=6, seed=0):
    return np.random.RandomState(seed).randn(n, d) * np.arange(1, d + 1)


def test_pca_is_that_of_scikit_learn():
    found, pca = project(IRIS), PCA(2)
    assert_allclose(found.points, pca.fit_transform(IRIS), atol=1e-12)
    assert_allclose(found.explained_variance_ratio, pca.explained_variance_ratio_)
    assert_allclose(found.variance_share, pca.explained_variance_ratio_.sum())
    assert_allclose(found.trustworthiness, trustworthiness(IRIS, found.points, n_neighbors=5), atol=2e-3)
    assert found.settings == [] and found.n_neighbors == 5


def test_tsne_is_that_of_scikit_learn_with_the_same_arguments():
    X = cloud()
    params = {"early_exaggeration": 6.0, "init": "random", "max_iter": 260}
    found = project(X, "tsne", perplexity=7, metric="manhattan", method_params=params, random_state=3)
    theirs = TSNE(perplexity=7, metric="manhattan", random_state=3, **params).fit_transform(X)
    assert_array_equal(found.points, theirs.astype(np.float64))
    assert_allclose(found.trustworthiness, trustworthiness(X, theirs, n_neighbors=5, metric="manhattan"))
    assert found.explained_variance_ratio is None
    assert found.settings == ["perplexity 7"]


def test_continuity_is_trustworthiness_with_the_spaces_exchanged():
    X = cloud()
    found = project(X, n_neighbors=4)
    assert_allclose(found.trustworthiness, trustworthiness(X, found.points, n_neighbors=4))
    assert_allclose(found.continuity, trustworthiness(found.points, X, n_neighbors=4))
    assert found.trustworthiness < 1 and found.continuity < 1


def test_opentsne_is_that_of_opentsne():
    openTSNE = pytest.importorskip("openTSNE")
    X = cloud()
    found = project(X, "opentsne", perplexity=5, random_state=1)
    assert_allclose(found.points, openTSNE.TSNE(perplexity=5, random_state=1).fit(X), atol=1e-8)


@pytest.mark.slow
def test_umap_is_that_of_umap():
    pytest.importorskip("numba")
    X = cloud()
    found = project(X, "umap", method_params={"n_neighbors": 6, "n_epochs": 50}, random_state=1)
    import umap  # after project, which silences what its import says of TensorFlow

    theirs = umap.UMAP(n_neighbors=6, n_epochs=50, random_state=1, n_jobs=1).fit_transform(X)
    assert_allclose(found.points, theirs, atol=1e-5)
    assert found.settings == ["6 neighbours"]
    with pytest.raises(ValueError, match="from 2 to 39, the largest possible one for 40 rows. Got 40"):
        project(X, "umap", method_params={"n_neighbors": 40})
    assert project(X[:4], "umap", random_state=0).settings == ["3 neighbours"]


def test_share_of_variance_is_the_r2_of_a_linear_regression():
    X = cloud()
    points = np.column_stack([X[:, 0] ** 2, X[:, 1] + X[:, 5]])
    expected = LinearRegression().fit(points, X).predict(points)
    share = 1 - ((X - expected) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert_allclose(linear_share(X, points), share)
    assert linear_share(X, points) < project(X).variance_share
    assert_allclose(linear_share(X, points[:, [0, 0]]), linear_share(X, points[:, :1]))


@pytest.mark.parametrize(("method", "largest"), [("tsne", "49"), ("opentsne", "16.3")])
@pytest.mark.parametrize("perplexity", [80, 49.5, 0.5, 0, -3, "30", True, np.nan])
def test_impossible_perplexity_says_the_largest_possible_one(method, largest, perplexity):
    message = (
        f"'perplexity' parameter of Here must be a number from 1 to {largest}, the largest possible one for 50 rows"
    )
    with pytest.raises(ValueError, match=message):
        project(cloud(50), method, perplexity=perplexity, caller="Here")


@pytest.mark.parametrize("method", ["tsne", "opentsne"])
def test_largest_perplexity_is_possible(method):
    largest = largest_perplexity(method, 12)
    found = project(cloud(12), method, perplexity=largest, random_state=0)
    assert np.isfinite(found.points).all()


@pytest.mark.parametrize("method", ["pca", "tsne", "opentsne"])
@pytest.mark.parametrize("n", [4, 5, 8])
@pytest.mark.parametrize("d", [1, 2, 60])
def test_few_rows_and_few_or_many_columns(method, n, d):
    found = project(cloud(n, d), method, random_state=0)
    assert found.points.shape == (n, 2) and np.isfinite(found.points).all()
    assert 0 <= found.variance_share <= 1
    assert found.n_neighbors == min(5, (n - 1) // 2)


@pytest.mark.parametrize("method", ["pca", "tsne", "opentsne"])
def test_duplicates_and_constant_columns(method):
    X = np.repeat(cloud(10), 4, axis=0)
    X[:, 2] = 7.0
    assert np.isfinite(project(X, method, random_state=0).points).all()


def test_many_columns_are_reduced_first_and_it_is_said_so():
    found = project(DIGITS, "opentsne", reduce_to=10, random_state=0)
    pca = PCA(10, random_state=0)
    rows = pca.fit_transform(DIGITS)
    kept = 100 * pca.explained_variance_ratio_.sum()
    assert found.settings == ["perplexity 30", f"after PCA to 10 dimensions ({kept:.1f} % of the variance)"]
    assert_allclose(found.points, project(rows, "opentsne", random_state=0).points, atol=1e-6)
    # What is kept is measured against the rows as they were given.
    assert_allclose(found.variance_share, linear_share(DIGITS, found.points))
    for kept_whole in ({"reduce_to": None}, {"metric": "cosine", "reduce_to": 10}):
        assert project(DIGITS[:30], "tsne", **kept_whole, random_state=0).settings == ["perplexity 9.67"]
    with pytest.raises(
        ValueError, match="'reduce_to' parameter of project must be a whole number from 2, or None. Got 1"
    ):
        project(DIGITS, "tsne", reduce_to=1)


@pytest.mark.parametrize("method", ["pca", "tsne", "opentsne"])
def test_same_seed_same_points_and_no_global_generator_is_touched(method):
    X = cloud(30)
    kept = X.copy()
    before = np.random.get_state()[1].copy(), np.random.get_state()[2], torch.get_rng_state()  # noqa: NPY002
    rng = np.random.RandomState(5)
    first, second = (project(X, method, random_state=rng).points for _ in range(2))
    assert_array_equal(first, second)
    assert_array_equal(project(X, method, random_state=5).points, first)
    after = np.random.get_state()[1], np.random.get_state()[2], torch.get_rng_state()  # noqa: NPY002
    for one, other in zip(before, after, strict=True):
        assert_array_equal(one, other)
    assert rng.randint(2**31) == np.random.RandomState(5).randint(2**31)
    assert_array_equal(X, kept)


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool])
def test_numbers_of_any_type_and_shape(kind):
    X = (cloud(20, 8) > 1).astype(kind)
    assert_allclose(project(X.reshape(20, 2, 4)).points, project(X.astype(float)).points)
    assert_allclose(project(torch.from_numpy(X)).points, project(X.astype(float)).points)


def test_missing_values_are_named():
    X = pd.DataFrame(cloud(), columns=list("abcdef"))
    X.loc[[3, 5], "b"] = np.nan
    X.loc[5, "e"] = np.inf
    with pytest.raises(ValueError, match=r"2 of 40 rows of X hold NaN or infinite values \(columns b, e\)"):
        project(X)
    with pytest.raises(ValueError, match=r"\(columns 1, 4\)"):
        project(X.to_numpy())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((9, 3)), "all 9 rows of X are the same"),
        (cloud(3), "needs at least 4 rows to project. Got 3"),
        (np.empty((0, 3)), "0 sample"),
        (pd.DataFrame({"age": [1, 2, 3, 4], "city": list("abca")}), r"columns \['city'\] of X hold other values"),
    ],
)
def test_rows_that_cannot_be_projected(X, message):
    with pytest.raises(ValueError, match=message):
        checked_rows(X, "Here")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "mds"}, "must be one of 'pca', 'tsne', 'umap', 'opentsne'. Got 'mds'"),
        ({"perplexity": 5}, "is one of t-SNE, and has no meaning for method='pca'"),
        ({"method_params": {"n_components": 3}}, "must not hold 'n_components'. It is always 2"),
        ({"method_params": {"random_state": 3}}, "must not hold 'random_state'. Use the parameter 'random_state'"),
        ({"method": "tsne", "method_params": {"speed": 3}}, "holds 'speed', which is no parameter of 'tsne'. It takes"),
        ({"metric": "precomputed"}, "must be a distance of rows"),
        ({"n_neighbors": 20}, "'n_neighbors' parameter .* from 1 to 19"),
    ],
)
def test_wrong_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        project(cloud(), **params)


@pytest.mark.parametrize(
    ("method", "module", "package"), [("umap", "umap", "umap-learn"), ("opentsne",) + ("openTSNE",) * 2]
)
def test_missing_library_names_the_extra(monkeypatch, method, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"Here needs {package} for method='{method}': .*sklearn-xai\[projections\]"):
        project(cloud(), method, caller="Here")


def test_what_scikit_learn_does_needs_no_other_library(monkeypatch):
    for module in ("umap", "openTSNE"):
        monkeypatch.setitem(sys.modules, module, None)
    for method in ("pca", "tsne"):
        assert project(cloud(12), method, random_state=0).points.shape == (12, 2)


def test_percent_never_rounds_up_to_all():
    assert [percent(share) for share in (0.0, 0.12345, 0.9999, 1.0)] == ["0.0 %", "12.3 %", "99.9 %", "100 %"]
