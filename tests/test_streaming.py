"""``transform_to``: the same attributions as in memory, complete or not there, and never those of two runs."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, LinearSurrogateExplainer, OcclusionExplainer, SaliencyExplainer
from tests.nets import classifier, table

N = 1_000


def people(n=N, seed=0):
    """Return a table of mixed columns with missing values, and labels."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(
        {
            "age": rng.randint(17, 90, n),
            "hours.per week": np.where(rng.rand(n) < 0.1, np.nan, rng.randint(1, 99, n)),
            "job": pd.Categorical(rng.choice(["clerk", "farmer", "nurse", "smith"], n)),
            "town": rng.choice(["Aachen", "Bonn", "Celle"], n),
        }
    )
    X.loc[rng.rand(n) < 0.1, "town"] = None
    labels = np.where(X["age"] + 10 * (X["job"] == "nurse") + rng.randn(n) > 55, "high", "low")
    return X, labels


def around(final):
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (fill, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, final)


@pytest.fixture(scope="module")
def explainer():
    X, labels = people()
    explainer = IntegratedGradientsExplainer(around(classifier()), n_steps=8, tol=10.0, random_state=0)
    return explainer.fit(X[:300], labels[:300])


@pytest.fixture
def rows(tmp_path):
    """Return (a Parquet file with an id and a label beside the columns, in small row groups; the DataFrame)."""
    X, labels = people(seed=1)
    X = X.assign(id=np.arange(N) + 10**9, label=labels)[["id", "town", "job", "label", "hours.per week", "age"]]
    X.to_parquet(tmp_path / "rows.parquet", row_group_size=130)
    return tmp_path / "rows.parquet", X


def pieces(X, n):
    """Cut a DataFrame into so many."""
    return [X.iloc[rows] for rows in np.array_split(np.arange(len(X)), n)]


def whole(explainer, X):
    return explainer.transform(X[["age", "hours.per week", "job", "town"]])


def counted(monkeypatch, explainer):
    """Note how many rows the explainer explains from now on."""
    seen = []
    inner = type(explainer)._explain_rows

    def explain_rows(self, X, fully=False):
        seen.append(len(X))
        return inner(self, X, fully)

    monkeypatch.setattr(type(explainer), "_explain_rows", explain_rows)
    return seen


def broken_at(monkeypatch, number, error):
    """Let the writing of a part fail half-way."""
    inner, calls = pq.write_table, []

    def write(part, sink, **kwargs):
        calls.append(1)
        if len(calls) == number:
            sink.write(b"PAR1 half of a part")
            raise error
        inner(part, sink, **kwargs)

    monkeypatch.setattr(pq, "write_table", write)


# ---------------------------------------------------------------------- the same as in memory
def test_a_file_in_parts_is_the_same_as_in_memory(explainer, rows, tmp_path):
    path, X = rows
    done = explainer.transform_to(tmp_path / "out", path, keep=["id", "label"], batch_rows=300)
    found = pd.read_parquet(done)
    assert done.columns == ("id", "label", "age", "hours.per week", "job", "town") == tuple(found.columns)
    assert (done.n_rows, done.n_parts, done.n_resumed, done.path) == (N, 4, 0, tmp_path / "out")
    np.testing.assert_allclose(found[["age", "hours.per week", "job", "town"]], whole(explainer, X), atol=1e-6)
    assert found["age"].dtype == np.float32
    pd.testing.assert_frame_equal(found[["id", "label"]], X[["id", "label"]])
    assert repr(done).startswith("<StreamedAttributions: 1,000 rows x 6 columns, 4 parts, in '")
    assert sorted(os.listdir(tmp_path)) == ["out", "rows.parquet"]


@pytest.mark.parametrize("target", ["high", "all"])
def test_fields_are_those_of_explain(explainer, rows, tmp_path, target):
    path, X = rows
    chosen = IntegratedGradientsExplainer(explainer.estimator_, n_steps=8, tol=10.0, target=target).fit(
        people()[0][:300]
    )
    fields = ("completeness_gap", "output", "base_value")
    found = pd.read_parquet(chosen.transform_to(tmp_path / "out", path, fields=fields, batch_rows=300))
    told = chosen.explain(X[["age", "hours.per week", "job", "town"]])
    kinds = ["base_value", "output", "completeness_gap"]
    names = kinds if target == "high" else [f"{label}_{kind}" for kind in kinds for label in ("high", "low")]
    assert list(found.columns) == names
    base, output, gap = np.split(found.to_numpy(), 3, axis=1)
    np.testing.assert_allclose(np.squeeze(base), told.base_values, atol=1e-6)
    np.testing.assert_allclose(np.squeeze(gap), told.completeness_gap, atol=1e-5)
    axis = 1
    np.testing.assert_allclose(
        np.squeeze(output - base), told.values.sum(axis=axis), atol=told.completeness_gap.max() + 1e-5
    )


def test_folders_globs_lists_datasets_and_streams_give_the_same(explainer, rows, tmp_path):
    path, X = rows
    folder = tmp_path / "day=3"
    folder.mkdir()
    for k, part in enumerate(pieces(X, 3)):
        part.to_parquet(folder / f"{k}.parquet")
    whole_table = pa.Table.from_pandas(X)
    sources = {
        "folder": folder,
        "glob": str(folder / "*.parquet"),
        "list": [folder / "0.parquet", folder / "1.parquet", folder / "2.parquet"],
        "dataset": pa.dataset.dataset(path),
        "filtered": pa.dataset.dataset(path).filter(pa.dataset.field("id") >= 0),
        "table": whole_table,
        "frame": X,
        "frames": iter(pieces(X, 7)),
        "batches": iter(whole_table.to_batches(max_chunksize=77)),
    }
    expected = whole(explainer, X)
    for name, source in sources.items():
        written = explainer.transform_to(tmp_path / name, source, batch_rows=333)
        np.testing.assert_allclose(pd.read_parquet(written), expected, atol=1e-6, err_msg=name)
        assert written.n_parts == 4


class Codes(TransformerMixin, BaseEstimator):
    """Takes the codes of categories for numbers, as a frame has them."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.column_stack([X["job"].cat.codes, X["age"]]).astype(float)


def test_categories_are_numbered_as_in_fit_in_every_row_group(tmp_path):
    X, labels = people()
    X = X[["job", "age"]]
    explainer = OcclusionExplainer(make_pipeline(Codes(), LogisticRegression()), random_state=0).fit(X, labels)
    parts = [X[:3].iloc[[2, 1, 0]], X[X["job"] == "smith"][:4], X[10:40]]
    orders = [["smith", "nurse", "farmer", "clerk"], ["smith"], ["farmer", "clerk", "smith", "nurse"]]
    tables = [
        pa.Table.from_pandas(part.assign(job=part["job"].cat.set_categories(order)), preserve_index=False)
        for part, order in zip(parts, orders, strict=True)
    ]
    with pq.ParquetWriter(tmp_path / "rows.parquet", tables[0].schema) as writer:
        for part in tables:
            writer.write_table(part)
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", tmp_path / "rows.parquet", batch_rows=4))
    np.testing.assert_allclose(found, explainer.transform(pd.concat(parts)), atol=1e-12)
    assert found["job"].abs().max() > 0


def test_types_that_differ_between_chunks_come_as_in_fit(explainer, tmp_path):
    """Chunks of a CSV file guess types: whole numbers here, with a missing value there, nothing at all elsewhere."""
    X, _ = people(seed=2)
    X["job"] = X["job"].astype(object)
    chunks = [X[:10].assign(**{"hours.per week": 40}), X[10:20].assign(town=None), X[20:30].assign(age=33.5)]
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", iter(chunks), batch_rows=10))
    chunks[1] = chunks[1].assign(town=pd.Series(np.nan, chunks[1].index, dtype=X["town"].dtype))
    np.testing.assert_allclose(found, np.vstack([whole(explainer, chunk) for chunk in chunks]), atol=1e-6)


def test_nullable_and_decimal_columns(explainer, rows, tmp_path):
    _, X = rows
    strange = X.assign(
        age=X["age"].astype("Int64"), **{"hours.per week": X["hours.per week"].astype("Float64")}, town=X["town"]
    )
    frame = pa.Table.from_pandas(strange, preserve_index=False)
    at = frame.schema.get_field_index("age")
    frame = frame.set_column(at, "age", frame["age"].cast(pa.decimal128(21, 0)))
    pq.write_table(frame, tmp_path / "strange.parquet")
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", tmp_path / "strange.parquet"))
    np.testing.assert_allclose(found, whole(explainer, X), atol=1e-6)


def test_what_the_names_of_folders_say_is_a_column(explainer, tmp_path):
    X, _ = people(40)
    X.to_parquet(tmp_path / "rows", partition_cols=["town"])
    expected = pd.concat([X[X["town"] == town] for town in ("Aachen", "Bonn", "Celle")] + [X[X["town"].isna()]])
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", tmp_path / "rows", keep={"town": "where"}))
    found = found.sort_values("where", kind="stable")
    np.testing.assert_allclose(found.drop(columns="where"), whole(explainer, expected), atol=1e-6)
    assert list(found["where"].dropna()) == list(expected["town"].dropna())
    (tmp_path / "town=none").mkdir()
    X.to_parquet(tmp_path / "town=none" / "own.parquet")
    with pytest.raises(ValueError, match="cannot be read as Parquet .*Field town has incompatible types"):
        explainer.transform_to(tmp_path / "other", str(tmp_path / "*" / "own.parquet"))


def test_an_explainer_of_an_array_takes_all_columns_but_those_kept(tmp_path):
    X, _, _ = table(50)
    explainer = SaliencyExplainer(nn.Linear(4, 1)).fit(X)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(key=[f"k{i}" for i in range(50)])
    written = explainer.transform_to(tmp_path / "out", frame, keep="key", batch_rows=20)
    assert written.columns == ("key", "x0", "x1", "x2", "x3")
    np.testing.assert_allclose(pd.read_parquet(written).iloc[:, 1:], explainer.transform(X))
    written = explainer.transform_to(tmp_path / "named", frame, columns=["d", "c", "b", "a"])
    np.testing.assert_allclose(pd.read_parquet(written), explainer.transform(X[:, ::-1]))
    with pytest.raises(ValueError, match="5 columns of X are to be explained .* fitted on 4. Name them by 'columns'"):
        explainer.transform_to(tmp_path / "other", frame)


def test_texts_are_one_column(tmp_path):
    texts = ["a good film", "bad", "good and good", "a bad film", "film"] * 4
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0, 1] * 4)
    explainer = OcclusionExplainer(model, random_state=0).fit(texts)
    frame = pd.DataFrame({"stars": range(20), "text": texts})
    written = explainer.transform_to(tmp_path / "out", frame, columns="text", keep="stars", batch_rows=7)
    assert written.columns == ("stars", "and", "bad", "film", "good")
    np.testing.assert_allclose(pd.read_parquet(written).drop(columns="stars"), explainer.transform(texts))
    with pytest.raises(ValueError, match="2 columns of X .* fitted on texts, which are one column"):
        explainer.transform_to(tmp_path / "other", frame)


def test_columns_are_kept_under_another_name(explainer, rows, tmp_path):
    path, X = rows
    with pytest.raises(ValueError, match="more than one column called \\['age'\\].*keep={'age': 'age_value'}"):
        explainer.transform_to(tmp_path / "out", path, keep=["age"])
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", path, keep={"age": "age_value"}))
    assert list(found["age_value"]) == list(X["age"])


# ---------------------------------------------------------------------- a run that was cut off
def test_what_was_done_is_not_done_again(explainer, rows, tmp_path, monkeypatch):
    path, X = rows
    with monkeypatch.context() as patch:
        broken_at(patch, 3, OSError(28, "No space left on device"))
        with pytest.raises(OSError, match="No space left") as caught:
            explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    assert "rows 300 to 449 of X" in caught.value.__notes__[0]
    assert not (tmp_path / "out").exists()
    assert len(pd.read_parquet(tmp_path / "out.partial")) == 300  # what is hidden is no part
    again = pickle.loads(pickle.dumps(explainer)).set_params(batch_size=64)
    seen = counted(monkeypatch, again)
    done = again.transform_to(tmp_path / "out", path, batch_rows=150)
    assert seen == [8, 150, 150, 150, 150, 100]  # the rows by which an explainer is known, and what was missing
    assert (done.n_resumed, done.n_parts) == (2, 7)
    assert "7 parts, 2 of them from an earlier run" in repr(done)
    np.testing.assert_allclose(pd.read_parquet(done), whole(explainer, X), atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["out", "rows.parquet"]
    assert sorted(os.listdir(done))[0] == "_manifest.json"
    assert again.transform_to(tmp_path / "out", path, batch_rows=150).n_resumed == 7
    assert seen[7:] == [8]  # after those of the whole table


def test_a_part_that_is_broken_or_gone_or_of_another_run_is_done_again(explainer, rows, tmp_path, monkeypatch):
    path, X = rows
    with monkeypatch.context() as patch:
        broken_at(patch, 6, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    (tmp_path / "out.partial" / "part-000001.parquet").unlink()
    whole_part = (tmp_path / "out.partial" / "part-000003.parquet").read_bytes()
    (tmp_path / "out.partial" / "part-000003.parquet").write_bytes(whole_part[:-50])
    other = explainer.transform_to(tmp_path / "other", X.iloc[::-1], batch_rows=150)
    shutil.copy(other.path / "part-000000.parquet", tmp_path / "out.partial")
    done = explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    assert (done.n_resumed, done.n_rows) == (2, N)
    np.testing.assert_allclose(pd.read_parquet(done), whole(explainer, X), atol=1e-6)


def test_a_run_of_something_else_is_not_gone_on_with(explainer, rows, tmp_path, monkeypatch):
    path, X = rows
    with monkeypatch.context() as patch:
        broken_at(patch, 2, OSError("gone"))
        with pytest.raises(OSError, match="gone"):
            explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    background, labels = people()
    another = IntegratedGradientsExplainer(around(classifier()), n_steps=8, tol=10.0, random_state=1)
    another.fit(background[:300], labels[:300])
    finer = IntegratedGradientsExplainer(explainer.estimator_, n_steps=9, tol=10.0, random_state=0).fit(
        background[:300]
    )
    X.iloc[::-1].to_parquet(tmp_path / "other.parquet")
    wrong = {
        "other parameters of the explainer": (finer, path, {}),
        "another fitted explainer": (another, path, {}),
        "other rows": (explainer, tmp_path / "other.parquet", {}),
        "other columns or fields": (explainer, path, {"keep": "id"}),
        "batch_rows was 150": (explainer, path, {"batch_rows": 140}),
    }
    for why, (one, source, options) in wrong.items():
        with pytest.raises(ValueError, match=f"unfinished run of something else .*{why}.*overwrite=True to begin anew"):
            one.transform_to(tmp_path / "out", source, **{"batch_rows": 150, **options})
    done = another.transform_to(tmp_path / "out", path, batch_rows=150, overwrite=True)
    assert done.n_resumed == 0
    np.testing.assert_allclose(pd.read_parquet(done), whole(another, X), atol=1e-6)
    with pytest.raises(FileExistsError, match="another fitted explainer.*overwrite=True to replace it"):
        explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    np.testing.assert_allclose(pd.read_parquet(done), whole(another, X), atol=1e-6)
    done = explainer.transform_to(tmp_path / "out", path, batch_rows=150, overwrite=True)
    np.testing.assert_allclose(pd.read_parquet(done), whole(explainer, X), atol=1e-6)
    assert not (tmp_path / "out.partial").exists()


def test_rows_of_a_stream_are_compared_with_those_of_the_parts(explainer, rows, tmp_path, monkeypatch):
    _, X = rows
    with monkeypatch.context() as patch:
        broken_at(patch, 5, OSError("gone"))
        with pytest.raises(OSError, match="gone"):
            explainer.transform_to(tmp_path / "out", pieces(X, 3), batch_rows=150)
    with pytest.raises(ValueError, match="part 0 of the unfinished run .* is of other rows"):
        explainer.transform_to(tmp_path / "out", [X.iloc[::-1]], batch_rows=150)
    with pytest.raises(ValueError, match="X gave fewer rows than before"):
        explainer.transform_to(tmp_path / "out", [X[:300]], batch_rows=150)
    done = explainer.transform_to(tmp_path / "out", pieces(X, 20), batch_rows=150)  # cut otherwise, the same rows
    assert done.n_resumed == 4
    np.testing.assert_allclose(pd.read_parquet(done), whole(explainer, X), atol=1e-6)
    with pytest.raises(FileExistsError, match="rows that come from an iterable"):
        explainer.transform_to(tmp_path / "out", pieces(X, 20), batch_rows=150)


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_of_a_part(explainer, rows, tmp_path, monkeypatch):
    path, X = rows
    with open(tmp_path / "explainer.pickle", "wb") as file:
        pickle.dump(explainer, file)
    code = f"""
        import os, pickle, signal
        import pyarrow.parquet as pq
        inner, calls = pq.write_table, []
        def write(part, sink, **kwargs):
            calls.append(1)
            if len(calls) == 4:
                sink.write(b"half of a part")
                sink.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            inner(part, sink, **kwargs)
        pq.write_table = write
        with open({str(tmp_path / "explainer.pickle")!r}, "rb") as file:
            explainer = pickle.load(file)
        explainer.transform_to({str(tmp_path / "out")!r}, {str(path)!r}, batch_rows=150, verbose=1)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL
    assert died.stdout == died.stderr == b""  # no bar in a pipe
    assert ".part-000003.parquet" in os.listdir(tmp_path / "out.partial")
    seen = counted(monkeypatch, explainer)
    done = explainer.transform_to(tmp_path / "out", path, batch_rows=150)
    assert (done.n_resumed, seen) == (3, [8, 150, 150, 150, 100])
    np.testing.assert_allclose(pd.read_parquet(done), whole(explainer, X), atol=1e-6)
    assert sorted(os.listdir(done)) == ["_manifest.json", *(f"part-{k:06d}.parquet" for k in range(7))]


# ---------------------------------------------------------------------- what cannot be done
def nothing_was_made(tmp_path):
    return sorted(os.listdir(tmp_path)) == ["rows.parquet"]


def test_columns_are_checked_before_any_work(explainer, rows, tmp_path, monkeypatch):
    path, X = rows
    seen = counted(monkeypatch, explainer)
    X.rename(columns={"age": "Age"}).to_parquet(path)
    with pytest.raises(ValueError, match="X lacks the columns \\['age'\\]. Did you mean 'Age'"):
        explainer.transform_to(tmp_path / "out", path)
    X.assign(age=X["age"].astype(str)).to_parquet(path)
    with pytest.raises(ValueError, match="'age' of X holds texts .large_string., and held numbers .int64. in fit"):
        explainer.transform_to(tmp_path / "out", path)
    X.assign(job=3).to_parquet(path)
    with pytest.raises(ValueError, match="'job' of X holds numbers .int64., and held texts .category. in fit"):
        explainer.transform_to(tmp_path / "out", path)
    X.to_parquet(path)
    with pytest.raises(ValueError, match="X lacks the columns \\['key'\\]"):
        explainer.transform_to(tmp_path / "out", path, keep="key")
    with pytest.raises(ValueError, match="'columns' parameter of .* must be None, or the columns that fit saw"):
        explainer.transform_to(tmp_path / "out", path, columns=["age", "id"])
    for fields in ("shap", ["shap"], []):
        with pytest.raises(ValueError, match="'fields' parameter of .*transform_to must be one of 'attributions'"):
            explainer.transform_to(tmp_path / "out", path, fields=fields)
    with pytest.raises(ValueError, match="'batch_rows' parameter of .* must be a whole number from 1, or None"):
        explainer.transform_to(tmp_path / "out", path, batch_rows=0)
    X[:0].to_parquet(path)
    with pytest.raises(ValueError, match="transform_to: X has no rows"):
        explainer.transform_to(tmp_path / "out", path)
    with pytest.raises(ValueError, match="transform_to: X has no rows"):
        explainer.transform_to(tmp_path / "out", iter([X[:0]]))
    assert nothing_was_made(tmp_path)
    assert seen == []


def test_sources_that_are_none(explainer, rows, tmp_path):
    path, X = rows
    with pytest.raises(FileNotFoundError, match="there is no file, folder or glob of files X='.*missing.parquet'"):
        explainer.transform_to(tmp_path / "out", tmp_path / "missing.parquet")
    with pytest.raises(FileNotFoundError, match="missing.parquet"):
        explainer.transform_to(tmp_path / "out", [path, tmp_path / "missing.parquet"])
    for wrong in (X.to_numpy(), 3, {"age": [1]}):
        with pytest.raises(TypeError, match="X must be a Parquet file, a folder.*Got (ndarray|int|dict)"):
            explainer.transform_to(tmp_path / "out", wrong)
    with pytest.raises(TypeError, match="X must give DataFrames or Arrow tables.*Got list"):
        explainer.transform_to(tmp_path / "out", iter([[1, 2]]))
    with pytest.raises(ValueError, match="table 1 of X, counted from 0, lacks the columns \\['age'\\]"):
        explainer.transform_to(tmp_path / "out", [X, X.drop(columns="age")], batch_rows=N)
    done = explainer.transform_to(tmp_path / "out", [X, X], batch_rows=N)
    assert (done.n_rows, done.n_resumed) == (2 * N, 1)
    with pytest.raises(NotFittedError):
        IntegratedGradientsExplainer(classifier()).transform_to(tmp_path / "out", path)


def test_files_that_are_not_parquet_or_do_not_match(explainer, rows, tmp_path):
    path, X = rows
    X.to_csv(tmp_path / "rows.csv")
    with pytest.raises(ValueError, match="rows.csv.* cannot be read as Parquet .*pandas.read_csv"):
        explainer.transform_to(tmp_path / "out", tmp_path / "rows.csv")
    X.assign(town=1).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="files of X do not have the same types of columns.*town"):
        explainer.transform_to(tmp_path / "out", [path, tmp_path / "other.parquet"])
    chunks = pd.read_csv(tmp_path / "rows.csv", chunksize=170)
    found = pd.read_parquet(explainer.transform_to(tmp_path / "out", chunks))
    np.testing.assert_allclose(found, whole(explainer, X), atol=1e-6)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_others_wrote_is_left_alone(explainer, rows, tmp_path, overwrite):
    path, _ = rows
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("all my work")
    with pytest.raises(FileExistsError, match="out' holds files that transform_to did not write, such as 'thesis.txt'"):
        explainer.transform_to(tmp_path / "out", path, overwrite=overwrite)
    with pytest.raises(FileExistsError, match="thesis.txt' is a file"):
        explainer.transform_to(tmp_path / "out" / "thesis.txt", path, overwrite=overwrite)
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere"):
        explainer.transform_to(tmp_path / "nowhere" / "out", path, overwrite=overwrite)
    done = explainer.transform_to(tmp_path / "new", path)
    (done.path / "thesis.txt").write_text("all my work")
    with pytest.raises(FileExistsError, match="new' holds files that transform_to did not write"):
        explainer.transform_to(tmp_path / "new", path, overwrite=overwrite)
    assert (tmp_path / "out" / "thesis.txt").read_text() == (done.path / "thesis.txt").read_text() == "all my work"


def test_a_result_among_its_own_rows(explainer, rows, tmp_path):
    path, _ = rows
    for place, source in [(tmp_path / "out", tmp_path), (tmp_path, path), (path, path)]:
        with pytest.raises(ValueError, match="would lie among the files of X"):
            explainer.transform_to(place, source, overwrite=True)
    assert nothing_was_made(tmp_path)


def test_an_empty_folder_is_a_place(explainer, rows, tmp_path):
    (tmp_path / "out").mkdir()
    assert explainer.transform_to(tmp_path / "out", rows[0]).n_rows == N
    assert not (tmp_path / "out.partial").exists()


def test_rows_that_cannot_be_explained_say_where_they_are(tmp_path):
    X = pd.DataFrame(np.random.RandomState(0).randn(100, 3), columns=list("abc"))
    explainer = LinearSurrogateExplainer(Ridge(), random_state=0, min_fidelity=None).fit(X, X["a"])
    X.loc[70, "b"] = np.nan
    X.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="NaN") as caught:
        explainer.transform_to(tmp_path / "out", tmp_path / "rows.parquet", batch_rows=40)
    assert "in rows 40 to 79 of X" in caught.value.__notes__[0]


def test_images_are_not_streamed(tmp_path):
    images = np.zeros((4, 1, 5, 5), dtype=np.float32)
    explainer = SaliencyExplainer(nn.Sequential(nn.Flatten(), nn.Linear(25, 1))).fit(images)
    with pytest.raises(ValueError, match="explains tables, but .* rows of shape .1, 5, 5."):
        explainer.transform_to(tmp_path / "out", tmp_path)


# ---------------------------------------------------------------------- what is said on the way
def test_gaps_are_told_once_and_counted(explainer, rows, tmp_path):
    path, X = rows
    coarse = IntegratedGradientsExplainer(explainer.estimator_, n_steps=2, method="riemann_left", tol=1e-3)
    coarse.fit(people()[0][:300])
    with pytest.warns(ConvergenceWarning, match="of 1,000 rows is above the tolerance. Raise") as warned:
        done = coarse.transform_to(tmp_path / "out", path, batch_rows=150)
    assert len(warned) == 1
    with pytest.warns(ConvergenceWarning, match=f"gap of {done.n_above_tolerance} of 1000 rows"):
        whole(coarse, X)


def test_a_bar_on_a_terminal(explainer, rows, tmp_path, monkeypatch, capsys):
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "120", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    explainer.transform_to(tmp_path / "silent", rows[0], batch_rows=300)
    assert capsys.readouterr() == ("", "")
    explainer.transform_to(tmp_path / "out", rows[0], batch_rows=300, verbose=1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "IntegratedGradientsExplainer.transform_to" in shown.err
    assert "100%" in shown.err


def test_pyarrow_is_asked_for(explainer, rows, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        ImportError, match="IntegratedGradientsExplainer.transform_to needs pyarrow: pip install .*parquet"
    ):
        explainer.transform_to(tmp_path / "out", rows[0])
