"""Occlusion: what the output loses when a column, or a window of cells, is removed."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Baseline, Groups, Output, Removal, Sampling, Seed, Target
from sklearn_xai.background import BASELINES, resolve_baseline
from sklearn_xai.base import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.engines import Coalitions
from sklearn_xai.tables import is_frame

_MASK_CELLS = 2**24  # cells of the masks of windows that are built at once
_WINDOWS_A_SIDE = 8  # side by side, of the default size
_ONE = Interval(Integral, 1, None, closed="left")


class Windows:
    """Boxes of cells that slide over a row; those at the far ends are cut off where the row ends.

    Parameters
    ----------
    shape : tuple of int
        Of a row.
    sizes, strides : tuple of int
        Of the window and of its steps, along each axis.
    """

    def __init__(self, shape, sizes, strides):
        self.covers = [_cover(*axis) for axis in zip(shape, sizes, strides, strict=True)]
        self.counts = tuple(len(cover) for cover in self.covers)

    def __len__(self):
        return int(np.prod(self.counts))

    def masks(self, part):
        """Return which cells some windows cover, bool ndarray of shape (n_windows, n_cells)."""
        where = np.unravel_index(part, self.counts)
        mask = np.ones((len(part), 1), dtype=bool)
        for cover, at in zip(self.covers, where, strict=True):
            mask = (mask[:, :, None] & cover[at][:, None, :]).reshape(len(part), -1)
        return mask

    def spread(self, values):
        """Return the mean, for each cell, of the values of the windows that cover it, (n_rows, *shape)."""
        grid = values.reshape(len(values), *self.counts)
        for cover in self.covers:  # the mean over a box of windows is the mean along each axis in turn
            grid = np.tensordot(grid, cover / cover.sum(axis=0), axes=(1, 0))
        return grid


def _cover(side, size, stride):
    """Return which cells of one axis each window covers, (n_windows, side)."""
    starts = stride * np.arange(-((size - side) // stride) + 1)[:, None]
    cells = np.arange(side)
    return (cells >= starts) & (cells < starts + size)


def resolve_windows(window, strides, shape, caller):
    """Turn the parameters ``window`` and ``strides`` into Windows over rows of some shape.

    Parameters
    ----------
    window, strides : int, tuple of int or None
    shape : tuple of int
    caller : str
        Class name for messages.
    """
    whole = shape[:1] if len(shape) > 2 else ()  # the channels of an image
    sides = shape[len(whole) :]
    if window is None:
        window = (1,) if len(shape) == 1 else tuple(-(-side // _WINDOWS_A_SIDE) for side in sides)
    elif isinstance(window, Integral):
        window = tuple(min(int(window), side) if len(shape) > 1 else int(window) for side in sides)
    sizes = _full(window, whole, shape, "window", caller)
    if strides is None:
        strides = tuple((size + 1) // 2 for size in sizes)
    elif isinstance(strides, Integral):
        strides = (int(strides),) * len(shape)
    steps = _full(strides, whole, shape, "strides", caller)
    for axis, (side, size, step) in enumerate(zip(shape, sizes, steps, strict=True)):
        if size > side:
            raise ValueError(
                f"The 'window' parameter of {caller} is {size} along axis {axis} of a row, which has {side} cells "
                f"there (rows of shape {shape})."
            )
        if step > size < side:
            raise ValueError(
                f"The 'strides' parameter of {caller} steps by {step} along axis {axis} of a row, over cells that no "
                f"window of {size} would cover. Use strides of at most {size} there."
            )
    return Windows(shape, sizes, steps)


def _full(given, whole, shape, name, caller):
    """Return one number for each axis of a row; the channels may be left out."""
    given = tuple(given)
    if not all(isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in given):
        raise ValueError(f"The {name!r} parameter of {caller} must hold positive integers. Got {given}.")
    if len(given) == len(shape) - len(whole):
        given = (*whole, *given)
    if len(given) != len(shape):
        lengths = " or ".join(str(length) for length in sorted({len(shape) - len(whole), len(shape)}))
        raise ValueError(
            f"The {name!r} parameter of {caller} must be an integer or hold {lengths} of them, for rows of shape "
            f"{shape}. Got {given}."
        )
    return tuple(int(size) for size in given)


class OcclusionExplainer(BaseExplainer):
    r"""What does the output lose when a column, or a part of an image or sequence, is taken away?

    .. math:: \phi_i = f(x) - v(x \setminus i), \qquad
        \phi_{cell} = \frac{1}{|\{w \ni cell\}|} \sum_{w \ni cell} f(x) - v(x \setminus w)

    with v the output when the column (or the group) i is removed, which is averaged over what replaces it. With
    windows w that slide over an image or a sequence, the attribution of a cell is the mean over the windows that cover
    it. The effect of removing one thing alone: of two columns that say the same, each gets what the other does not
    make up for, and the attributions add up to nothing in particular.

    Parameters
    ----------
    %(estimator)s
    window : int or tuple of int, default=None
        Size of what is removed at once. Of rows that are no table, an integer is the size along all axes (shorter ones
        are taken whole) but the channels, the first of three axes or more, which are removed together; a tuple says it
        for each axis, with or without the channels. (length, n_channels) suits a sequence with its channels last. Of
        tables and tokens it is a number of neighbouring columns. None is one column, and an eighth of each side of an
        image.
    strides : int or tuple of int, default=None
        Steps by which the window slides, at most its size. None is half the window.
    baseline : {"zero", "mean", "median", "min", "max", "sample"} or array-like, default=None
        What takes the place of removed cells, for data that are numbers: the same value of all background rows, each
        of these rows ("sample", averaged over), or an array of the shape of a row or of several rows. None: as
        ``removal`` says, and "mean" for rows that are no table.
    %(background)s
    %(removal)s
    %(shared)s

    Attributes
    ----------
    n_windows_ : int
        How many windows are removed in turn; the number of columns or groups where a window is one.
    %(attributes)s

    Raises
    ------
    ValueError
        When the window or its strides do not suit the shape of the rows, or the baseline does not.

    See Also
    --------
    PermutationImportanceExplainer : What a column does for the score of the model.
    ShapleyExplainer : Removes columns from all coalitions of the others; the attributions then add up.

    Notes
    -----
    Windows at the far ends are cut off where the row ends, as Captum does it.

    Misleads when columns say the same, or replace each other: each gets only what the other does not make up for, down
    to nothing for both. What is put in the place of a column or a patch may be like nothing the model was trained on,
    so that part of the loss is surprise; a grey square is not the absence of a thing.

    Cost: one evaluation for each row, window and row that may fill it up. Of a table that is the number of columns
    times ``background_size``, with a ``baseline`` the number of windows.

    References
    ----------
    Zeiler, M. D. and Fergus, R. (2014). Visualizing and Understanding Convolutional Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import OcclusionExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> attributions = OcclusionExplainer(model).fit(X).transform(X)
    >>> np.allclose(attributions, (X - X.mean(axis=0)) * [1.0, 0.0, -2.0])
    True
    """

    _inputs = ("table", "image", "tokens")
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        **REMOVAL_PARAMETERS,
        "window": [_ONE, tuple, list, None],
        "strides": [_ONE, tuple, list, None],
        "baseline": [StrOptions(set(BASELINES)), "array-like", None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        window: int | tuple[int, ...] | None = None,
        strides: int | tuple[int, ...] | None = None,
        baseline: Baseline | None = None,
        background_size: int = 100,
        background_sampling: Sampling = "random",
        removal: Removal = "marginal",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.window = window
        self.strides = strides
        self.baseline = baseline
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.removal = removal

    def _prepare(self, X, y, rng):
        self._windows = resolve_windows(self.window, self.strides, self._value_shape, type(self).__name__)
        self.n_windows_ = len(self._windows)
        if self.baseline is None and len(self._row_shape) == 1:
            fill, removal = self.background_, self.removal
        else:
            fill, removal = self._baseline_rows(), "marginal"
            self.base_outputs_ = self._model.outputs(fill).mean(axis=0)
        self._occluded = Coalitions(self._model, self._members, fill, self.batch_size, removal)

    def _baseline_rows(self):
        """Return what takes the place of removed cells, as rows of X."""
        name, chosen = type(self).__name__, "mean" if self.baseline is None else self.baseline
        rows = _numbers(self.background_)
        if rows.dtype.kind not in "fiub":
            raise ValueError(
                f"The 'baseline' parameter of {name} replaces numbers, but X has columns of other values. Leave it "
                "None, and use removal='baseline' for the median or most frequent value of each column."
            )
        tokens = self._model.network is not None and self._model.network.takes_integers
        if rows.dtype.kind in "iub" and not tokens:
            rows = rows.astype(np.float64)
        rows = resolve_baseline(chosen, rows, name)
        if isinstance(chosen, str) and chosen != "sample" and not np.isfinite(rows).all():
            raise ValueError(
                f"The 'baseline' parameter of {name} is {chosen!r}, but the background has missing or infinite "
                "values. Give an array, or use removal='baseline' instead."
            )
        return _as_frame(rows, self.background_) if is_frame(self.background_) else rows

    def _cells_per_row(self):
        return max(super()._cells_per_row(), self.n_windows_ * len(self._occluded.background))

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        loss = np.empty((len(X), self.n_windows_))
        step = max(1, _MASK_CELLS // (self.n_players_ * len(self._occluded.background)))
        for first in range(0, self.n_windows_, step):
            part = np.arange(first, min(self.n_windows_, first + step))
            kept = ~self._windows.masks(part)
            loss[:, part] = outputs[:, None] - self._occluded.averaged(X, kept, targets)
        return Attributions(self._windows.spread(loss), self.base_outputs_[targets], outputs, {})


def _numbers(table):
    """Return a table as an array, of numbers if all its columns are."""
    if is_frame(table):
        import pandas as pd

        if all(pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes):
            return table.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(table)


def _as_frame(rows, like):
    """Return rows of numbers as a DataFrame, of the types of another one where these hold the numbers."""
    import pandas as pd

    table = pd.DataFrame({j: rows[:, j] for j in range(rows.shape[1])})
    for j, dtype in enumerate(like.dtypes):
        own = table[j].astype(dtype)
        if (own == table[j]).all():
            table[j] = own
    table.columns = like.columns
    return table
