"""What is read of one layer of a network for its pictures: activations, units, and rows as they can be shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sklearn_xai._checks import check_whole, is_whole
from sklearn_xai.base.checks import check_target_values
from sklearn_xai.base.texts import is_texts, words_of
from sklearn_xai.network._inside import Look
from sklearn_xai.network.activations import pool
from sklearn_xai.tables import take_rows

CALLER = "ActivationDisplay"
WINDOW = 6  # words shown on each side of the strongest
GAP = "…"


class Looking(Look):
    """Looks at one layer of a fitted network; units come first in all that it returns of a row."""

    def look(self, X: Any) -> Looking:
        """Check rows and find the layer."""
        self.given = X
        self.rows = self.at_one_layer(X)
        self.shape = self._layer_reader.shapes[0]
        return self

    def targets(self, y: Any) -> np.ndarray | None:
        """Return one label or number for each row."""
        found = check_target_values(self, self.rows, y)
        if found is None:
            return None
        found = np.asarray(found)
        if found.ndim == 2 and found.shape[1] == 1:
            found = found[:, 0]
        if found.ndim != 1:
            raise ValueError(f"{CALLER}: y must have one value for each row. Got shape {found.shape}.")
        return found

    def values(self, rows: Any) -> np.ndarray:
        """Return the activations of some rows, (n_rows, n_units, ...)."""
        parts = [part[0].movedim(1 + self.unit_axis, 1) for _, part in self._activations(take_rows(self.rows, rows))]
        return self._finite(torch.cat(parts))

    def pooled(self, pooling: str) -> np.ndarray:
        """Return the activations of all rows, (n_rows, n_units)."""
        found = [pool(part[0], self.unit_axis, pooling) for _, part in self._activations(self.rows, CALLER)]
        return self._finite(torch.cat(found))

    def _finite(self, values: torch.Tensor) -> np.ndarray:
        array = values.cpu().numpy()
        wrong = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"{CALLER}: the activations of {self.layer_text} are not finite for {len(wrong)} of {len(array)} rows, "
                f"the first of them {wrong[0]}. Does the network overflow there?"
            )
        return array

    def first(self, units: Any, max_units: Any) -> np.ndarray:
        """Return the units asked for, or else the first ones."""
        n_most = check_whole(max_units, "max_units", CALLER)
        return np.arange(min(self.n_units, n_most)) if units is None else self.units(units)

    def left_out(self, units: np.ndarray, why: str) -> list[str]:
        """Say that not all units are shown."""
        return [f"{len(units)} of {self.n_units} units{why}"] if len(units) < self.n_units else []

    def inputs(self) -> np.ndarray:
        """Return the rows as the network takes them."""
        return self._model.inputs(self.rows)

    def column_names(self) -> list[str]:
        """Return the names of the columns of a table."""
        return [str(name) for name in self._column_names()]

    def input_names(self, n_inputs: int) -> tuple[list[str], bool]:
        """Return the names of the network's inputs, and whether they are other than the columns of X."""
        steps = getattr(self._model, "steps", [])
        if not steps:
            return self.column_names(), False
        names = None
        if all(hasattr(step, "get_feature_names_out") for _, step in steps):
            names = getattr(self, "feature_names_in_", None)
            for _, step in steps:
                names = step.get_feature_names_out(names)
        if names is None or len(names) != n_inputs:
            return [f"input {j}" for j in range(n_inputs)], True
        # A ColumnTransformer puts the name of the transformer before that of a column.
        short = [str(name).split("__", 1)[-1] for name in names]
        return short if len(set(short)) == n_inputs else [str(name) for name in names], True

    @property
    def classifier(self) -> bool:
        """Whether the network predicts classes."""
        return bool(self._model.classifier)

    def words(self, row: int) -> list[str] | None:
        """Return the words of a text without its padding, None of no text."""
        found = words_of(self, self.given) if is_texts(self.given) else None
        if found is None:
            return None
        words = [str(word) for word in found[row]]
        return words[: max((i + 1 for i, word in enumerate(words) if word), default=1)]

    def texts(self, rows: np.ndarray, units: np.ndarray) -> np.ndarray | None:
        """Return the words of rows (n_units, n_top) about the place that excites each unit most; None of no texts."""
        if not is_texts(self.given):
            return None
        words, texts = words_of(self, self.given), list(self.given)
        several = np.unique(rows)
        values = dict(zip(several.tolist(), self.values(several), strict=True))
        shown = np.empty(rows.shape, dtype=object)
        for (k, i), row in np.ndenumerate(rows):
            if words is None:
                shown[k, i] = " ".join(str(texts[row]).split())
                continue
            places = values[int(row)][units[k]]
            place = int(places.argmax()) if places.shape == words[row].shape else None
            shown[k, i] = about(list(words[row]), place)
        return shown


def look_at(estimator: Any, X: Any, layer: Any) -> Looking:
    """Look at a layer of a fitted network; messages name the display."""
    return Looking.of(CALLER)(estimator, layer=layer, random_state=0).look(X)


def about(words: list[str], place: int | None) -> str:
    """Return the words about a place, that of the place in brackets; the first ones without a place.

    Examples
    --------
    >>> from sklearn_xai.display._activation_reading import about
    >>> about("not one dull moment in the whole of this long film".split() + ["", ""], 2)
    'not one [dull] moment in the whole of this …'
    """
    n_words = max((i + 1 for i, word in enumerate(words) if word), default=0)
    if place is not None:
        words = [*words[:place], f"[{words[place] or 'padding'}]", *words[place + 1 :]]
        n_words = max(n_words, place + 1)
    start = max(0, (place or 0) - WINDOW)
    end = min(n_words, (place or WINDOW) + WINDOW + 1)
    shown = [word for word in words[start:end] if word]
    return " ".join([*([GAP] if start else []), *shown, *([GAP] if end < n_words else [])])


def row_of(row: Any, n_rows: int) -> int:
    """Return the place of a row, or raise."""
    if not is_whole(row) or row >= n_rows:
        raise ValueError(
            f"The 'row' parameter of {CALLER} must be the place of a row of X, from 0 to {n_rows - 1}. Got {row!r}."
        )
    return int(row)
