"""A fitted explainer that was stored says the same when it is loaded, also in another process."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_xai.tables import pack_tables, unpack_tables
from tests.every_explainer import CLASSES, fast
from tests.nets import classifier, regressor, table

X, Y, LABELS = table()


def through_pickle(explainer):
    return pickle.loads(pickle.dumps(explainer))


def through_joblib(explainer):
    file = io.BytesIO()
    joblib.dump(explainer, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(explainer):
    stored = skops_io.dumps(explainer)
    return skops_io.loads(stored, trusted=skops_io.get_untrusted_types(data=stored))


WAYS = {"pickle": through_pickle, "joblib": through_joblib, "skops": through_skops, "deepcopy": copy.deepcopy}


def frame():
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {"age": rng.randint(18, 80, 50), "city": rng.choice(["Bern", "Genf"], 50), "income": rng.lognormal(size=50)}
    )


TYPES = {
    "int8": np.arange(5, dtype=np.int8),
    "bool": [True, False, True, True, False],
    "missing": [1.0, np.nan, 2.0, np.inf, 3.0],
    "text": pd.array(["a", None, "b", "", "c"], dtype="str"),
    "object": pd.Series(["a", 1, 2.5, None, True], dtype=object),
    "nullable": pd.array([1, None, 3, 4, 5], dtype="Int64"),
    "category": pd.Categorical(["x", None, "y", "x", "x"], categories=["z", "y", "x"], ordered=True),
    "number category": pd.Categorical([3, 1, 3, None, 1]),
    "day": pd.date_range("2020-01-01", periods=5),
    "zone": pd.date_range("2020-01-01", periods=5, tz="Europe/Zurich"),
}


@pytest.mark.parametrize("way", WAYS)
def test_tables_of_every_type(way):
    table = pd.DataFrame(TYPES)
    packed = pack_tables({"rows": table, "twice": [table]})
    found = unpack_tables(WAYS[way](packed))
    pd.testing.assert_frame_equal(found["rows"], table)
    assert found["twice"][0] is found["rows"]


def test_packing_leaves_the_explainer_as_it_was():
    rows = frame()[["age", "income"]]
    explainer = fast(CLASSES[0], make_pipeline(StandardScaler(), regressor())).fit(rows, rows["age"])
    before = vars(explainer).copy()
    pickle.dumps(explainer)
    assert vars(explainer) is not before and all(vars(explainer)[name] is value for name, value in before.items())
    assert isinstance(explainer.background_, pd.DataFrame)
    assert isinstance(explainer._coalitions.background, pd.DataFrame)


def said(explainer, rows):
    explanation = explainer.explain(rows)
    return {
        "transform": explainer.transform(rows),
        "base values": explanation.base_values,
        "names": explanation.feature_names,
        "importances": explainer.feature_importances_,
        "score": explainer.score(rows),
        "predict": explainer.predict(rows),
        "names out": explainer.get_feature_names_out(),
    }


def stays_the_same(explainer, rows):
    expected = said(explainer, rows)
    for way, through in WAYS.items():
        for fact, value in said(through(explainer), rows).items():
            if np.asarray(value).dtype.kind == "f":
                atol = 1e-4 if fact == "score" else 1e-6
                assert_allclose(value, expected[fact], atol=atol, err_msg=f"{fact} after {way}")
            else:
                assert_array_equal(value, expected[fact], f"{fact} after {way}")


@pytest.mark.parametrize("cls", CLASSES)
def test_around_a_trained_net(cls):
    stays_the_same(fast(cls, classifier(), random_state=0).fit(X, LABELS), X[:10])


@pytest.mark.parametrize("cls", CLASSES)
def test_around_a_pipeline_with_a_frame_as_background(cls):
    rows = frame()
    before = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), ["age", "income"])
    )
    labels = np.where(rows["age"] > 40, "old", "young")
    stays_the_same(fast(cls, make_pipeline(before, classifier()), random_state=0).fit(rows, labels), rows.iloc[:10])


@pytest.mark.parametrize("cls", CLASSES)
def test_in_a_pipeline(cls):
    pipe = make_pipeline(StandardScaler(), fast(cls, regressor(), random_state=0)).fit(X, Y)
    expected = pipe.transform(X[:10])
    for way, through in WAYS.items():
        assert_allclose(through(pipe).transform(X[:10]), expected, atol=1e-6, err_msg=way)


@pytest.mark.parametrize("way", WAYS)
def test_before_fit(way):
    explainer = fast(CLASSES[0], regressor(lr=0.5), target="all")
    loaded = WAYS[way](explainer)
    assert loaded.target == "all" and loaded.estimator.lr == 0.5 and not hasattr(loaded, "estimator_")


def test_in_another_process(tmp_path):
    explainer = fast(CLASSES[0], regressor(), random_state=0).fit(X, Y)
    joblib.dump(explainer, tmp_path / "explainer.joblib")
    np.save(tmp_path / "rows.npy", X)
    code = (
        "import joblib, numpy as np, sys; folder = sys.argv[1]; "
        "found = joblib.load(folder + '/explainer.joblib').transform(np.load(folder + '/rows.npy')); "
        "np.save(folder + '/found.npy', found)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[1])
    assert_allclose(np.load(tmp_path / "found.npy"), explainer.transform(X), atol=1e-6)
