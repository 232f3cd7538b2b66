"""Localisation: does an explanation lie where it is known that what matters is?"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt

from sklearn_xai._typing import Explained, Rows, Scores, Seed
from sklearn_xai.engines.agreement import top_shares
from sklearn_xai.metrics._judged import Judged
from sklearn_xai.metrics._registry import explanation_metric

_TEXTS = {
    "masks": """masks : array-like of bool
        What matters of each row, True for at least one player. Of tables, (n_samples, n_players), or (n_players,) for
        all rows. Of images, (n_samples, height, width) or (n_samples, 1, height, width), to which the attributions of
        the channels are added up and those of a region shared out equally; or (n_samples, n_channels, height, width).
        Zeros and ones will do.""",
    "absolute": """absolute : bool, default=False
        Whether negative attributions count by their size, rather than as none.""",
    "errors": """ValueError
        If the attributions or the masks do not belong to the rows, an attribution is not finite, or a mask is empty:
        nothing can lie in it.""",
}


def _localisation(function):
    """Make a function known as a metric that needs masks."""
    for name, text in _TEXTS.items():
        function.__doc__ = (function.__doc__ or "").replace(f"%({name})s", text)
    return explanation_metric(family="localisation", greater_is_better=True, needs=("masks",))(function)


@_localisation
def pointing_game(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    masks: ArrayLike,
    attributions: Explained | None = None,
    absolute: bool = False,
    tolerance: float = 0,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Is the largest attribution where it should be?

    1 if the player with the largest attribution is within the mask M, else 0,

    .. math:: [\arg\max_i a_i \in M].

    Parameters
    ----------
    %(judged)s
    %(masks)s
    %(absolute)s
    tolerance : float, default=0
        Of images, how many pixels away from the mask still counts. The paper has 15, for photographs.
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    hit : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0 to 1; greater is better. Of tied largest attributions, the share within the mask. 0.0 where no
        attribution is positive (with `absolute`, not zero), so for an all-zero explanation; otherwise 1.0 for a mask of
        everything and for a single player. What the model says does not matter.

    Raises
    ------
    %(errors)s

    Notes
    -----
    Misleads when the mask tells where people look, and not what the model uses: a model that goes by the background,
    or by a watermark, is explained rightly by what lies outside. One player decides, so that large masks are hit by
    chance.

    Cost: one explanation of the rows, and nothing else.

    References
    ----------
    Zhang, J., Bargal, S. A., Lin, Z., Brandt, J., Shen, X. and Sclaroff, S. (2018). Top-Down Neural Attention by
    Excitation Backprop. International Journal of Computer Vision.

    See Also
    --------
    relevance_mass_accuracy : How much of all attributions is within the mask.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import pointing_game
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> rows, found = np.eye(3)[:2], [[1, 5, 2], [4, 0, 4]]
    >>> pointing_game(explainer, rows, masks=[True, True, False], attributions=found, sample_wise=True)
    array([1. , 0.5])
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real) or not 0 <= tolerance < np.inf:
        raise ValueError(
            f"The 'tolerance' parameter of pointing_game must be a number of pixels, at least 0. Got {tolerance!r}."
        )
    judged = Judged(explainer, X, attributions, metric="pointing_game")
    masks, by_pixel = _checked_masks(judged, explainer, masks)
    if tolerance and masks.ndim < 3:
        raise ValueError(
            f"The 'tolerance' parameter of pointing_game is for images, with masks that have their height and width. "
            f"Got {tolerance!r} and masks of shape {masks.shape}."
        )
    near = _widened(masks, tolerance)

    def hit(part):
        positive = _positive(part, judged, explainer, by_pixel, absolute)
        top = (positive == positive.max(axis=1, keepdims=True)) & (positive > 0)
        return (top & near.reshape(len(near), -1)).sum(axis=1) / np.maximum(top.sum(axis=1), 1)

    return judged.result(hit, sample_wise)


@_localisation
def relevance_mass_accuracy(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    masks: ArrayLike,
    attributions: Explained | None = None,
    absolute: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much of the attributions is where it should be?

    .. math:: \frac{\sum_{i \in M} \max(a_i, 0)}{\sum_i \max(a_i, 0)}

    for the players M within the mask.

    Parameters
    ----------
    %(judged)s
    %(masks)s
    %(absolute)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    mass : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0 to 1; greater is better. Attributions of one size give the share of the players that is within the mask.
        0.0 where no attribution is positive (with `absolute`, not zero), so for an all-zero explanation; otherwise 1.0
        for a mask of everything and for a single player. Ties need no rule. What the model says does not matter.

    Raises
    ------
    %(errors)s

    Notes
    -----
    Misleads when the mask tells where people look, and not what the model uses: a model that goes by the background,
    or by a watermark, is explained rightly by what lies outside. Large masks hold much of any map.

    Cost: one explanation of the rows, and nothing else.

    References
    ----------
    Arras, L., Osman, A. and Samek, W. (2022). CLEVR-XAI: A Benchmark Dataset for the Ground Truth Evaluation of Neural
    Network Explanations. Information Fusion.

    See Also
    --------
    relevance_rank_accuracy : Whether the largest attributions are within the mask.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import relevance_mass_accuracy
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> rows, found = np.eye(3)[:2], [[1, 5, 2], [4, -3, 4]]
    >>> relevance_mass_accuracy(explainer, rows, masks=[True, True, False], attributions=found, sample_wise=True)
    array([0.75, 0.5 ])
    """
    judged = Judged(explainer, X, attributions, metric="relevance_mass_accuracy")
    checked, by_pixel = _checked_masks(judged, explainer, masks)
    inside = checked.reshape(len(checked), -1)

    def mass(part):
        positive = _positive(part, judged, explainer, by_pixel, absolute)
        largest = positive.max(axis=1, keepdims=True)
        shares = positive / np.where(largest > 0, largest, 1.0)  # no sum of them is beyond the range of floats
        total = shares.sum(axis=1)
        return np.minimum((shares * inside).sum(axis=1) / np.where(total > 0, total, 1.0), 1.0)

    return judged.result(mass, sample_wise)


@_localisation
def relevance_rank_accuracy(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    masks: ArrayLike,
    attributions: Explained | None = None,
    absolute: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Are the largest attributions where they should be?

    .. math:: \frac{|T_K \cap M|}{K}, \qquad K = |M|

    for the players M within the mask and those with the K largest attributions :math:`T_K`.

    Parameters
    ----------
    %(judged)s
    %(masks)s
    %(absolute)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    accuracy : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0 to 1; greater is better. What is not positive (with `absolute`, zero) is never among the largest. Players
        tied for the last places share them: the number is the mean over all orders of them. 0.0 for an all-zero
        explanation. A mask of everything gives the share of positive attributions; a single player that is positive,
        1.0. What the model says does not matter.

    Raises
    ------
    %(errors)s

    Notes
    -----
    Misleads when the mask tells where people look, and not what the model uses: a model that goes by the background,
    or by a watermark, is explained rightly by what lies outside. Large masks hold much of any map.

    Cost: one explanation of the rows, and nothing else.

    References
    ----------
    Arras, L., Osman, A. and Samek, W. (2022). CLEVR-XAI: A Benchmark Dataset for the Ground Truth Evaluation of Neural
    Network Explanations. Information Fusion.

    See Also
    --------
    relevance_mass_accuracy : How much of all attributions is within the mask.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import relevance_rank_accuracy
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> rows, found = np.eye(3)[:2], [[1, 5, 2], [4, 3, 3]]
    >>> relevance_rank_accuracy(explainer, rows, masks=[True, True, False], attributions=found, sample_wise=True)
    array([0.5 , 0.75])
    """
    judged = Judged(explainer, X, attributions, metric="relevance_rank_accuracy")
    checked, by_pixel = _checked_masks(judged, explainer, masks)
    inside = checked.reshape(len(checked), -1)
    k = inside.sum(axis=1, keepdims=True)

    def accuracy(part):
        top = top_shares(_positive(part, judged, explainer, by_pixel, absolute), k)
        return (top * inside).sum(axis=1) / k[:, 0]

    return judged.result(accuracy, sample_wise)


def on_pixels(values, row_shape, explainer):
    """Return attributions as one number a pixel: channels are added up, a region is shared out equally.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_players)
    row_shape : tuple of int
        Shape of one row's attributions.
    explainer : fitted explainer

    Returns
    -------
    ndarray of shape (n_samples, height, width), or None where the players are no pixels and no regions of images
    """
    image = tuple(getattr(explainer, "_row_shape", ()))
    if len(image) < 2:
        return None
    if row_shape[1 : len(image)] == image[1:]:
        return values.reshape(len(values), -1, *image[1:]).sum(axis=1)
    members = explainer._members
    if getattr(explainer, "layer", None) is not None or len(members) != values.shape[1]:
        return None
    pixels = np.zeros((len(values), int(np.prod(image))))
    for player, cells in enumerate(members):
        pixels[:, cells] = values[:, [player]] / len(cells)
    return pixels.reshape(len(values), *image).sum(axis=1)


def _checked_masks(judged, explainer, masks):
    """Return the masks, (n_samples, ...), and whether they are of pixels, to which attributions must be added up."""
    found = np.asarray(masks)
    if found.dtype.kind not in "biuf" or not np.isin(found, (0, 1)).all():
        raise ValueError(f"The 'masks' parameter of {judged.metric} must hold True and False. Got {found.dtype}.")
    attributions = judged.parts[0].attributions
    n, n_players = attributions.shape
    pixels = on_pixels(attributions[:1], judged.row_shape, explainer)
    image = () if pixels is None else pixels.shape[1:]
    by_pixel = bool(image) and found.shape in ((n, *image), (n, 1, *image))
    if not by_pixel:
        players = judged.row_shape[: len(image) + 1] if image and len(judged.row_shape) > len(image) else (n_players,)
        if found.shape not in ((n_players,), (n, n_players), (n, *players)):
            expected = f"{(n, *image)} or {(n, *players)}" if image else f"({n}, {n_players}) or ({n_players},)"
            raise ValueError(f"The 'masks' parameter of {judged.metric} must have shape {expected}. Got {found.shape}.")
        found = np.broadcast_to(found, (n, n_players)) if found.ndim == 1 else found
    found = (found.reshape(n, *image) if by_pixel else found) != 0
    empty = ~found.reshape(n, -1).any(axis=1)
    if empty.any():
        raise ValueError(
            f"The 'masks' parameter of {judged.metric} must have a True in each row. Got none in {empty.sum()} rows, "
            f"first in row {int(np.argmax(empty))}. Leave these rows out."
        )
    return found, by_pixel


def _positive(part, judged, explainer, by_pixel, absolute):
    """Return what counts of the attributions, (n_samples, n_cells), not negative."""
    values = part.attributions
    if by_pixel:
        values = on_pixels(values, judged.row_shape, explainer).reshape(len(values), -1)
    return np.abs(values) if absolute else np.maximum(values, 0.0)


def _widened(masks, tolerance):
    """Return masks of images with all pixels that are no further away than `tolerance`."""
    if not tolerance:
        return masks
    # Rows and channels lie further apart than any distance that counts, so that one call measures each by itself.
    apart = [tolerance + 1.0] * (masks.ndim - 2)
    return distance_transform_edt(~masks, sampling=(*apart, 1.0, 1.0)) <= tolerance
