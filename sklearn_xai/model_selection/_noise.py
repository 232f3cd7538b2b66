"""Normal noise on the numbers of rows, never on categories."""

from __future__ import annotations

from sklearn_xai.base.nearby import Numbers
from sklearn_xai.model_selection.inputs import n_rows


class RowNoise:
    """Moves each number by `noise` standard deviations of its column times a standard normal draw.

    Numbers stay within the range of their column, and whole numbers whole; see :class:`sklearn_xai.base.nearby.Numbers`
    for what is a number, and what is whole.

    Parameters
    ----------
    X : DataFrame, array of shape (n_rows, ...), or dict of arrays
        What the standard deviations and ranges are taken from.
    noise : float
        In standard deviations.
    caller : str
        Of the error message.
    direct : bool, default=False
        Whether the rows go into a network as they are.
    """

    def __init__(self, X, noise, caller, direct=False):
        self.noise = float(noise)
        self._numbers = Numbers(X, direct=direct)
        if not self._numbers.is_number.any():
            raise ValueError(
                f"The 'sources' parameter of {caller} names 'noise', which moves numbers: X must have a column of "
                f"them. Got {type(X).__name__} without any."
            )

    def move(self, X, rng):
        """Give rows like `X` with noise drawn from `rng`; `X` stays as it is."""
        spread = self._numbers.spread
        steps = self.noise * spread * rng.standard_normal((n_rows(X), 1, len(spread)))
        return self._numbers.moved(X, self._numbers.rounded(steps), within=True)
