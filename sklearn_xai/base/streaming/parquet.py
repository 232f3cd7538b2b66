"""Tables that do not fit into memory, from Parquet files or one after the other, in parts of equal size."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_xai.models import is_mapping
from sklearn_xai.tables import is_frame

if TYPE_CHECKING:
    import pyarrow as pa

_SCAN_ROWS = 16_384  # rows decoded at once
_BUFFER = 2**20  # bytes of a column that are read from a file at once


def import_pyarrow(caller: str) -> Any:
    """Import pyarrow with its parts for files, or say what needs it."""
    try:
        import pyarrow
        import pyarrow.dataset
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"{caller} needs pyarrow: pip install sklearn-xai[parquet]") from error
    return pyarrow


class ParquetSource:
    """Parquet files, of which any row can be gone to without reading those before it."""

    def __init__(self, fragments: list[Any], schema: pa.Schema, folder: Path | None, caller: str) -> None:
        self.fragments = fragments
        self.schema = _common_schema([schema, *(part.physical_schema for part in fragments)], caller)
        self.rows = [part.metadata.num_rows for part in fragments]
        self.n_rows: int | None = sum(self.rows)
        self.folder = folder

    def overlaps(self, path: Path) -> bool:
        """Whether a result at that path would lie among the files that are read, or replace them."""
        path = path.resolve()
        if self.folder is not None and path.is_relative_to(self.folder.resolve()):
            return True
        return any(Path(part.path).resolve().is_relative_to(path) for part in self.fragments)

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells these files from others: their footers hold sizes, places, types and extremes."""
        import pyarrow as pa

        digest = hashlib.sha256()
        for part in self.fragments:
            footer = pa.BufferOutputStream()
            part.metadata.write_metadata_file(footer)
            digest.update(footer.getvalue())
        return {"files": len(self.fragments), "rows": self.n_rows, "sha256": digest.hexdigest()}

    def tables(self, columns: list[str], start: int) -> Iterator[pa.Table]:
        """Yield the rows from the row ``start`` on, a few at once."""
        for part, n_rows in zip(self.fragments, self.rows, strict=True):
            if start >= n_rows:
                start -= n_rows
                continue
            groups, start = _groups_from(part, start)
            for table in self._read(part, groups, columns):
                if start < len(table):
                    yield table.slice(start)
                start = max(0, start - len(table))

    def _read(self, part: Any, groups: list[int], columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows of some row groups of a file; a dataset would read each of them as a whole."""
        import pyarrow as pa
        from pyarrow.dataset import get_partition_keys
        from pyarrow.parquet import ParquetFile

        known = get_partition_keys(part.partition_expression)
        own = [name for name in columns if name not in known and name in part.physical_schema.names]
        types = {name: self.schema.field(name).type for name in columns}
        with part.open() as opened:
            file = ParquetFile(opened, buffer_size=_BUFFER, pre_buffer=False)
            for batch in file.iter_batches(_SCAN_ROWS, row_groups=groups, columns=own, use_threads=False):
                filled = {
                    name: batch.column(name).cast(kind)
                    if name in own
                    else pa.repeat(pa.scalar(known.get(name), kind), len(batch))
                    for name, kind in types.items()
                }
                yield pa.table(filled)


class StreamSource:
    """DataFrames or Arrow tables that come one after the other, and are seen once."""

    n_rows: int | None = None

    def __init__(self, items: Iterable[Any], caller: str) -> None:
        self._caller = caller
        self._tables = self._as_tables(items)
        self._first = next(self._tables, None)
        if self._first is None:
            raise ValueError(f"{caller}: X has no rows.")
        self.schema = self._first.schema

    def overlaps(self, path: Path) -> bool:
        """Where they come from is not known."""
        return False

    def fingerprint(self) -> None:
        """Return nothing: rows are told from others as they come, see ``digest``."""

    def tables(self, columns: list[str], start: int) -> Iterator[pa.Table]:
        """Yield the rows, a few at once; ``start`` is 0, as none can be passed over."""
        table, number = self._first, 0
        while table is not None:
            lacking = [name for name in columns if name not in table.schema.names]
            if lacking:
                raise ValueError(f"{self._caller}: table {number} of X, counted from 0, lacks the columns {lacking}.")
            yield table.select(columns)
            table, number = next(self._tables, None), number + 1

    def _as_tables(self, items: Iterable[Any]) -> Iterator[pa.Table]:
        import pyarrow as pa

        for item in items:
            if is_frame(item) and hasattr(item, "to_numpy"):
                if not all(isinstance(name, str) for name in item.columns):
                    item = item.set_axis([str(name) for name in item.columns], axis=1)
                table = pa.Table.from_pandas(item, preserve_index=False)
            elif isinstance(item, pa.RecordBatch):
                table = pa.Table.from_batches([item])
            elif isinstance(item, pa.Table):
                table = item
            else:
                raise TypeError(
                    f"{self._caller}: X must give DataFrames or Arrow tables, one after the other. Got "
                    f"{type(item).__name__}."
                )
            if len(table):
                plain = plain_schema(table.schema)
                yield table.replace_schema_metadata(None) if plain == table.schema else table.cast(plain)


def open_source(X: Any, caller: str) -> ParquetSource | StreamSource:
    """Return where the rows of X come from: Parquet files, or tables that come one after the other.

    Parameters
    ----------
    X : path, folder or glob; list of paths; pyarrow Dataset or Table; DataFrame; iterable of DataFrames or Arrow tables
    caller : str
    """
    pa = import_pyarrow(caller)
    if isinstance(X, (list, tuple)) and X and all(isinstance(item, (str, os.PathLike)) for item in X):
        return _of_files([os.fspath(item) for item in X], None, caller)
    if isinstance(X, (str, os.PathLike)):
        files, folder = _found_files(os.fspath(X), caller)
        return _of_files(files, folder, caller)
    if isinstance(X, pa.dataset.Dataset):
        return _of_dataset(X, None, caller)
    if isinstance(X, (pa.Table, pa.RecordBatch)) or (is_frame(X) and hasattr(X, "to_numpy")):
        return StreamSource([X], caller)
    if is_mapping(X) or hasattr(X, "shape") or hasattr(X, "dask") or not isinstance(X, Iterable):
        raise TypeError(
            f"{caller}: X must be a Parquet file, a folder or glob of them, a list of files, a pyarrow Dataset, or an "
            f"iterable of DataFrames, such as pandas.read_csv(..., chunksize=100_000). Got {type(X).__name__}."
        )
    return StreamSource(X, caller)


def _found_files(X: str, caller: str) -> tuple[list[str] | str, Path | None]:
    """Return the files that a path or glob stands for, and the folder that they are all of, if it is one."""
    if os.path.isdir(X):
        return X, Path(X)
    if os.path.exists(X):
        return [X], None
    files = sorted(name for name in glob.glob(X, recursive=True) if os.path.isfile(name))
    if not files:
        raise FileNotFoundError(f"{caller}: there is no file, folder or glob of files X={X!r}.")
    return files, None


def _of_files(files: list[str] | str, folder: Path | None, caller: str) -> ParquetSource | StreamSource:
    import pyarrow as pa

    try:
        dataset = pa.dataset.dataset(files, format="parquet", partitioning="hive")
        return _of_dataset(dataset, folder, caller)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{caller}: {error}") from error
    except pa.ArrowException as error:
        raise ValueError(
            f"{caller}: X={files!r} cannot be read as Parquet ({error}). Another format comes as an iterable of "
            "DataFrames, such as pandas.read_csv(..., chunksize=100_000)."
        ) from error


def _of_dataset(dataset: Any, folder: Path | None, caller: str) -> ParquetSource | StreamSource:
    import pyarrow as pa

    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # a dataset with a filter, which does not say what its fragments are
        fragments = [None]
    if folder is not None:
        fragments.sort(key=lambda part: part.path)
    if all(isinstance(part, pa.dataset.ParquetFileFragment) for part in fragments):
        return ParquetSource(fragments, dataset.schema, folder, caller)
    batches = dataset.scanner(batch_size=_SCAN_ROWS, batch_readahead=1, fragment_readahead=1).to_batches()
    return StreamSource(batches, caller)


def _groups_from(part: Any, start: int) -> tuple[list[int], int]:
    """Return the row groups of a file from the one with the row ``start`` on, and where that row is in them."""
    first = 0
    groups = part.row_groups
    while start >= groups[first].num_rows:
        start -= groups[first].num_rows
        first += 1
    return [group.id for group in groups[first:]], start


def in_parts(tables: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Cut tables that follow each other into tables of so many rows; the last one has what is left."""
    import pyarrow as pa

    held: Any = None
    for table in tables:
        together = [held, table] if held is not None and len(held) else [table]
        held = pa.concat_tables(together, promote_options="permissive")
        while len(held) >= n_rows:
            yield held.slice(0, n_rows)
            held = held.slice(n_rows)
    if held is not None and len(held):
        yield held


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema without dictionaries, which may number the same values otherwise in every row group."""
    import pyarrow as pa

    kinds = [(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    return pa.schema(kinds)


def _common_schema(schemas: list[pa.Schema], caller: str) -> pa.Schema:
    import pyarrow as pa

    try:
        return pa.unify_schemas([plain_schema(schema) for schema in schemas], promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"{caller}: the files of X do not have the same types of columns. {error}") from error


def digest(table: pa.Table) -> str | None:
    """Return what tells these rows from others; None where they hold lists and the like."""
    import pandas as pd

    try:
        hashes = pd.util.hash_pandas_object(table.to_pandas(), index=False)
    except TypeError:
        return None
    return hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest()
