"""A model seen from a site inside its network: its rows are raw rows with what they are at the site behind them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sklearn_xai._typing import Table
from sklearn_xai.models.affine_head import Split

if TYPE_CHECKING:
    from sklearn_xai.models.explained import ExplainedModel
    from sklearn_xai.models.sites import Site


class InsideModel:
    """What ``Coalitions`` needs of a model, with the values at a site as the columns that can be removed.

    A row is its input, which stays as it is, followed by its values at the site.

    Parameters
    ----------
    model : ExplainedModel
    site : Site
    rows : table of shape (n_rows, n_columns)
    """

    column_wise = True
    channels_last = False

    def __init__(self, model: ExplainedModel, site: Site, rows: Table) -> None:
        self.model, self.site = model, site
        self.n_outputs, self.dtype, self.numpy_dtype = model.n_outputs, model.dtype, model.network.numpy_dtype
        inputs = model.inputs(rows)
        self._given = inputs.shape[1:]
        with model.network.frozen(), torch.no_grad():
            z = model.network.tensor(inputs[:1])
            self._whole = not z.is_floating_point()
            self._shape = tuple(site.variable(z).shape[1:])
        n_given, n_units = int(np.prod(self._given)), int(np.prod(self._shape))
        self.feeds = np.concatenate([np.full(n_given, -1), np.arange(n_units)])

    @property
    def network(self) -> InsideModel:
        """The network of this model's rows: itself."""
        return self

    @property
    def columns(self) -> InsideModel:
        """Where its columns are found: here."""
        return self

    def feeds_of(self, X: Table, inputs: np.ndarray) -> np.ndarray:
        """Return the unit that each element of a row is, -1 for the input before them."""
        return self.feeds

    def inputs(self, X: Table) -> np.ndarray:
        """Return raw rows as rows of this model."""
        network, found = self.model.network, []
        inputs = self.model.inputs(X)
        with network.frozen(), torch.no_grad():
            for start in range(0, len(inputs), 1024):
                z = network.tensor(inputs[start : start + 1024])
                v = self.site.variable(z).flatten(1)
                found.append(torch.cat([z.flatten(1).to(v.dtype), v], dim=1).cpu().numpy())
        return np.concatenate(found)

    def outputs(self, X: Table) -> np.ndarray:
        """Return the explained outputs of raw rows, shape (n_rows, n_outputs)."""
        return self.model.outputs(X)

    def find_head(self, inputs: np.ndarray) -> Split:
        """Return this model as a network without an affine head."""
        return Split(self)

    # ------------------------------------------------------------------ as a network
    def frozen(self) -> AbstractContextManager[Any]:
        """Freeze the network."""
        return self.model.network.frozen()

    def tensor(self, rows: np.ndarray) -> torch.Tensor:
        """Copy rows of this model to a tensor."""
        return torch.as_tensor(np.array(rows, dtype=self.numpy_dtype), device=self.model.network.device)

    def __call__(self, rows):
        """Return the explained outputs of rows of this model."""
        n_given = int(np.prod(self._given))
        z, v = rows[:, :n_given].reshape(-1, *self._given), rows[:, n_given:].reshape(-1, *self._shape)
        return self.site.tail(self.site.enter(v)[0], z.long() if self._whole else z)
