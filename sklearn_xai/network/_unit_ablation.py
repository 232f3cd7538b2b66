"""What becomes of predictions when units of a network are switched off."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import torch
from sklearn.metrics import r2_score


def check_units(units, names, concepts, caller):
    """Return indices into all units that are read, from indices, names of units or of concepts.

    Parameters
    ----------
    units : int, str, or list of these
    names : ndarray of shape (n_units,) of str
    concepts : dict of str to list of int
        The units that detect each concept.
    caller : str

    Raises
    ------
    ValueError
        When there is no such unit, or no detector of a concept.
    """
    message = f"The 'units' parameter of {caller}.ablation"
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
        elif isinstance(unit, (bool, np.bool_)) or not np.equal(np.mod(unit, 1), 0) or not 0 <= unit < len(names):
            raise ValueError(f"{message} must hold indices from 0 to {len(names) - 1}, or names. Got {unit!r}.")
        else:
            found.append(int(unit))
    if not found:
        raise ValueError(f"{message} is empty. Give at least one unit.")
    return np.unique(found)


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
    """Return {"all": accuracy, class: share of its rows that are predicted right}, or R2 of what is no classifier."""
    if model.labels is None and predicted.ndim == 2 and predicted.shape[1] > 1 and y.ndim == 1 and y.dtype.kind in "iu":
        predicted = predicted.argmax(axis=1)
    elif model.labels is None:
        return {"all": r2_score(y, predicted)}
    right = np.asarray(y == predicted)
    return {"all": right.mean(), **{label: right[y == label].mean() for label in np.unique(y)}}
