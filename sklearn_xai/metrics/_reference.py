"""What an explanation is compared with: arrays, explanations or other explainers, brought into one form."""

from __future__ import annotations

import numpy as np

from sklearn_xai.metrics._judged import Judged, by_output


class Compared:
    """The attributions of some rows beside those of a reference.

    Parameters
    ----------
    explainer : fitted explainer
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
    attributions : array, shap.Explanation or None
        As :class:`Judged` takes them.
    reference : array-like, shap.Explanation or fitted explainer
        An explainer is asked for the attributions of the outputs that `explainer` explains.
    metric : str
        Name of the metric, for messages.

    Attributes
    ----------
    n_players : int
    """

    def __init__(self, explainer, X, attributions, reference, *, metric):
        self._judged = Judged(explainer, X, attributions, metric=metric)
        parts = self._judged.parts
        n_rows = len(parts[0].attributions)
        found = _values_of(reference, explainer, X, len(parts), n_rows, metric)
        pairs = [
            _alike(part.attributions, self._judged.row_shape, b, metric) for part, b in zip(parts, found, strict=True)
        ]
        self._pairs = dict(zip(parts, pairs, strict=True))
        self.n_players = pairs[0][0].shape[1]

    def result(self, function, sample_wise):
        """Return the mean over outputs of ``function(attributions, reference)``, or with it the mean over rows."""
        return self._judged.result(lambda part: function(*self._pairs[part]), sample_wise)


def _values_of(reference, explainer, X, n_outputs, n_rows, metric):
    """Return the attributions of the reference, one array (n_rows, ...) for each explained output."""
    if hasattr(reference, "attribute"):
        targets = np.asarray(explainer.explained_targets(X)).reshape(n_rows, -1)
        return [np.asarray(reference.attribute(X, column), dtype=np.float64) for column in targets.T]
    try:
        values = np.asarray(getattr(reference, "values", reference), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim < 2 or len(values) != n_rows:
        got = f"shape {values.shape}" if values.ndim and values.size else type(reference).__name__
        raise ValueError(
            f"The 'reference' parameter of {metric} must be attributions with one row for each of the {n_rows} rows of "
            f"X, a shap.Explanation of them, or a fitted explainer. Got {got}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"The 'reference' parameter of {metric} must be finite. Got NaN or infinity.")
    if n_outputs > 1 and (values.shape[1] if values.ndim == 2 else values.shape[-1]) % n_outputs:
        raise ValueError(
            f"The 'reference' parameter of {metric} must have attributions of each of the {n_outputs} explained "
            f"outputs. Got shape {values.shape}."
        )
    return [values] if n_outputs == 1 else by_output(values, n_outputs)


def _alike(a, row_shape, b, metric):
    """Return both as (n_rows, n_players); where one side has the channels of images added up, so has the other."""
    flat = b.reshape(len(b), -1)
    if flat.shape == a.shape:
        return a, flat
    image = row_shape[:3]
    if (
        len(image) == 3
        and b.ndim in (3, 4)
        and b.shape[-2:] == image[1:]
        and 1 in (image[0], flat.shape[1] // np.prod(image[1:]))
    ):
        a, b = (side.reshape(len(side), -1, *image[1:]).sum(axis=1) for side in (a, b))
        return a.reshape(len(a), -1), b.reshape(len(b), -1)
    raise ValueError(
        f"The 'reference' parameter of {metric} must have attributions of the same players. Got shape {b.shape}, for "
        f"attributions of {a.shape[1]} players."
    )
