"""Rows in dask collections: the same attributions, block by block, when they are asked for."""

from __future__ import annotations

import pickle
import warnings
from functools import cache
from threading import Lock

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import (
    DecisionBoundaryExplainer,
    ExpectedGradientsExplainer,
    GradCAMExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    SaliencyExplainer,
)
from sklearn_xai.base import explainer as explainer_module
from sklearn_xai.base.lazy import LazyExplanation
from sklearn_xai.model_selection import ExplainerSelector
from tests.every_explainer import CLASSES, fast
from tests.nets import MLP, classifier, regressor, table

X, Y, LABELS = table(n=60, n_classes=3)
SLOW = {"CaptumExplainer", "DecisionBoundaryExplainer", "SHAPExplainer"}


@pytest.fixture(autouse=True)
def in_order():
    with dask.config.set(scheduler="synchronous"):
        yield


@cache
def three_classes():
    return classifier(module__n_outputs=3).fit(X, LABELS)


@cache
def gradients(**kwargs):
    return InputXGradientExplainer(three_classes(), **kwargs).fit(X)


def people(n=90, index=None):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n),
            "city": rng.choice(["Bern", "Genf", "Lugano"], n),
            "job": pd.Categorical(rng.choice(["baker", "smith"], n)),
            "income": rng.lognormal(size=n),
        },
        index=np.arange(100, 100 + n) if index is None else index,
    )
    frame.loc[frame.index[::7], "city"] = np.nan
    frame.loc[frame.index[::11], "income"] = np.nan
    return frame


@cache
def of_people(cls=IntegratedGradientsExplainer, **kwargs):
    frame = people()
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]), (words, ["city", "job"])
    )
    explainer = cls(make_pipeline(columns, classifier()), random_state=0, **kwargs)
    return explainer.fit(frame, np.where(frame["age"] > 50, "old", "young"))


def facts_of(explanation):
    return {name: value for name, value in vars(explanation).items() if isinstance(value, np.ndarray)}


def assert_same_explanation(found, expected, atol=0.0):
    assert type(found) is type(expected)
    assert found.feature_names == expected.feature_names and found.output_names == expected.output_names
    assert_allclose(found.values, expected.values, atol=atol)
    assert_allclose(found.base_values, expected.base_values, atol=atol)
    assert_array_equal(found.data, expected.data)
    # A missing value of texts is not equal to itself.
    assert_array_equal(np.where(pd.isna(found.display_data), "", found.display_data).astype(str),
                       np.where(pd.isna(expected.display_data), "", expected.display_data).astype(str))  # fmt: skip
    assert facts_of(found).keys() == facts_of(expected).keys()
    for name, fact in facts_of(expected).items():
        if fact.dtype.kind == "f":
            assert_allclose(facts_of(found)[name], fact, atol=max(atol, 1e-6), err_msg=name)
        else:
            assert_array_equal(facts_of(found)[name], fact, err_msg=name)


# ---------------------------------------------------------------------- every explainer
@pytest.mark.parametrize(
    "cls", [pytest.param(cls, marks=pytest.mark.slow) if cls.__name__ in SLOW else cls for cls in CLASSES]
)
def test_every_explainer_says_the_same_of_blocks(cls):
    rows = X[:9] if cls is DecisionBoundaryExplainer else X
    explainer = fast(cls, three_classes(), target="all", random_state=0).fit(X)
    blocks = da.from_array(rows, chunks=(max(4, len(rows) // 3), 4))
    lazy, expected = explainer.transform(blocks), explainer.transform(rows)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with dask.config.set(scheduler="threads", num_workers=3):
        found, explanation = dask.compute(lazy)[0], explainer.explain(blocks).compute()
    assert (lazy.shape, lazy.dtype) == (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert lazy.chunks[0] == blocks.chunks[0]
    atol = 1e-5 if cls is DecisionBoundaryExplainer else 1e-7  # bisection ends elsewhere in other company
    assert_allclose(found, expected, atol=atol)
    assert_same_explanation(explanation, explainer.explain(rows), atol=atol)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002


def test_fields_are_dask_arrays():
    explainer = ExpectedGradientsExplainer(three_classes(), n_samples=20, tol=1e3, target="all", random_state=0).fit(X)
    lazy, expected = explainer.explain(da.from_array(X, chunks=(25, 4))), explainer.explain(X)
    for name in ("values", "base_values", "completeness_gap", "standard_errors"):
        field, truth = getattr(lazy, name), getattr(expected, name)
        assert isinstance(field, da.Array) and field.chunks[0] == (25, 25, 10)
        assert (field.shape, field.dtype) == (truth.shape, truth.dtype)
        assert_allclose(field.compute(), truth, atol=1e-6)
    assert_array_equal(lazy.data.compute(), X)
    assert "(60, 4, 3) in 3 blocks" in repr(lazy)
    with pytest.raises(
        AttributeError, match=r"no field 'spread'. There are \['base_values', 'completeness_gap', 'data'"
    ):
        lazy.spread  # noqa: B018


def test_all_fields_come_of_one_computation(monkeypatch):
    seen = []
    original = explainer_module.BaseExplainer.explain
    lazy = gradients().explain(da.from_array(X, chunks=(20, 4)))
    fields = [lazy.values, lazy.base_values, lazy.completeness_gap.max()]
    monkeypatch.setattr(explainer_module.BaseExplainer, "explain", lambda self, X: seen.append(1) or original(self, X))
    dask.compute(*fields)
    assert len(seen) == 3  # blocks, and not fields times blocks
    kept = lazy.persist()
    assert isinstance(kept, LazyExplanation) and len(seen) == 6
    assert_array_equal(kept.values.compute(), gradients().transform(X))
    assert len(seen) == 6


# ---------------------------------------------------------------------- arrays
def test_images():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 2))
    images = np.random.RandomState(0).randn(10, 2, 6, 6).astype("f4")
    blocks = da.from_array(images, chunks=(4, 1, 6, 3))
    for explainer in (
        GradCAMExplainer(net, target=0),
        GradCAMExplainer(net, target=0, channels="sum"),
        SaliencyExplainer(net, target="all"),
        OcclusionExplainer(net, target=1, feature_groups=3),
        OcclusionExplainer(net, target="all", feature_groups=3),
    ):
        explainer.fit(images)
        lazy, expected = explainer.transform(blocks), explainer.transform(images)
        assert lazy.shape == expected.shape and max(lazy.chunks[0]) == 1  # of whole rows, and no larger than they were
        assert_allclose(lazy.compute(), expected, atol=1e-6)
        assert_same_explanation(explainer.explain(blocks).compute(), explainer.explain(images), atol=1e-6)


def test_chunks_over_columns_and_of_unknown_size():
    explainer, expected = gradients(), gradients().transform(X)
    unknown = da.from_array(X, chunks=(20, 2))
    unknown = unknown[unknown[:, 0] > 0]
    lazy = explainer.transform(unknown)
    assert np.isnan(lazy.shape[0]) and lazy.shape[1] == 4
    assert_allclose(lazy.compute(), expected[X[:, 0] > 0], atol=1e-7)
    by_columns = explainer.transform(da.from_array(X, chunks=(20, 1)))
    assert by_columns.chunks == ((5,) * 12, (4,))
    assert_allclose(by_columns.compute(), expected, atol=1e-7)


def test_blocks_without_rows():
    blocks = da.from_array(X, chunks=(20, 4))
    few = blocks[blocks[:, 0] > np.partition(X[:, 0], -2)[-2]]  # one row is left
    explainer, row = gradients(), X[[X[:, 0].argmax()]]
    assert_allclose(explainer.transform(few).compute(), explainer.transform(row), atol=1e-7)
    assert_same_explanation(explainer.explain(few).compute(), explainer.explain(row), atol=1e-6)
    assert explainer.explain(few).base_values.compute().shape == (1,)
    none = blocks[blocks[:, 0] > 100]
    assert explainer.transform(none).compute().shape == (0, 4)
    assert explainer.predict_proba(none).compute().shape == (0, 3)
    with pytest.raises(ValueError, match="no row to explain: all blocks of X are empty"):
        explainer.explain(none).compute()


def test_predictions_are_lazy():
    explainer, blocks = gradients(), da.from_array(X, chunks=(25, 4))
    for method in ("predict", "predict_proba", "decision_function"):
        lazy, expected = getattr(explainer, method)(blocks), getattr(explainer, method)(X)
        assert isinstance(lazy, da.Array) and (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        assert_array_equal(lazy.compute(), expected)
    frame = people()
    assert_array_equal(of_people().predict(dd.from_pandas(frame, npartitions=3)).compute(), of_people().predict(frame))


# ---------------------------------------------------------------------- frames
@pytest.mark.parametrize("groups", [None, {"where": ["city", "job"]}], ids=["columns", "groups"])
@pytest.mark.parametrize("cls", [IntegratedGradientsExplainer, OcclusionExplainer])
def test_frames_of_mixed_columns(cls, groups):
    explainer = (
        of_people(cls, feature_groups=groups) if groups is None else of_people.__wrapped__(cls, feature_groups=groups)
    )
    frame = people()
    parts = dd.from_pandas(frame, npartitions=4)
    lazy = explainer.transform(parts)
    assert isinstance(lazy, dd.DataFrame) and lazy.divisions == parts.divisions
    assert lazy.columns.tolist() == explainer.get_feature_names_out().tolist()
    expected = pd.DataFrame(explainer.transform(frame), columns=lazy.columns, index=frame.index)
    found = lazy.compute()
    pd.testing.assert_frame_equal(found, expected, atol=1e-6)
    assert (lazy.dtypes == found.dtypes).all()
    assert_same_explanation(explainer.explain(parts).compute(), explainer.explain(frame), atol=1e-6)


def test_a_part_of_the_columns_and_rows_is_enough():
    frame = people()
    lazy = of_people().transform(dd.from_pandas(frame, npartitions=3))
    expected = pd.DataFrame(of_people().transform(frame), columns=lazy.columns, index=frame.index)
    assert_allclose(lazy["age"].abs().mean().compute(), expected["age"].abs().mean(), rtol=1e-5)
    assert_allclose(lazy.loc[120:130, ["city"]].compute(), expected.loc[120:130, ["city"]], atol=1e-6)


def test_nearest_points_stay_a_table():
    explainer = of_people(DecisionBoundaryExplainer, categories="switch", n_starts=3)
    frame = people()[:8]
    found = explainer.explain(dd.from_pandas(frame, npartitions=2)).compute().nearest_point
    expected = explainer.explain(frame).nearest_point
    pd.testing.assert_frame_equal(found, expected, atol=1e-3, check_dtype=False)


def test_set_output():
    explainer = of_people.__wrapped__().set_output(transform="pandas")
    frame, parts = people(), dd.from_pandas(people(), npartitions=2)
    pd.testing.assert_frame_equal(explainer.transform(parts).compute(), explainer.transform(frame), atol=1e-6)
    of_array = gradients.__wrapped__().set_output(transform="pandas")
    lazy = of_array.transform(da.from_array(X, chunks=(20, 4)))
    assert isinstance(lazy, dd.DataFrame) and lazy.divisions == (0, 20, 40, 59)
    pd.testing.assert_frame_equal(lazy.compute(), of_array.transform(X), atol=1e-7)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(gradients().transform(da.from_array(X, chunks=(20, 4))), dd.DataFrame)
    with pytest.raises(ValueError, match="asked for polars by set_output.*use 'default' or 'pandas'"):
        gradients.__wrapped__().set_output(transform="polars").transform(da.from_array(X))


def test_the_settings_of_the_caller_go_along():
    """A Pipeline that was fitted with tables between its steps needs them in the blocks too."""
    frame = people()[["age", "income"]].fillna(0)
    with sklearn.config_context(transform_output="pandas"):
        forest = RandomForestRegressor(3, random_state=0)
        pipeline = make_pipeline(StandardScaler(), forest).fit(frame, frame["age"])
        explainer = OcclusionExplainer(pipeline, random_state=0).fit(frame)
        expected, lazy = explainer.transform(frame), explainer.transform(dd.from_pandas(frame, npartitions=2))
    assert_allclose(lazy.compute(), expected)


def test_selector():
    selector = ExplainerSelector(
        {"products": InputXGradientExplainer(three_classes()), "slopes": SaliencyExplainer(three_classes())},
        ["faithfulness_correlation"], cv=2, control=None, random_state=0,
    ).fit(X)  # fmt: skip
    blocks = da.from_array(X, chunks=(20, 4))
    assert_allclose(selector.transform(blocks).compute(), selector.transform(X), atol=1e-7)
    assert_allclose(selector.explain(blocks).compute().values, selector.transform(X), atol=1e-7)
    selector.set_output(transform="pandas")
    pd.testing.assert_frame_equal(selector.transform(blocks).compute(), selector.transform(X), atol=1e-7)


# ---------------------------------------------------------------------- what is sent
def test_the_explainer_is_one_key_however_many_blocks():
    explainer = InputXGradientExplainer(regressor(MLP, module__n_hidden=20_000).fit(X, Y[:, None])).fit(X)
    network = 20_000 * 6 * 4
    for frame in (False, True):
        blocks = da.from_array(np.zeros((60, 4), "f4"), chunks=(1, 4))
        blocks = dd.from_dask_array(blocks, columns=list("abcd")) if frame else blocks
        with warnings.catch_warnings(action="ignore"):  # fitted without names
            lazy = explainer.transform(blocks)
        tasks = [len(pickle.dumps(task)) for task in dict(lazy.__dask_graph__()).values()]
        assert len(tasks) >= 61 and network < sum(tasks) < 2 * network


def test_it_is_pickled_once_and_unpickled_once(monkeypatch):
    counts = {"pickled": 0, "unpickled": 0}
    state = InputXGradientExplainer.__getstate__, InputXGradientExplainer.__setstate__

    def count(name, method):
        def counted(self, *args):
            counts[name] += 1
            return method(self, *args)

        return counted

    explainer = gradients()
    monkeypatch.setattr(InputXGradientExplainer, "__getstate__", count("pickled", state[0]))
    monkeypatch.setattr(InputXGradientExplainer, "__setstate__", count("unpickled", state[1]))
    with dask.config.set(scheduler="threads", num_workers=4):
        explainer.transform(da.from_array(X, chunks=(2, 4))).compute()
    assert counts == {"pickled": 1, "unpickled": 1}


def test_a_network_of_a_class_that_no_module_holds():
    """As in a notebook: workers could not import it, so that the class goes along."""

    class Own(MLP):
        pass

    explainer = InputXGradientExplainer(classifier(Own).fit(X, LABELS)).fit(X)
    found = explainer.transform(da.from_array(X, chunks=(20, 4))).compute()
    assert_allclose(found, explainer.transform(X), atol=1e-7)


def test_what_was_asked_for_is_what_comes():
    """An explainer that is fitted anew before the result is computed does not change what was asked for."""
    explainer = InputXGradientExplainer(three_classes(), target=0).fit(X)
    expected, lazy = explainer.transform(X), explainer.transform(da.from_array(X, chunks=(20, 4)))
    explainer.set_params(target=1).fit(X)
    assert abs(explainer.transform(X) - expected).max() > 0.01
    assert_allclose(lazy.compute(), expected, atol=1e-7)


# ---------------------------------------------------------------------- errors
def refuses(match, call, *args, error=ValueError):
    with pytest.raises(error, match=match):
        call(*args)


def test_what_columns_lack_is_said_at_once():
    explainer, parts = of_people(), dd.from_pandas(people(), npartitions=2)
    for ask in (explainer.transform, explainer.explain, explainer.predict):
        refuses("feature names should match", ask, parts.rename(columns={"age": "years"}))
        refuses("feature names should match", ask, parts[["age", "city"]])
        refuses(r"columns \['age'\] of X are not numbers, but they were numbers", ask, parts.astype({"age": "str"}))
    numbers = InputXGradientExplainer(regressor().fit(X, Y[:, None])).fit(pd.DataFrame(X, columns=list("abcd")))
    texts = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")).astype({"c": "str"}), npartitions=2)
    refuses(r"columns \['c'\] of X are not numbers, but a network takes", numbers.transform, texts)
    explainer = gradients()
    refuses(r"rows of shape \(3,\), but those given to fit were of \(4,\)", explainer.transform, da.ones((9, 3)))
    refuses("Found array with 0 sample", explainer.explain, da.ones((0, 4)))
    grown = da.ones((9, 4))[:, da.from_array(np.array([True, True, False, True]), chunks=4)]
    refuses("number of columns of X.*compute_chunk_sizes", explainer.transform, grown)


def test_what_a_block_lacks_is_said_when_it_is_computed():
    holed = X.copy()
    holed[33, 2] = np.nan
    lazy = gradients().transform(da.from_array(holed, chunks=(20, 4)))
    with pytest.raises(ValueError, match="NaN") as caught:
        lazy.compute()
    assert "one block of a dask collection" in caught.value.__notes__[0]


def test_what_is_no_table_in_blocks_is_refused():
    blocks, parts = da.from_array(X, chunks=(20, 4)), dd.from_pandas(people(), npartitions=2)
    for call in (gradients().fit, gradients().score, gradients().explained_output):
        refuses(r"dask collections.*X.sample\(frac=0.01, random_state=0\).compute\(\)", call, blocks)
    refuses("dask collections", of_people.__wrapped__().fit, parts)
    refuses("dask collections", gradients().transform, {"a": blocks})
    refuses("array or a DataFrame. Got a dask Series", gradients().transform, parts["age"])
    refuses("array or a DataFrame. Got a dask Delayed", gradients().transform, dask.delayed(X))
    with pytest.raises(NotFittedError):
        InputXGradientExplainer(three_classes()).transform(blocks)


def test_what_was_fitted_on_a_dict_takes_none():
    class Two(nn.Module):
        def forward(self, a, b):
            return a.sum(dim=1, keepdim=True) * b.sum(dim=1, keepdim=True)

    explainer = InputXGradientExplainer(Two()).fit({"a": X[:, :2], "b": X[:, 2:]})
    refuses("fitted on a dict of arrays.*Got a dask Array", explainer.transform, da.from_array(X, chunks=(20, 4)))


def test_what_cannot_be_pickled_is_said():
    module = nn.Linear(4, 1)
    module.lock = Lock()
    explainer = SaliencyExplainer(module).fit(X)
    refuses("SaliencyExplainer is pickled, and that failed", explainer.transform, da.from_array(X), error=TypeError)
