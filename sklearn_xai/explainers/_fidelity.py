"""How well a surrogate says what the model says: measured on rows that it was not fitted to."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np

from sklearn_xai._compat import Interval

HELD_OUT = 0.2  # share of the rows given to fit that the surrogate does not see
_MOST_HELD_OUT = 10_000
_FEW_ROWS = 5  # too few to hold any out

FIDELITY_PARAMETERS: dict = {"min_fidelity": [Interval(Real, None, 1, closed="right"), None]}


def split_rows(n_rows, rng):
    """Draw which rows a surrogate is fitted to and which are held out.

    Parameters
    ----------
    n_rows : int
    rng : RandomState

    Returns
    -------
    train, held_out : int ndarray, in ascending order
        All rows in both where there are fewer than five.
    """
    order = rng.permutation(n_rows)
    if n_rows < _FEW_ROWS:
        return np.arange(n_rows), np.arange(n_rows)
    n_held = min(_MOST_HELD_OUT, int(np.ceil(HELD_OUT * n_rows)))
    return np.sort(order[n_held:]), np.sort(order[:n_held])


def r2_fidelity(truth, found):
    """Return R2 of each output of a surrogate.

    Parameters
    ----------
    truth, found : ndarray of shape (n_rows, n_outputs)
        What the model and the surrogate say of rows.

    Returns
    -------
    r2 : ndarray of shape (n_outputs,)
        Where the truth does not vary but by rounding: 1 if the surrogate says the same, else 0.
    """
    truth, found = np.asarray(truth, dtype=np.float64), np.asarray(found, dtype=np.float64)
    varies = np.ptp(truth, axis=0) > 1e-6 * np.abs(truth).max(axis=0)
    total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    r2 = 1 - np.square(truth - found).sum(axis=0) / np.where(varies, total, 1.0)
    scale = np.abs(truth).max(axis=0)
    same = np.abs(truth - found).max(axis=0) <= 1e-5 * np.maximum(scale, 1e-300)
    return np.where(varies, r2, same.astype(np.float64))


def class_agreement(truth, found, index=None):
    """Return the share of rows to which the surrogate gives the class that the model gives.

    Parameters
    ----------
    truth : ndarray of shape (n_rows, n_classes)
        The model's outputs.
    found : ndarray of shape (n_rows, n_classes), or (n_rows, 1)
        The surrogate's, of all classes or of the one that is explained.
    index : int, optional
        Which class ``found`` is of, where it is of one.

    Returns
    -------
    agreement : float or None
        None where one output does not tell the class: of more than two, or of two that do not add up to a constant.
    """
    if found.shape[1] != truth.shape[1]:
        found = _both_classes(truth, found[:, 0], index)
    return None if found is None else float(np.mean(truth.argmax(axis=1) == found.argmax(axis=1)))


def _both_classes(truth, found, index):
    """Return the outputs of two classes where that of one says both: log-odds, decision function, probability."""
    if truth.shape[1] != 2:
        return None
    total = truth.sum(axis=1)
    if np.ptp(total) > 1e-6 * max(1.0, np.abs(truth).max()):
        return None
    both = np.empty(truth.shape)
    both[:, index], both[:, 1 - index] = found, total - found
    return both


def warn_of_fidelity(caller, fidelity, min_fidelity, advice, output_names=None):
    """Warn, with the number, that a surrogate says something else than the model; called from ``_prepare``.

    Parameters
    ----------
    caller : str
        The explainer's name.
    fidelity : float or ndarray of shape (n_outputs,)
    min_fidelity : float or None
        None never warns.
    advice : str
        What the user can change.
    output_names : list of str, optional
        Names of the outputs, where there are several.
    """
    fidelity = np.atleast_1d(fidelity)
    worst = int(np.argmin(np.where(np.isnan(fidelity), -np.inf, fidelity)))
    if min_fidelity is None or fidelity[worst] >= min_fidelity:
        return
    of = f" of output {output_names[worst]!r}" if output_names is not None and len(fidelity) > 1 else ""
    warnings.warn(
        f"{caller}: the fidelity{of} is {fidelity[worst]:.3g} on held-out rows, below min_fidelity={min_fidelity:g}: "
        f"the surrogate is too unlike the model to explain it. {advice}",
        UserWarning,
        stacklevel=5,
    )
