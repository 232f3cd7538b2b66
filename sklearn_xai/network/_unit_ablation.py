"""What becomes of predictions when units of a network are switched off."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_xai._checks import check_choice, check_whole, is_whole
from sklearn_xai._progress import track
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Rows
from sklearn_xai.base.checks import check_no_nan, check_target_values
from sklearn_xai.network.activations import pool

if TYPE_CHECKING:
    import pandas as pd


def check_units(units, names, concepts, caller):
    """Return indices into all units that are read, from indices, names of units or of concepts; each once, in order.

    Parameters
    ----------
    units : int, str, or list of these
    names : ndarray of shape (n_units,) of str
    concepts : dict of str to list of int
        The units that detect each concept.
    caller : str
        The method, for messages.

    Raises
    ------
    ValueError
        When there is no such unit, or no detector of a concept.
    """
    message = f"The 'units' parameter of {caller}"
    units = [units] if isinstance(units, str) or np.ndim(units) == 0 else list(units)
    known = {name: k for k, name in enumerate(names)}
    found: list = []
    for unit in units:
        if isinstance(unit, str) and unit in known:
            found.append(known[unit])
        elif isinstance(unit, str) and unit in concepts:
            found += concepts[unit]
        elif isinstance(unit, str):
            raise ValueError(
                f"{message} holds {unit!r}, neither the name of a unit, such as {names[0]!r}, nor a concept with a "
                f"detector. There are: {sorted(concepts) or 'none'}."
            )
        elif not is_whole(unit) or unit >= len(names):
            raise ValueError(f"{message} must hold indices from 0 to {len(names) - 1}, or names. Got {unit!r}.")
        else:
            found.append(int(unit))
    if not found:
        raise ValueError(f"{message} is empty. Give at least one unit.")
    return np.array(list(dict.fromkeys(found)))


def random_units(units, layer_of, rng):
    """Return as many other units of the same layers; any of them where there are too few others."""
    drawn = []
    for layer in np.unique(layer_of[units]):
        own = np.flatnonzero(layer_of == layer)
        chosen = units[layer_of[units] == layer]
        others = np.setdiff1d(own, chosen)
        drawn.append(rng.choice(others if len(others) >= len(chosen) else own, len(chosen), replace=False))
    return np.concatenate(drawn)


class AblatedModel:
    """A network whose units can be switched off.

    Parameters
    ----------
    model : ExplainedModel
    reader : LayerReader
    inputs : ndarray of shape (n_rows, ...)
        Rows as the network takes them.
    layer_of : ndarray of shape (n_units,)
        The layer of each unit, an index into the reader's.
    values : ndarray of shape (n_units,)
        What is put in the place of each unit's activations.
    """

    def __init__(self, model, reader, inputs, layer_of, values):
        self.model, self.reader, self.inputs = model.behind(), reader, inputs
        self.layer_of, self.values = layer_of, values

    def predict(self, units=()):
        """Return predictions with these units switched off."""
        network, units = self.model.network, np.asarray(units, dtype=np.int64)
        with network.frozen(), ExitStack() as stack:
            for layer in np.unique(self.layer_of[units]):
                chosen = units[self.layer_of[units] == layer]
                see = self._switch(layer, chosen - np.flatnonzero(self.layer_of == layer)[0], self.values[chosen])
                stack.enter_context(self.reader.points[layer].hooked(network.module, see))
            return self.model.predict(self.inputs)

    def _switch(self, layer, channels, values):
        axis = 1 + self.reader.unit_axes[layer]

        def see(value, alone):
            changed = value.clone()
            shape = [1] * value.ndim
            shape[axis] = len(channels)
            put = torch.as_tensor(values, dtype=value.dtype, device=value.device).reshape(shape)
            index = [slice(None)] * value.ndim
            index[axis] = torch.as_tensor(channels, device=value.device)
            changed[tuple(index)] = put
            return changed

        return see


def scores(model, y, predicted):
    """Return {"(all)": accuracy, class: share of its rows that are predicted right}, or R2 of what is no classifier."""
    if model.labels is None and predicted.ndim == 2 and predicted.shape[1] > 1 and y.ndim == 1 and y.dtype.kind in "iu":
        predicted = predicted.argmax(axis=1)
    elif model.labels is None:
        return {"(all)": r2_score(y, predicted)}
    right = np.asarray(y == predicted)
    return {"(all)": right.mean(), **{label: right[y == label].mean() for label in np.unique(y)}}


class AblatesUnits:
    """Mixin of what knows units by name and by the concept that they detect."""

    def ablation(
        self: Any,
        units: int | str | Sequence[int | str],
        X: Rows,
        y: ArrayLike,
        *,
        value: Literal["zero", "mean"] = "zero",
        n_random: int = 10,
    ) -> pd.DataFrame:
        """How much of the score is lost when units are switched off, and when as many random ones are?

        Parameters
        ----------
        units : int, str, or list of these
            Indices into ``unit_names_``, names of units, or names of concepts: all of their detectors.
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The truth, as the estimator predicts it.
        value : {"zero", "mean"}, default="zero"
            What is put in the place of the activations: 0, or the unit's mean over X.
        n_random : int, default=10
            How many sets of as many other units of the same layers are switched off to compare with.

        Returns
        -------
        table : DataFrame of shape (1 + n_classes, 5)
            For "(all)" rows and those of each class: ``score``, the share of right predictions (R2 for all rows where
            the estimator is no classifier, nor a module with several outputs), ``ablated``, that without the units,
            ``lost``, their difference, and ``lost_at_random`` and ``lost_at_random_std``, its mean and standard
            deviation over random sets.

        Raises
        ------
        ValueError
            When there is no such unit, or a concept has no detector.
        """
        import pandas as pd

        check_is_fitted(self)
        caller = f"{type(self).__name__}.ablation"
        check_choice(value, ("zero", "mean"), "value", caller)
        check_whole(n_random, "n_random", caller, least=0)
        units = check_units(units, self.unit_names_, self._detectors_by_concept(), caller)
        check_consistent_length(X, y)
        X = self._checked(X)
        y = check_target_values(self, X, y)
        is_nan = np.isnan(self._model.outputs(X)).any(axis=1)
        check_no_nan(caller, "the model's output", is_nan, X, self._column_names())
        values = self._means(X) if value == "mean" else np.zeros(len(self.unit_names_))
        ablated = AblatedModel(self._model, self._layer_reader, self._model.inputs(X), self._layer_of, values)
        whole, without = (pd.Series(scores(self._model, y, ablated.predict(off))) for off in ((), units))
        rng = own_random_state(self.random_state)
        sets = [random_units(units, self._layer_of, rng) for _ in range(n_random)]
        tried = track(sets, f"{caller}: random units", verbose=self.verbose)
        others = [whole - pd.Series(scores(self._model, y, ablated.predict(off))) for off in tried]
        random = pd.concat(others, axis=1) if others else pd.DataFrame(index=whole.index)
        table = {"score": whole, "ablated": without, "lost": whole - without}
        return pd.DataFrame({**table, "lost_at_random": random.mean(axis=1), "lost_at_random_std": random.std(axis=1)})

    def _detectors_by_concept(self):
        found: dict = {}
        for unit in self.detectors_:
            found.setdefault(self.unit_concept_[unit], []).append(int(unit))
        return found

    def _means(self, X):
        """Return the mean activation of each unit over rows and places."""
        total = np.zeros(len(self.unit_names_))
        for _, values in self._activations(X):
            parts = [
                pool(value, axis, "mean") for value, axis in zip(values, self._layer_reader.unit_axes, strict=True)
            ]
            total += torch.cat([part.double().sum(dim=0) for part in parts]).cpu().numpy()
        return total / len(X)
