"""What ``explain`` says of a dask collection: an explanation that is not computed yet."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.base.checks import check_rows
from sklearn_xai.base.lazy.blocks import checked_blocks, on_blocks, the_block
from sklearn_xai.base.lazy.sent import SentExplainer
from sklearn_xai.tables import is_frame, take_rows

if TYPE_CHECKING:
    import dask.array as da
    import shap


class LazyExplanation:
    """What is said of the rows of a dask collection, when it is asked for.

    ``explain`` of an explainer returns it for a dask array or DataFrame. Its fields are dask arrays, of which means,
    the largest and the like can be taken where the rows are; :meth:`compute` brings everything here.

    Parameters
    ----------
    explainer : fitted explainer
    X : dask array or dask DataFrame

    Attributes
    ----------
    values : dask array of shape (n_samples, n_players[, n_outputs]), or of the shape of X where it is not a table
    base_values : dask array of shape (n_samples[, n_outputs])
    completeness_gap : dask array of shape (n_samples[, n_outputs])
    data : dask array or dask DataFrame
        X, as it was given.
    feature_names, output_names : list of str, or None
        As those of the ``shap.Explanation``.

    What else a method says of each row, such as ``standard_errors``, is a dask array by the same name.

    Examples
    --------
    >>> import dask.array as da, numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> X = np.ones((100, 3), dtype="float32")
    >>> explanation = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(X).explain(da.from_array(X, chunks=(25, 3)))
    >>> explanation
    LazyExplanation(values of shape (100, 3) in 4 blocks)
    >>> explanation.values.mean(axis=0).compute().shape
    (3,)
    >>> explanation.compute().values.shape
    (100, 3)
    """

    def __init__(self, explainer: Any, X: Any) -> None:
        self.data = checked_blocks(explainer, X)
        self._sent = SentExplainer(explainer)
        key = self._sent.as_key()
        self._parts = on_blocks(_explained_block, self.data, (), np.dtype(object), sent=key)
        self._background = take_rows(explainer.background_, slice(1))
        n_outputs = (explainer._model.n_outputs,) if explainer._target_index == "all" else ()
        self._fields = {
            "values": ((*explainer._value_shape, *n_outputs), np.dtype(explainer._model.dtype)),
            "base_values": (n_outputs, np.dtype(explainer._model.dtype)),
            "completeness_gap": (n_outputs, np.dtype(np.float64)),
        }
        self.feature_names = explainer._feature_labels()
        self.output_names = explainer._output_names() if n_outputs else None

    def __repr__(self) -> str:
        shape = ", ".join("?" if length != length else str(length) for length in self.values.shape)
        return f"{type(self).__name__}(values of shape ({shape}) in {self._parts.npartitions} blocks)"

    def __getattr__(self, name: str) -> da.Array:
        if name.startswith("_"):
            raise AttributeError(name)
        shape, dtype = self._fields.get(name) or self._found_field(name)
        import dask.array as da

        rows, axes = "row", [f"axis{i}" for i in range(len(shape))]
        meta = np.empty((0,) * (1 + len(shape)), dtype=dtype)
        new = {"new_axes": dict(zip(axes, shape, strict=True)), "dtype": dtype, "meta": meta}
        return da.blockwise(_field, (rows, *axes), self._parts, (rows,), field=name, shape=shape, of=dtype, **new)

    def _found_field(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        if name not in self._example:
            known = sorted({"data", *self._fields, *self._example})
            raise AttributeError(f"{type(self).__name__} has no field {name!r}. There are {known}.")
        found = np.asarray(self._example[name])
        return found.shape[1:], found.dtype

    @cached_property
    def _example(self) -> dict[str, Any]:
        """What is said of one row: which facts there are, of what shape and type."""
        return _told(self._sent.call("explain", self._background))

    def persist(self, **kwargs: Any) -> LazyExplanation:
        """Return the same with its blocks computed, and kept where they were computed.

        Parameters
        ----------
        **kwargs : dict
            As of ``dask.persist``.
        """
        import copy

        kept = copy.copy(self)
        kept._parts = self._parts.persist(**kwargs)
        return kept

    def compute(self, **kwargs: Any) -> shap.Explanation:
        """Return what ``explain`` says of the same rows in memory.

        Parameters
        ----------
        **kwargs : dict
            As of ``dask.compute``.

        Returns
        -------
        explanation : shap.Explanation
        """
        import dask

        parts = [part for part in dask.compute(*self._parts.to_delayed().ravel(), **kwargs) if part is not None]
        if not parts:
            raise ValueError("There is no row to explain: all blocks of X are empty.")
        facts = {name: _joined([part[name] for part in parts]) for name in parts[0]}
        X, values, base_values = (facts.pop(name) for name in ("X", "values", "base_values"))
        with self._sent.unpacked() as explainer:
            return explainer._as_explanation(check_rows(explainer, X, reset=False), values, base_values, facts)


def _explained_block(block, sent, shape, dtype):
    rows = the_block(block)
    return {"X": rows, **_told(sent.call("explain", rows))} if len(rows) else None


def _told(explanation):
    """Return values, base values and facts of rows: what is joined to those of other blocks."""
    import shap

    facts = vars(explanation).keys() - vars(shap.Explanation(explanation.values)).keys()
    told = {"values": explanation.values, "base_values": explanation.base_values}
    return told | {name: getattr(explanation, name) for name in sorted(facts)}


def _field(part, field, shape, of):
    return np.empty((0, *shape), dtype=of) if part is None else np.asarray(part[field])


def _joined(parts):
    if not is_frame(parts[0]):
        return np.concatenate(parts)
    from dask.dataframe.dispatch import concat  # knows what to do with categories that not every block has

    return concat(parts)
