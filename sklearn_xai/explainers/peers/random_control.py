"""The random control."""

from __future__ import annotations

import numpy as np

from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.tables import is_frame

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def scramble(numbers):
    """Turn 64-bit numbers into others that share no pattern with them (the finalizer of splitmix64)."""
    z = numbers + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def row_fingerprints(X):
    """Return a 64-bit number for each row, which depends on its values and their order only.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, ...)

    Returns
    -------
    ndarray of shape (n_rows,) of uint64
    """
    columns = [X.iloc[:, j].to_numpy() for j in range(X.shape[1])] if is_frame(X) else X.reshape(len(X), -1).T
    found = np.zeros(len(X), dtype=np.uint64)
    for column in columns:
        found = scramble(found ^ _bits(column))
    return found


def _bits(column):
    if column.dtype.kind in "fiub":
        return (column.astype(np.float64) + 0.0).view(np.uint64)  # + 0.0, as minus zero is zero
    import pandas as pd

    return pd.util.hash_array(np.array([repr(value) for value in column], dtype=object))


def normal_draws(fingerprints, keys):
    """Return a standard normal draw for each pair of a fingerprint and a key, shape (n_rows, n_keys)."""
    uniform = [
        ((scramble(fingerprints[:, np.newaxis] ^ scramble(keys + np.uint64(i))) >> np.uint64(11)) + 0.5) * 2.0**-53
        for i in range(2)
    ]
    return np.sqrt(-2 * np.log(uniform[0])) * np.cos(2 * np.pi * uniform[1])


class RandomExplainer(BaseExplainer):
    r"""What would an explanation look like that knows nothing of the model?

    A control for measures of explanations, as ``DummyClassifier`` is for classifiers: the attributions of a row are
    independent normal draws around zero,

    .. math:: \phi_i(x) = \frac{\sigma_f}{\sqrt{d}} \, z_i, \quad z_i \sim N(0, 1),

    with d the number of columns and :math:`\sigma_f` the standard deviation of the explained output over the
    background, so that their sum varies as much as that output does. They depend on the row's values and on
    ``random_state`` only, so that the same row always has the same attributions, whatever else is explained with it.

    Parameters
    ----------
    %(estimator)s
    %(shared)s

    Attributes
    ----------
    scale_ : ndarray of shape (n_outputs,)
        Standard deviation of each output over the background; 1 where the output does not vary.
    %(attributes)s

    See Also
    --------
    SHAPExplainer : A reference at the other end.

    Notes
    -----
    The draws do not add up to the output: the completeness gap that ``explain`` reports is as large as chance makes it.

    Misleads when it is taken for an explanation. It is a control: a method that is no better by a metric has not shown
    that it knows anything of the model, and a metric that does not tell it from the others measures something else.

    Cost: one evaluation a row. ``fit`` takes one for each background row.

    References
    ----------
    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import RandomExplainer
    >>> X = np.eye(3)
    >>> explainer = RandomExplainer(nn.Linear(3, 1), random_state=0).fit(X)
    >>> bool((explainer.transform(X[:1]) == explainer.transform(X)[:1]).all())
    True
    """

    _inputs = ("table", "image")

    def _prepare(self, X, y, rng):
        self._keys = rng.randint(2**63 - 1, size=self.n_players_, dtype=np.int64).astype(np.uint64)
        spread = np.asarray(self._model.outputs(self.background_), dtype=np.float64).std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)

    def _attribute(self, X, choose):
        outputs = self._model.outputs(X)
        target = np.broadcast_to(choose(outputs), len(X))
        found = row_fingerprints(X) ^ scramble(target.astype(np.uint64))
        scale = self.scale_[target] / np.sqrt(self.n_players_)
        values = normal_draws(found, self._keys) * scale[:, np.newaxis]
        explained = outputs[np.arange(len(X)), target]
        return Attributions(values.reshape(-1, *self._value_shape), self.base_outputs_[target], explained, {})
