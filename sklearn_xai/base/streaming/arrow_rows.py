"""Rows of Arrow tables as an explainer takes them: of the types that their columns had in ``fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn_xai.tables import is_frame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def rows_as_fitted(explainer: Any, table: pa.Table) -> Any:
    """Return the columns of an Arrow table as the explainer takes them, of the types that they had in ``fit``."""
    import pandas as pd

    if explainer._reader is not None:
        return table.column(0).to_pylist()
    known = _frame_of_fit(explainer)
    types = [None] * table.num_columns if known is None else list(known.dtypes)
    columns = {j: _as_fitted(table.column(j), dtype) for j, dtype in enumerate(types)}
    frame = pd.DataFrame(columns, copy=False)
    if known is None and not hasattr(explainer, "feature_names_in_"):
        return frame.to_numpy()
    frame.columns = table.column_names if known is None else known.columns
    return frame


def check_kinds(explainer: Any, schema: pa.Schema, columns: list[str], caller: str) -> None:
    """Raise where a column holds numbers and had texts in ``fit``, or the like: no category would be known again."""
    known = _frame_of_fit(explainer)
    if known is None:
        return
    for j, name in enumerate(columns):
        came, expected = _kind(schema.field(name).type), _kind_in_fit(known.iloc[:, j])
        if came and expected and came != expected:
            raise ValueError(
                f"{caller}: the column {name!r} of X holds {came} ({schema.field(name).type}), and held {expected} "
                f"({known.dtypes.iloc[j]}) in fit. Give it the type that it had."
            )


def _frame_of_fit(explainer: Any) -> pd.DataFrame | None:
    return explainer.background_ if is_frame(explainer.background_) else None


def _as_fitted(column: pa.ChunkedArray, dtype: Any) -> Any:
    import pandas as pd
    from pyarrow import types

    nothing = types.is_null(column.type)
    if hasattr(dtype, "__from_arrow__") and not nothing:
        return dtype.__from_arrow__(column)
    values = column.to_pandas()
    if isinstance(dtype, pd.CategoricalDtype):
        new = pd.Index(values.dropna().unique()).difference(dtype.categories, sort=False)
        return values.astype(pd.CategoricalDtype(dtype.categories.append(new), ordered=dtype.ordered))
    if nothing or types.is_decimal(column.type):
        number = dtype is None or dtype.kind in "iufb"
        return values.astype("float64" if number else dtype)
    if dtype is not None and dtype.kind in "OM" and values.dtype != dtype:
        return values.astype(dtype)
    return values


def _kind(kind: pa.DataType) -> str | None:
    from pyarrow import types

    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind):
        return "numbers"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "texts"
    return "dates" if types.is_timestamp(kind) or types.is_date(kind) else None


def _kind_in_fit(values: pd.Series) -> str | None:
    from pandas.api.types import infer_dtype

    values = values.cat.categories.to_series() if hasattr(values, "cat") else values
    found = infer_dtype(values, skipna=True)
    if found in ("integer", "floating", "mixed-integer-float", "decimal", "boolean"):
        return "numbers"
    return {"string": "texts", "date": "dates", "datetime": "dates", "datetime64": "dates"}.get(found)
