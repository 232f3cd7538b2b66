"""The rows that excite each unit most, found batch by batch."""

from __future__ import annotations

import torch


class TopRows:
    """The rows with the largest values of each unit, in memory that does not grow with the rows.

    Parameters
    ----------
    n_top : int
        Rows kept for each unit.

    Attributes
    ----------
    rows : Tensor of shape (n_units, n_top or fewer) of int64
        Places of the rows, the largest value first; of equal ones the first row.
    values : Tensor of shape (n_units, n_top or fewer)
    """

    def __init__(self, n_top):
        self.n_top = n_top
        self.rows = self.values = None

    def update(self, values, first):
        """See the values of some rows.

        Parameters
        ----------
        values : Tensor of shape (n_rows, n_units)
        first : int
            Place of the first of these rows; rows come in their order.
        """
        values = values.T.contiguous()
        rows = torch.arange(first, first + values.shape[1], device=values.device).expand(len(values), -1)
        if self.values is not None:
            values, rows = torch.cat([self.values, values], dim=1), torch.cat([self.rows, rows], dim=1)
        # What was kept comes first, so that a stable order leaves the first of equal rows in front.
        order = values.argsort(dim=1, descending=True, stable=True)[:, : self.n_top]
        self.values, self.rows = values.gather(1, order), rows.gather(1, order)
