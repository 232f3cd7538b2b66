"""A cluster of worker processes: the same results, the explainer sent once, also when a worker dies in the middle."""

from __future__ import annotations

import logging
import os
import resource
import signal

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from distributed import Client, LocalCluster, as_completed, futures_of
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from torch import nn

from sklearn_xai import (
    ExpectedGradientsExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    RandomExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai.base.threads import limited_threads
from sklearn_xai.model_selection import (
    ExplainerSelector,
    compare_explainers,
    cross_val_attributions,
    evaluate_model,
    explanation_stability,
)
from tests.nets import Mixed, classifier, regressor, table
from tests.test_dask import assert_same_explanation, of_people, people

pytestmark = pytest.mark.slow
X, Y, LABELS = table(n=400, n_classes=2)
SECONDS = ["fit_seconds", "transform_seconds", "rows_per_second"]


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
        processes = client.run(os.getpid).values()
    assert not [process for process in processes if psutil.pid_exists(process)]


def on_each(client, function, *args):
    """Call a function in the thread of each worker that its blocks run in."""
    workers = sorted(client.ncores())
    return client.gather([client.submit(function, *args, workers=[worker], pure=False) for worker in workers])


class NumberOfThreads(nn.Module):
    """Its slope is the number of threads that torch may use."""

    def forward(self, X):
        return X.sum(dim=1, keepdim=True) * torch.get_num_threads()


def pages_made(limit):
    """Count the pages that twenty tensors take from the system, one after the other, where twice as many were before.

    The first ones are laid side by side, as small blocks come to lie between them, until a heap of 64 MiB is full.
    """
    with limited_threads(limit):
        for n_tensors in (40, 20):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(n_tensors):
                torch.empty(2**21).fill_(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def random_states():
    return torch.get_rng_state().numpy().tobytes(), np.random.get_state()[1].tobytes()  # noqa: NPY002


_unpickled = []


def count_unpickling():
    original = InputXGradientExplainer.__setstate__
    InputXGradientExplainer.__setstate__ = lambda self, state: _unpickled.append(1) or original(self, state)


def n_unpickled():
    return len(_unpickled)


def process(explainer, X):
    return float(os.getpid())


# ---------------------------------------------------------------------- blocks
def test_blocks_of_the_same_size_give_the_same_bits(client):
    explainer = IntegratedGradientsExplainer(classifier(), random_state=0).fit(X, LABELS)
    lazy = explainer.transform(da.from_array(X, chunks=(64, 4)))
    expected = np.concatenate([explainer.transform(X[start : start + 64]) for start in range(0, 400, 64)])
    assert_array_equal(lazy.compute(), expected)
    # Matrix products of other sizes may round otherwise.
    assert_allclose(expected, explainer.transform(X), atol=1e-6)
    assert_same_explanation(
        explainer.explain(da.from_array(X, chunks=(64, 4))).compute(), explainer.explain(X), atol=1e-6
    )


def test_frames_and_predictions(client):
    frame, explainer = people(), of_people()
    parts = dd.from_pandas(frame, npartitions=4)
    lazy = explainer.transform(parts)
    expected = pd.DataFrame(explainer.transform(frame), columns=lazy.columns, index=frame.index)
    pd.testing.assert_frame_equal(lazy.compute(), expected, atol=1e-6)
    assert_same_explanation(explainer.explain(parts).compute(), explainer.explain(frame), atol=1e-6)
    assert_array_equal(explainer.predict(parts).compute(), explainer.predict(frame))
    importances = lazy.abs().mean().compute()
    assert_allclose(importances.reindex(expected.columns), expected.abs().mean(), rtol=1e-5)


def test_it_is_sent_once(client, monkeypatch):
    explainer = InputXGradientExplainer(classifier()).fit(X, LABELS)
    of_frames = InputXGradientExplainer(classifier()).fit(pd.DataFrame(X, columns=list("abcd")), LABELS)
    pickled, original = [], InputXGradientExplainer.__getstate__
    monkeypatch.setattr(InputXGradientExplainer, "__getstate__", lambda self: pickled.append(1) or original(self))
    client.run(count_unpickling)
    before = on_each(client, n_unpickled)
    explainer.transform(da.from_array(X, chunks=(10, 4))).compute()
    assert len(pickled) == 1
    after = on_each(client, n_unpickled)
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]  # of 40 blocks
    frames = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")), npartitions=40)
    of_frames.transform(frames).sum().compute()
    assert len(pickled) == 2
    assert [b - a for a, b in zip(after, on_each(client, n_unpickled), strict=True)] == [1, 1]


def test_a_worker_keeps_to_its_threads(client):
    explainer = SaliencyExplainer(NumberOfThreads()).fit(X)
    on_each(client, torch.set_num_threads, 2)
    try:
        found = explainer.transform(da.from_array(X, chunks=(50, 4))).compute()
        assert_array_equal(found, np.ones_like(X))
        assert on_each(client, torch.get_num_threads) == [2, 2]
    finally:
        on_each(client, torch.set_num_threads, 1)


def test_a_worker_keeps_memory_for_the_next_tensor(client):
    """Dask has workers give it back at once, which takes half of the time."""
    before, inside = on_each(client, pages_made, None), on_each(client, pages_made, 1)
    assert max(inside) < min(before) / 4


def test_random_states_of_workers_stay(client):
    explainer = ExpectedGradientsExplainer(regressor(Mixed), n_samples=20, tol=1e3).fit(X, Y[:, None])
    before = on_each(client, random_states)
    found = explainer.transform(da.from_array(X, chunks=(50, 4))).compute()
    assert on_each(client, random_states) == before
    assert_allclose(found, explainer.transform(X), atol=1e-6)


def test_a_worker_that_dies_in_the_middle(client):
    explainer = ShapleyExplainer(classifier(), background_size=100, random_state=0).fit(X, LABELS)
    lazy = explainer.transform(da.from_array(X, chunks=(10, 4)))
    kept = lazy.persist()
    blocks = as_completed(futures_of(kept))
    for _ in range(6):
        next(blocks)
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    found = kept.compute()
    expected = np.concatenate([explainer.transform(X[start : start + 10]) for start in range(0, 400, 10)])
    assert_array_equal(found, expected)
    client.wait_for_workers(2)
    assert victim not in client.run(os.getpid).values()


# ---------------------------------------------------------------------- joblib
@pytest.fixture
def explainers():
    net = classifier()
    return {
        "gradient": InputXGradientExplainer(net, random_state=0),
        "chance": RandomExplainer(net, random_state=0),
    }


def test_cross_val_attributions(client, explainers):
    explainer = explainers["gradient"]
    expected = cross_val_attributions(explainer, X, LABELS, cv=3, X_eval=X[:20])
    with parallel_config("dask"):
        found = cross_val_attributions(explainer, X, LABELS, cv=3, X_eval=X[:20])
        stability = explanation_stability(explainer, X, LABELS, cv=3, X_eval=X[:20])
    assert_allclose(found, expected, atol=1e-6)
    local = explanation_stability(explainer, X, LABELS, cv=3, X_eval=X[:20])
    assert_allclose(stability.attributions, local.attributions, atol=1e-6)


def test_compare_explainers(client, explainers):
    arguments = {"cv": 2, "X_eval": X[:20], "metrics": {"process": process}}
    expected = compare_explainers(explainers, X, LABELS, **arguments)
    with parallel_config("dask"):
        found = compare_explainers(explainers, X, LABELS, **arguments)
    assert (expected["process"] == os.getpid()).all() and (found["process"] != os.getpid()).all()
    same = expected.columns.drop([*SECONDS, "process"])
    pd.testing.assert_frame_equal(found[same], expected[same], atol=1e-5)


def test_selector(client, explainers):
    selector = ExplainerSelector(
        explainers, ["faithfulness_correlation", "completeness_gap"], cv=2, random_state=0, control="chance"
    )
    expected = selector.fit(X, LABELS).results_
    with parallel_config("dask"):
        found = selector.fit(X, LABELS).results_
    same = [name for name in expected.columns if not name.endswith("_seconds")]
    pd.testing.assert_frame_equal(found[same], expected[same], atol=1e-5)


def test_grid_search(client):
    search = GridSearchCV(
        IntegratedGradientsExplainer(classifier(), tol=1e3, random_state=0), {"n_steps": [2, 8]}, cv=2
    )
    expected = search.fit(X, LABELS).cv_results_["mean_test_score"]
    with parallel_config("dask"):
        found = search.fit(X, LABELS).cv_results_["mean_test_score"]
    assert_allclose(found, expected, atol=1e-5)


def test_evaluate_model(client):
    expected = evaluate_model(classifier(), X, LABELS, cv=2, random_state=0)
    with parallel_config("dask"):
        found = evaluate_model(classifier(), X, LABELS, cv=2, random_state=0)
    pd.testing.assert_frame_equal(found.predictions, expected.predictions)
    pd.testing.assert_frame_equal(found.scores, expected.scores, atol=1e-6)
