"""What a global method looks for in the columns: what the model says of rows, or y itself."""

from __future__ import annotations

import numpy as np


def find_aims(explainer, X, y):
    """Return what the columns are held against, by the ``to`` parameter of an explainer.

    Parameters
    ----------
    explainer : BaseExplainer
        Being fitted; its model and target are known.
    X : table of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs), or None

    Returns
    -------
    aims : ndarray of shape (n_rows, n_aims)
        One for each output, where several are explained and y, if it is y, has as many columns; else one for all.

    Raises
    ------
    ValueError
        For y where none was given, or one of another number of columns.
    """
    model, target, name = explainer._model, explainer._target_index, type(explainer).__name__
    if explainer.to != "y":
        aims = np.asarray(model.outputs(X), dtype=np.float64)
    elif model.of_uncertainty:
        raise ValueError(
            f"The 'to' parameter of {name} is 'y', which says nothing of output={explainer.output!r}: use to='model'."
        )
    elif y is None:
        raise ValueError(f"The 'to' parameter of {name} is 'y', but fit was called without y: call fit(X, y).")
    else:
        aims = np.asarray(y).reshape(len(y), -1)
        most = 1 if model.classes is not None else model.n_outputs
        if aims.shape[1] not in (1, most):
            raise ValueError(
                f"The 'to' parameter of {name} is 'y', which must have one column, or one for each output of a "
                f"regressor: {most} here. Got {aims.shape[1]}."
            )
    several = aims.shape[1] == model.n_outputs > 1
    return aims[:, [target]] if several and not isinstance(target, str) else aims


def aim_of(targets, n_aims):
    """Return which aim belongs to the explained output of each row, from the indices of these outputs."""
    return targets if n_aims > 1 else np.zeros_like(targets)
