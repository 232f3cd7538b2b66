"""A folder of part files that is complete or not there: written beside its place, and moved there when all is done."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_MANIFEST = "_manifest.json"  # readers of folders of Parquet files leave out what begins with "_" or "."
_FORMAT = 1
_NOTE = b"sklearn_xai"  # the part's note in its own metadata
_CLOSE = 1e-4  # of the largest number: threads and batches round otherwise, another explainer says something else


class Parts:
    """The parts of one run: which of them are there, and where they belong.

    Parameters
    ----------
    path : Path
        Where the folder goes when it is complete.
    run : dict
        What is done: "explainer" (see ``streaming``), "columns", "input" (None where it is not known beforehand),
        "batch_rows".
    overwrite : bool
    caller : str

    Attributes
    ----------
    complete : bool
        Whether the same run was completed before.
    n_leading : int
        Parts that need not be read again.
    """

    def __init__(self, path: Path, run: dict[str, Any], *, overwrite: bool, caller: str) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self._run, self._overwrite, self._caller = run, overwrite, caller
        self._check_place()
        self._notes: dict[int, dict[str, Any]] = {}
        self.complete, self.n_leading, self._n_found = False, 0, 0
        before = _manifest(path)
        if before is not None and not overwrite:
            differences = ["rows that come from an iterable"] if run["input"] is None else _differences(before, run)
            if differences:
                raise FileExistsError(
                    f"{caller}: {str(path)!r} holds the result of an earlier run, and not surely the same one "
                    f"({', '.join(differences)}). Give another path, or overwrite=True to replace it."
                )
            self.complete, self._summary = True, before["complete"]

    # ------------------------------------------------------------------ before
    def _check_place(self) -> None:
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"{self._caller}: there is no folder {str(self.path.parent)!r} to write to.")
        for place in (self.path, self.partial):
            if place.exists() and not place.is_dir():
                raise FileExistsError(f"{self._caller}: {str(place)!r} is a file. Give the path of a new folder.")
            foreign = _foreign(place)
            if foreign:
                raise FileExistsError(
                    f"{self._caller}: {str(place)!r} holds files that transform_to did not write, such as "
                    f"{foreign[0]!r}, which are left alone. Give the path of a new folder."
                )

    def begin(self) -> None:
        """Make the folder of unfinished parts, or go on with the one that is there."""
        before = _manifest(self.partial)
        differences = _differences(before, self._run) if before else []
        if differences and not self._overwrite:
            raise ValueError(
                f"{self._caller}: {str(self.partial)!r} holds an unfinished run of something else ("
                f"{', '.join(differences)}). Give what it was given to go on, another path, or overwrite=True to begin "
                "anew."
            )
        if differences:
            shutil.rmtree(self.partial)
        self.partial.mkdir(exist_ok=True)
        for left in self.partial.glob(".*"):
            left.unlink()
        if before is None or differences:
            before = {
                "format": _FORMAT,
                "run": uuid.uuid4().hex,
                **self._run,
                "versions": _versions(),
                "complete": None,
            }
            self._write_manifest(before)
        self._manifest = before
        if self._run["input"] is not None:
            while self._note(self.n_leading) is not None:
                self._n_found += 1
                self.n_leading += 1

    # ------------------------------------------------------------------ parts
    def has(self, number: int, n_rows: int, digest: str | None) -> bool:
        """Whether a part is there, of these rows."""
        note = self._note(number)
        if note is None:
            return False
        if (note["rows"], note["digest"]) == (n_rows, digest):
            self._n_found += 1
            return True
        if self._overwrite:
            return False
        raise ValueError(
            f"{self._caller}: part {number} of the unfinished run in {str(self.partial)!r} is of other rows than those "
            "that X gives now. Give the same rows to go on, another path, or overwrite=True to begin anew."
        )

    def write(self, number: int, table: pa.Table, *, above: int, digest: str | None) -> None:
        """Write a part under another name, and give it its own when it is whole."""
        import pyarrow.parquet as pq

        note = {"run": self._manifest["run"], "rows": len(table), "above": above, "digest": digest}
        table = table.replace_schema_metadata({_NOTE: json.dumps(note).encode()})
        name = _part_name(number)
        hidden = self.partial / f".{name}"
        with open(hidden, "wb") as sink:
            pq.write_table(table, sink)
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(hidden, self.partial / name)
        self._notes[number] = note

    def _note(self, number: int) -> dict[str, Any] | None:
        """Return what a part that is there says of itself, if it is whole and of this run."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if number not in self._notes:
            try:
                note = json.loads((pq.read_metadata(self.partial / _part_name(number)).metadata or {})[_NOTE])
            except (OSError, KeyError, pa.ArrowInvalid):
                return None
            if note["run"] != self._manifest["run"]:
                return None
            self._notes[number] = note
        return self._notes[number]

    # ------------------------------------------------------------------ after
    def finish(self) -> None:
        """Say that the parts are complete, and move them to their place."""
        n_parts = len(self._notes)
        if (self.partial / _part_name(n_parts)).exists():
            raise ValueError(
                f"{self._caller}: X gave fewer rows than before: there are more parts than {n_parts} in "
                f"{str(self.partial)!r}. Give the same rows to go on, or delete that folder."
            )
        self._summary = {
            "n_rows": sum(note["rows"] for note in self._notes.values()),
            "n_parts": n_parts,
            "n_above_tolerance": sum(note["above"] for note in self._notes.values()),
        }
        self._write_manifest({**self._manifest, "complete": self._summary})
        self._check_place()
        if self.path.exists():
            if not self._overwrite and any(self.path.iterdir()):
                raise FileExistsError(
                    f"{self._caller}: something was written to {str(self.path)!r} in the meantime. The result is in "
                    f"{str(self.partial)!r}."
                )
            shutil.rmtree(self.path)
        os.replace(self.partial, self.path)

    def summary(self) -> dict[str, int]:
        """Return the numbers of rows and parts, and of rows whose gap is above the tolerance."""
        return {**self._summary, "n_resumed": self._summary["n_parts"] if self.complete else self._n_found}

    def _write_manifest(self, manifest: dict[str, Any]) -> None:
        hidden = self.partial / f".{_MANIFEST}"
        hidden.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        os.replace(hidden, self.partial / _MANIFEST)


def _part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _foreign(folder: Path) -> list[str]:
    """Return the names of files in a folder that are not of a run; of all of them where there is no manifest."""
    if not folder.is_dir():
        return []
    names = sorted(item.name for item in folder.iterdir())
    own = (_MANIFEST, "part-", ".part-") if _MANIFEST in names else ()
    return [name for name in names if not name.startswith((*own, f".{_MANIFEST}"))]


def _differences(before: dict[str, Any], run: dict[str, Any]) -> list[str]:
    """Return in words what is not the same in two runs."""
    one, other = before["explainer"], run["explainer"]
    same = {
        f"written by another version, format {before['format']}": before["format"] == _FORMAT,
        f"it was of {one['class']}": one["class"] == other["class"],
        "other parameters of the explainer": one["parameters"] == other["parameters"],
        "another fitted explainer": _are_close(one["probes"], other["probes"]),
        "other columns or fields": before["columns"] == run["columns"],
        "other rows": before["input"] == run["input"],
        f"batch_rows was {before['batch_rows']}": before["batch_rows"] == run["batch_rows"],
    }
    return [text for text, is_same in same.items() if not is_same]


def _are_close(one: list[float], other: list[float]) -> bool:
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= _CLOSE * np.abs(a).max(initial=0)))


def _versions() -> dict[str, str]:
    found = {}
    for name in ("sklearn-xai", "scikit-learn", "torch", "numpy", "pandas", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # taken from a folder of source code
            found[name] = "not installed"
    return found
