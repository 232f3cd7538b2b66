"""The table that the command line works on: read, checked, and parted into rows to train on and rows to explain."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

MOST_INTEGER_CLASSES = 20
FEWEST_ROWS = 20
TEST_SHARE = 0.25
_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".parquet")
_ISO_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?"


class UserError(Exception):
    """An input that cannot be worked with; its message is the one line that the user sees."""


@dataclass
class Table:
    """Rows to train on, rows to test on, and what was done to get there.

    Attributes
    ----------
    name : str
        How the table is called in the report.
    target : str
    task : {"classification", "regression"}
    X, y : DataFrame and ndarray
        All prepared rows.
    n_train : int or None
        How many of the first rows are the published training part; None where there is no such thing.
    notes : list of str
    """

    name: str
    target: str
    task: str
    X: Any
    y: np.ndarray
    n_train: int | None = None
    notes: list[str] = field(default_factory=list)
    X_train: Any = None
    y_train: Any = None
    X_test: Any = None
    y_test: Any = None
    n_train_available: int = 0


# ---------------------------------------------------------------------- reading
def load_table(data, target, *, task=None, drop=(), keep_columns=False) -> Table:
    """Load the census table, or the user's file, and prepare its columns.

    Parameters
    ----------
    data : str or None
        A file; None is the bundled census table.
    target : str or None
        The column to predict; None only for the census table.
    task : {"classification", "regression"} or None
        None finds it from the column.
    drop : sequence of str
        Columns to leave out.
    keep_columns : bool
        Whether columns are left as they are, because a given model expects them so.

    Returns
    -------
    Table

    Raises
    ------
    UserError
        When the table cannot be worked with.
    """
    if data is None:
        from sklearn_xai.datasets import load_adult

        frame, name, n_train = load_adult(split="all").frame, "census income table", 32_561
        target = "income" if target is None else target
    else:
        frame, name, n_train = read_file(Path(data)), Path(data).name, None
    _check_columns(frame, target, drop, name)
    notes: list[str] = []
    known = frame[target].notna().to_numpy()
    if not known.all():
        notes.append(f"{(~known).sum():,} rows without a value of {target!r} are left out")
        frame, n_train = frame[known].reset_index(drop=True), None
    X = frame.drop(columns=[target, *drop])
    task, y = _find_task(frame[target], task, name)
    if len(frame) < FEWEST_ROWS:
        raise UserError(f"{name} has {len(frame)} rows with a value of {target!r}; at least {FEWEST_ROWS} are needed")
    if not keep_columns:
        X = prepare_columns(X, name, notes)
    if not X.shape[1]:
        raise UserError(f"{name} has no column left to explain {target!r} with")
    return Table(name, target, task, X, y, n_train, notes)


def read_file(path: Path):
    """Read a table from a text or parquet file."""
    import pandas as pd

    suffixes = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lower()
    if not path.exists():
        raise UserError(f"there is no file {path}{_similar(path.name, _siblings(path))}")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a file")
    if suffixes not in _SUFFIXES:
        raise UserError(f"{path} must be one of {', '.join(_SUFFIXES)}")
    try:
        if suffixes == ".parquet":
            frame = pd.read_parquet(path)
        else:
            if not suffixes.endswith(".gz") and b"\0" in path.read_bytes()[:65_536]:
                raise UserError(f"{path} is not a table of text: it holds binary data")
            separator = "\t" if ".tsv" in suffixes else ","
            frame = pd.read_csv(path, sep=separator, na_values="?", low_memory=False)
    except UserError:
        raise
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a table of text: it is not in UTF-8") from None
    except ImportError as error:
        raise UserError(f"{path} cannot be read here: {first_line(error)}") from None
    except Exception as error:  # a broken file raises what the reader behind the suffix likes
        raise UserError(f"{path} cannot be read as a table: {first_line(error)}") from None
    if not len(frame):
        raise UserError(f"{path} has a header and no rows")
    return frame.rename(columns=str)


def _siblings(path):
    try:
        return [other.name for other in path.parent.iterdir()]
    except OSError:
        return []


def first_line(error) -> str:
    """Return the message of an exception as one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 400 else text[:397] + "..."


def _similar(name, names) -> str:
    close = get_close_matches(name, names, n=3, cutoff=0.65)
    return f"; did you mean {' or '.join(repr(found) for found in close)}?" if close else ""


def missing_column(what, column, columns, name) -> UserError:
    """Make the error for a column that is not there, with the names that come close."""
    columns = [str(c) for c in columns]
    close = _similar(str(column), columns)
    if not close:
        lower = {c.lower(): c for c in columns}
        close = _similar(str(column).lower(), list(lower)) if str(column).lower() not in lower else ""
        close = close or f"; its columns are {', '.join(columns[:12])}{', ...' if len(columns) > 12 else ''}"
    if len(columns) == 1 and ";" in columns[0]:
        close = f": its only column is {columns[0][:60]!r}. Separate the columns by commas instead of semicolons"
    return UserError(f"{name} has no column {column!r}{what}{close}")


def _check_columns(frame, target, drop, name):
    if target not in frame.columns:
        raise missing_column(" (--target)", target, frame.columns, name)
    for column in drop:
        if column not in frame.columns:
            raise missing_column(" (--drop)", column, frame.columns, name)
    if target in drop:
        raise UserError(f"the column {target!r} is the target and cannot be dropped")


# ---------------------------------------------------------------------- target
def _find_task(column, task, name) -> tuple[str, np.ndarray]:
    """Say what kind of task the target column makes, and return its values."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if not len(column):
        raise UserError(f"the target {column.name!r} of {name} has no value in any row")
    numeric = is_numeric_dtype(column) and not is_bool_dtype(column)
    values = column.to_numpy(dtype=float) if numeric else column.to_numpy(dtype=object)
    if numeric and not np.isfinite(values).all():
        raise UserError(f"the target {column.name!r} of {name} holds infinite values")
    whole = numeric and bool((values == np.round(values)).all()) and bool((np.abs(values) < 2**53).all())
    if task is None:
        few = whole and column.nunique() <= MOST_INTEGER_CLASSES
        task = "regression" if numeric and not few else "classification"
    if task == "regression" and not numeric:
        raise UserError(f"the target {column.name!r} of {name} is not numeric: regression cannot be done")
    if column.nunique() < 2:
        kind = "class" if task == "classification" else "value"
        raise UserError(f"the target {column.name!r} of {name} has one {kind} only: {column.iloc[0]}")
    if task == "classification" and whole:
        values = values.astype(np.int64)
    return task, values.astype(bool) if is_bool_dtype(column) else values


def check_classes(y, at_least, target, way_out):
    """Raise when a class has fewer than `at_least` rows."""
    labels, counts = np.unique(y.astype(str) if y.dtype == object else y, return_counts=True)
    rare = int(np.argmin(counts))
    if counts[rare] < at_least:
        raise UserError(
            f"the class {labels[rare].item()!r} of {target!r} has {counts[rare]} rows, at least {at_least} are needed: "
            f"{way_out}"
        )


# ---------------------------------------------------------------------- columns
def prepare_columns(X, name, notes):
    """Return a table of float columns and columns of strings, NaN where a value is missing."""
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_timedelta64_dtype

    parts = {}
    for column in X.columns:
        values = X[column]
        if values.isna().all():
            raise UserError(
                f"the column {column!r} of {name} has no value in any row: leave it out with --drop {column}"
            )
        if str(column).startswith("Unnamed: ") and _counts_rows(values):
            notes.append(f"the unnamed column that counts the rows is left out ({column!r})")
        elif is_datetime64_any_dtype(values) or _looks_like_dates(values):
            times = pd.to_datetime(values, utc=True, errors="coerce", **_iso(values))
            parts[column] = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
            notes.append(f"the dates of {column!r} are used as days since 1970-01-01")
        elif is_timedelta64_dtype(values):
            parts[column] = values / pd.Timedelta(days=1)
            notes.append(f"the times of {column!r} are used as days")
        elif is_numeric_dtype(values) and not is_bool_dtype(values):
            parts[column] = _finite(values, column, notes)
        else:
            words = values.astype("string").astype(object).where(values.notna(), np.nan)
            share = words.nunique() / words.notna().sum()
            if share > 0.5 and words.nunique() > 2:
                notes.append(f"{column!r} is left out: {share:.0%} of its values are distinct, as in an identifier")
            else:
                parts[column] = words
    return pd.DataFrame(parts, index=X.index)


def _finite(values, column, notes):
    numbers = values.astype("float64")
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        notes.append(f"{infinite.sum():,} infinite values of {column!r} count as missing")
        numbers = numbers.mask(infinite)
    return numbers


def _counts_rows(values) -> bool:
    numbers = values.to_numpy()
    return numbers.dtype.kind in "iu" and bool((np.diff(numbers) > 0).all())


def _looks_like_dates(values) -> bool:
    if values.dtype.kind in "biufcmM":
        return False
    present = values.dropna().astype(str)
    return bool(present.str.fullmatch(_ISO_DATE).mean() > 0.95)


def _iso(values):
    return {} if values.dtype.kind == "M" else {"format": "ISO8601"}


# ---------------------------------------------------------------------- rows
def split_rows(table: Table, n_rows, folds, seed) -> Table:
    """Part the rows into a training sample of at most `n_rows` and a test part, each class in every fold."""
    from sklearn.model_selection import train_test_split

    labels = table.y if table.task == "classification" else None
    if labels is not None:
        check_classes(table.y, 4, table.target, "merge the class with another or leave its rows out of the table")
    indices = np.arange(len(table.y))
    if table.n_train is not None:
        train, test = indices[: table.n_train], indices[table.n_train :]
    else:
        train, test = train_test_split(indices, test_size=TEST_SHARE, random_state=seed, stratify=labels)
    table.n_train_available = len(train)
    if len(train) > n_rows:
        stratify = None if labels is None else labels[train]
        if labels is not None and n_rows < len(np.unique(labels)):
            raise UserError(f"--rows {n_rows} is fewer than the {len(np.unique(labels))} classes of {table.target!r}")
        train = train_test_split(train, train_size=n_rows, random_state=seed, stratify=stratify)[0]
    if len(train) < 2 * folds:
        raise UserError(
            f"{len(train)} rows to train on are too few for {folds} folds: use more --rows or fewer --folds"
        )
    if labels is not None:
        way_out = "merge the class with another, use fewer --folds, or more --rows"
        check_classes(table.y[train], 2 * folds, table.target, way_out)
    table.X_train, table.X_test = (table.X.iloc[part].reset_index(drop=True) for part in (train, test))
    table.y_train, table.y_test = table.y[train], table.y[test]
    return table


def sample_test_rows(table: Table, n_eval, seed):
    """Draw the rows to explain from the test part; return them and what is right for them."""
    n = len(table.X_test)
    rows = np.sort(np.random.RandomState(seed).choice(n, min(n, n_eval), replace=False))
    return table.X_test.iloc[rows].reset_index(drop=True), table.y_test[rows]
