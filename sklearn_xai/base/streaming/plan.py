"""What is read and written when attributions are streamed, and by what a fitted explainer is known again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_xai._checks import check_choice, meant
from sklearn_xai.base.streaming.arrow_rows import check_kinds
from sklearn_xai.tables import is_frame, take_rows

_FIELDS = ("attributions", "base_value", "output", "completeness_gap")
_PROBES = 8  # background rows by whose attributions an explainer is told from others
_UNTOUCHED = ("batch_size", "n_jobs", "verbose")  # parameters that change no attribution


class Plan(NamedTuple):
    """What is read and written."""

    read: list[str]  # columns that are explained, in the order of fit
    kept: dict[str, str]  # columns that are carried over, and their names in the result
    fields: tuple[str, ...]
    names: list[str]  # columns of the result

    @property
    def needed(self) -> list[str]:
        """The columns of X that are read."""
        return self.read + [name for name in self.kept if name not in self.read]


def find_plan(explainer: Any, source: Any, columns: Any, keep: Any, fields: Any, caller: str) -> Plan:
    """Return what is read and written, or raise for names that do not suit."""
    several = isinstance(fields, (list, tuple)) and len(fields) > 0
    for name in fields if several else [fields]:
        check_choice(name, _FIELDS, "fields", caller)
    fields = tuple(name for name in _FIELDS if name in (fields if several else [fields]))
    keep = [keep] if isinstance(keep, str) else keep
    kept = dict(keep) if isinstance(keep, Mapping) else {name: name for name in keep}
    there = source.schema.names
    read = _columns_read(explainer, there, columns, kept, caller)
    _check_there([*read, *kept], there, caller)
    check_kinds(explainer, source.schema, read, caller)
    names = list(kept.values())
    for field in fields:
        names += _names_of(explainer, field)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{caller}: the result would have more than one column called {twice}. Give what is kept another name, as "
            f"in keep={{{twice[0]!r}: {twice[0] + '_value'!r}}}."
        )
    return Plan(read, kept, fields, names)


def _columns_read(explainer: Any, there: list[str], columns: Any, kept: Any, caller: str) -> list[str]:
    """Return the names of the columns that are explained, in the order of ``fit``."""
    columns = [columns] if isinstance(columns, str) else columns
    known = explainer.feature_names_in_ if hasattr(explainer, "feature_names_in_") else None
    if known is None and is_frame(explainer.background_):
        known = explainer.background_.columns
    if known is not None:
        known = [str(name) for name in known]
        if columns is not None and sorted(columns) != sorted(known):
            raise ValueError(
                f"The 'columns' parameter of {caller} must be None, or the columns that fit saw: {known}. Got "
                f"{list(columns)}."
            )
        return known
    read = [name for name in there if name not in kept] if columns is None else list(columns)
    expected = 1 if explainer._reader is not None else explainer.n_features_in_
    if len(read) != expected:
        raise ValueError(
            f"{caller}: {len(read)} columns of X are to be explained ({read}), but {type(explainer).__name__} was "
            f"fitted on {'texts, which are one column' if explainer._reader is not None else f'{expected}'}. Name them "
            "by 'columns', or name those that are only carried over by 'keep'."
        )
    return read


def _check_there(names: list[str], there: list[str], caller: str) -> None:
    lacking = [name for name in names if name not in there]
    if lacking:
        raise ValueError(f"{caller}: X lacks the columns {lacking}.{meant(lacking[0], there)} It has {there}.")
    twice = sorted({name for name in names if there.count(name) > 1})
    if twice:
        raise ValueError(f"{caller}: X has more than one column called {twice}.")


def _names_of(explainer: Any, field: str) -> list[str]:
    if field == "attributions":
        return [str(name) for name in explainer.get_feature_names_out()]
    if explainer._target_index == "all":
        return [f"{output}_{field}" for output in explainer._output_names()]
    return [field]


def describe_explainer(explainer: Any) -> dict[str, Any]:
    """Return what tells a fitted explainer from others, in any process: what it is, and what it says of some rows.

    What it learned is not compared bit by bit: a module that was loaded, or copied, is pickled otherwise.
    """
    settings = explainer.get_params(deep=False)
    parameters = {name: repr(value) for name, value in settings.items() if name not in _UNTOUCHED and _is_plain(value)}
    with no_word_of_gaps():
        found, _ = explainer._explain_rows(take_rows(explainer.background_, slice(_PROBES)))
    probes = [np.ravel(part) for part in (found.values, found.base_values, found.outputs)]
    return {
        "class": type(explainer).__name__,
        "parameters": parameters,
        "probes": np.concatenate(probes).astype(np.float64).tolist(),
    }


def _is_plain(value: Any) -> bool:
    """Whether the value is written the same in every process."""
    if isinstance(value, Mapping):
        return all(_is_plain(part) for part in (*value.keys(), *value.values()))
    if isinstance(value, (list, tuple)):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str))


@contextmanager
def no_word_of_gaps() -> Iterator[None]:
    """Say nothing of completeness gaps: they are counted, and told once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*the completeness gap of", ConvergenceWarning)
        yield
