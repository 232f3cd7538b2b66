"""Tables of the user's columns, DataFrames and arrays alike: rows of them, numbers for them, files of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from sklearn_xai._typing import Table

if TYPE_CHECKING:
    import pandas as pd


def is_frame(X: Any) -> TypeGuard[pd.DataFrame]:
    """Whether X is a pandas DataFrame, without importing pandas."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def is_dask(X: Any) -> bool:
    """Whether X is a dask collection, without importing dask."""
    return hasattr(type(X), "__dask_graph__")


def columns_of_no_numbers(X: Any) -> list[Any]:
    """Return the names of the columns of a DataFrame whose types are none of numbers or truth values."""
    kinds = zip(X.columns, X.dtypes, strict=True)
    return [str(name) for name, dtype in kinds if not getattr(dtype, "_is_numeric", dtype.kind in "fiub")]


def take_rows(X: Any, rows: Any) -> Any:
    """Return some rows of a DataFrame or array: ``rows`` is a slice, an index array or a mask."""
    return X.iloc[rows] if is_frame(X) else X[rows]


def stack_rows(*tables: Table) -> Table:
    """Put tables of the same columns on top of each other; categories and types are kept."""
    if is_frame(tables[0]):
        import pandas as pd

        return pd.concat(tables, axis=0, ignore_index=True)
    return np.concatenate(tables)


def assemble(X: Table, sources: np.ndarray) -> Table:
    """Return rows that take each column from a row of its own.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns)
    sources : int ndarray of shape (n_new_rows, n_columns)
        Entry (i, j) is the row of X that gives column j of new row i.

    Returns
    -------
    DataFrame or ndarray of shape (n_new_rows, n_columns), column types as in X.
    """
    if not is_frame(X):
        return X[sources, np.arange(X.shape[1])]
    import pandas as pd

    columns = [X.iloc[:, j].take(sources[:, j]).reset_index(drop=True) for j in range(X.shape[1])]
    table = pd.concat(columns, axis=1)
    table.columns = X.columns
    return table


def value_codes(X: Table, columns: Iterable[int] | None = None) -> np.ndarray:
    """Number the values of each column: the same number for the same value, 1 and True being two, missing a value too.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns)
    columns : iterable of int, optional
        Which columns; all by default.

    Returns
    -------
    int ndarray of shape (n_rows, n_chosen), each number below the number of rows
    """
    columns = range(X.shape[1]) if columns is None else columns
    arrays = [X.iloc[:, j].to_numpy() if is_frame(X) else X[:, j] for j in columns]
    codes = [_objects(a) if a.dtype.kind == "O" else np.unique(a, return_inverse=True)[1].reshape(-1) for a in arrays]
    return np.stack(codes, axis=1) if codes else np.zeros((len(X), 0), dtype=int)


def _objects(values):
    import pandas as pd

    known: dict = {}
    try:
        keys = [(type(v), None if gone else v) for v, gone in zip(values.tolist(), pd.isna(values), strict=True)]
        return np.array([known.setdefault(key, len(known)) for key in keys], dtype=int)
    except (TypeError, ValueError):  # values without a hash, or without one truth: each counts as different
        return np.arange(len(values))


def as_codes(X: Table) -> np.ndarray:
    """Return a table as numbers: numeric columns as they are, categories by their order, others by sorted values."""
    if not is_frame(X):
        X = np.asarray(X)
        if X.dtype.kind in "fiub":
            return X
        import pandas as pd

        X = pd.DataFrame(X).infer_objects()
    import pandas as pd

    codes = np.empty(X.shape, dtype=np.float64)
    for j in range(X.shape[1]):
        column = X.iloc[:, j]
        if pd.api.types.is_numeric_dtype(column.dtype):
            codes[:, j] = column.astype("float64")
        else:
            own = isinstance(column.dtype, pd.CategoricalDtype)
            codes[:, j] = (column.array if own else pd.Categorical(column.astype("string"))).codes
            codes[column.isna().to_numpy(), j] = np.nan
    return codes


def as_shown(X: Table) -> np.ndarray:
    """Return a table as it is to be read: an array with NaN for what is missing and dates as text, as shap plots it."""
    numbers = np.asarray(X)
    if numbers.dtype.kind in "fiub":
        return numbers
    import pandas as pd

    shown = np.array(X.astype(object) if is_frame(X) else X, dtype=object)
    shown[pd.isna(shown)] = np.nan
    return np.frompyfunc(_readable, 1, 1)(shown)


def _readable(value):
    return str(value).removesuffix(" 00:00:00") if hasattr(value, "isoformat") else value


# ---------------------------------------------------------------------- tables in files
class PackedTable:
    """The columns of a DataFrame as arrays and lists, which any way of storing a model can hold; the index is dropped.

    Parameters
    ----------
    table : DataFrame
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.names = list(table.columns)
        self.columns = [_packed_column(table.iloc[:, j]) for j in range(table.shape[1])]

    def unpack(self) -> pd.DataFrame:
        """Return the DataFrame."""
        import pandas as pd

        table = pd.DataFrame({j: _unpacked_column(column) for j, column in enumerate(self.columns)})
        table.columns = self.names
        return table


def _packed_column(column):
    if isinstance(column.dtype, np.dtype) and column.dtype.kind != "O":
        return {"values": column.to_numpy()}
    if hasattr(column, "cat"):
        categories = column.cat.categories.to_series()
        return {
            "codes": column.cat.codes.to_numpy(),
            "categories": _packed_column(categories),
            "ordered": bool(column.cat.ordered),
        }
    if column.dtype.kind == "M":
        return {"values": column.to_numpy(dtype="datetime64[ns]"), "zone": str(column.dtype)}
    missing = column.isna().to_numpy()
    values = [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
    return {"values": values, "dtype": str(column.dtype)}


def _unpacked_column(packed):
    import pandas as pd

    if "codes" in packed:
        categories = pd.Index(_unpacked_column(packed["categories"]))
        return pd.Categorical.from_codes(packed["codes"], categories=categories, ordered=packed["ordered"])
    if "zone" in packed:
        return pd.DatetimeIndex(packed["values"], tz="UTC").astype(packed["zone"])
    return pd.array(packed["values"], dtype=packed["dtype"]) if "dtype" in packed else packed["values"]


def pack_tables(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Return a state in which every DataFrame is packed, also inside the package's own objects, which are copied."""
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if is_frame(value):
        known[id(value)] = PackedTable(value)
    elif type(value) is dict:
        known[id(value)] = {name: pack_tables(part, known) for name, part in value.items()}
    elif type(value) in (list, tuple):
        known[id(value)] = type(value)(pack_tables(part, known) for part in value)
    elif _is_own(value):
        known[id(value)] = twin = copy.copy(value)
        twin.__dict__ = {name: pack_tables(part, known) for name, part in vars(value).items()}
    else:
        return value
    return known[id(value)]


def unpack_tables(value: Any, known: Any = None) -> Any:
    """Return a state that ``pack_tables`` made with its DataFrames; the package's own objects are filled in place."""
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, PackedTable):
        known[id(value)] = value.unpack()
    elif type(value) is dict:
        known[id(value)] = {name: unpack_tables(part, known) for name, part in value.items()}
    elif type(value) in (list, tuple):
        known[id(value)] = type(value)(unpack_tables(part, known) for part in value)
    elif _is_own(value):
        known[id(value)] = value
        value.__dict__ = {name: unpack_tables(part, known) for name, part in vars(value).items()}
    else:
        return value
    return known[id(value)]


def _is_own(value):
    """Whether the value is a helper of this package, no estimator (these pack their own tables)."""
    own = type(value).__module__.partition(".")[0] == __name__.partition(".")[0]
    return own and hasattr(value, "__dict__") and not hasattr(value, "get_params") and not isinstance(value, type)
