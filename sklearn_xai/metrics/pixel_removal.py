"""Remove and debias: what the output loses without the most and the least relevant pixels of images."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Explained, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged, order_players
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.metrics.localisation import on_pixels

ORDERS = ("combined", "morf", "lerf")
_CHUNK_CELLS = 2**17  # numbers of images that are imputed at once
_RESIDUAL = 1e-9  # of an imputation, beside that of the first guess


@explanation_metric(family="faithfulness", greater_is_better=True, inputs=("image",))
def road(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    percentages: ArrayLike = (10, 20, 30, 40, 50, 60, 70, 80, 90),
    order: Literal["combined", "morf", "lerf"] = "combined",
    measure: Literal["output", "accuracy"] = "output",
    noise: float = 0.01,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Does the output fall without the most relevant pixels, and hold without the least relevant ones?

    A share of the pixels is removed with all their channels and imputed from the others, so that the holes tell
    nothing: each is the mean of its neighbours, direct ones weighing 1/6 and diagonal ones 1/12, and some noise. With
    :math:`x_q^{most}` the image without the q percent of pixels with the largest attributions, and :math:`x_q^{least}`
    without those with the smallest, the score is the mean over the percentages Q of

    .. math:: f(x_q^{least}) - f(x_q^{most}).

    Parameters
    ----------
    explainer : fitted explainer
        Of images; of regions, whose attribution is shared out among their pixels. With ``target="all"``, each output
        is judged by itself and the mean over the outputs is given.
    X : array-like of shape (n_samples, n_channels, height, width)
        Images to explain.
    y : array-like of shape (n_samples,), default=None
        Labels, which ``measure="accuracy"`` needs; of a plain module, indices of outputs.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation to judge, as ``transform(X)`` or ``explain(X)`` gives it. None calls ``transform``. Channels are
        added up.
    percentages : array-like of float, default=(10, 20, 30, 40, 50, 60, 70, 80, 90)
        The shares Q of the pixels that are removed, in percent, above 0 and below 100. One pixel is removed at least,
        and one left.
    order : {"combined", "morf", "lerf"}, default="combined"
        "combined" is as above. "morf", most relevant first, is what is lost, :math:`f(x) - f(x_q^{most})`. "lerf",
        least relevant first, is what is held, :math:`f(x_q^{least}) - f(x)`. The first is the sum of the others.
    measure : {"output", "accuracy"}, default="output"
        Whether :math:`f` is the explained output, or 1 where the prediction is `y` and else 0.
    noise : float, default=0.01
        Standard deviation of the noise, in those of the background's pixels, by channel. It is drawn once, for all
        images, percentages and both orders.
    %(sample_wise)s
    random_state : int, RandomState instance or None, default=None
        Seeds the noise, and the order of pixels with equal attributions, which is the same for all rows.

    Returns
    -------
    score : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In units of the explained output, or from -1 to 1 with ``output="proba"`` or ``measure="accuracy"``; greater is
        better whatever the order. With "combined", random attributions give 0 on average, and so does an all-zero
        explanation, whose pixels are taken in a random order; other ties are broken so too. 0.0 for a constant model
        and for an image of a single pixel, of which nothing can be removed.

    Raises
    ------
    ValueError
        If X holds no images, the attributions are not of their pixels or not finite, a parameter is out of range, or
        ``measure="accuracy"`` has no `y` or no classes to compare.

    Notes
    -----
    The imputed pixels solve a linear system, symmetric and positive definite. Conjugate gradients solve those of all
    images at once, to a residual of 1e-9.

    Misleads when the model heeds texture: imputed pixels are smooth, which is a hint of its own, the more so the more
    of them are removed. Maps that are smooth themselves remove whole regions, whose inside cannot be imputed well.

    Cost: two evaluations a row for every percentage, 18 by default. As many systems of linear equations, one number
    for each removed pixel, are solved beside.

    References
    ----------
    Rong, Y., Leemann, T., Borisov, V., Kasneci, G. and Kasneci, E. (2022). A Consistent and Efficient Evaluation
    Strategy for Attribution Methods. ICML.

    See Also
    --------
    deletion_auc : Removal by the explainer's background, of anything.
    relevance_rank_accuracy : Where it is known which pixels matter.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import road
    >>> X = np.random.RandomState(0).rand(8, 1, 6, 6).astype("float32")
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 1))
    >>> explainer = InputXGradientExplainer(model).fit(X)
    >>> bool(road(explainer, X, random_state=0) > 0)
    True
    """
    images = _checked_images(X)
    _check_options(order, measure, noise)
    shares = _checked_percentages(percentages)
    judged = Judged(explainer, X, attributions, metric="road")
    n, n_channels, height, width = images.shape
    answer = _answering(explainer, X, y, measure)
    spread = np.asarray(explainer.background_, dtype=np.float64).std(axis=(0, 2, 3))[:, None, None]
    added = noise * spread * own_random_state(random_state).standard_normal((n_channels, height, width))
    counts = np.clip(np.rint(shares / 100 * height * width), 1, height * width - 1).astype(int)

    def mean_answer(part, k, last):
        place = np.argsort(_pixel_order(judged, part, explainer, (height, width), random_state), axis=1)
        total = np.zeros(n)
        for count in counts:
            removed = place >= height * width - count if last else place < count
            removed = removed.reshape(n, height, width)
            filled = np.where(removed[:, None], impute_pixels(images, removed) + added, images)
            total += answer(filled.astype(images.dtype), k)
        return total / len(counts)

    def score(part):
        k = judged.parts.index(part)
        without_most = answer(images, k) if order == "lerf" else mean_answer(part, k, last=False)
        without_least = answer(images, k) if order == "morf" else mean_answer(part, k, last=True)
        return without_least - without_most

    return judged.result(score, sample_wise)


def impute_pixels(images, removed):
    """Return images whose removed pixels are the weighted mean of their neighbours, imputed ones too.

    Direct neighbours weigh twice as much as diagonal ones; beyond the edge there are none.

    Parameters
    ----------
    images : ndarray of shape (n_samples, n_channels, height, width)
    removed : bool ndarray of shape (n_samples, height, width)
        Not all pixels of an image.

    Returns
    -------
    ndarray of the shape of `images`, float64

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.metrics.pixel_removal import impute_pixels
    >>> image = np.array([[0.0, 0, 0], [6, 99, 6], [6, 12, 6]])
    >>> impute_pixels(image[None, None], image[None] == 99)[0, 0, 1, 1].round(6)
    np.float64(5.0)
    """
    rows = max(1, _CHUNK_CELLS // images[0].size)
    filled = [_imputed(images[i : i + rows], removed[i : i + rows]) for i in range(0, len(images), rows)]
    return np.concatenate(filled)


def _imputed(images, removed):
    """Solve for the removed pixels of a few images by conjugate gradients, each until its own residual is small."""
    hole = removed[:, None].astype(np.float64)
    known = images * (1 - hole)
    # Solved for is the difference from the mean of the known pixels, which is a good first guess.
    level = known.sum(axis=(2, 3), keepdims=True) / (1 - hole).sum(axis=(2, 3), keepdims=True)
    weights = _neighbours(np.ones_like(hole[:1]))
    known = (known - level) * (1 - hole)
    found = np.zeros_like(known)
    residual = hole * _neighbours(known)
    direction = residual.copy()
    size = _squares(residual)
    active, small = np.flatnonzero(size > 0), _RESIDUAL**2 * size
    if len(active) < len(size):
        hole, residual, direction = hole[active], residual[active], direction[active]
    size, solution = size[active], found[active]
    while len(active):
        image = hole * (weights * direction - _neighbours(direction))
        step = size / np.einsum("nchw,nchw->n", direction, image)
        solution += step[:, None, None, None] * direction
        residual -= step[:, None, None, None] * image
        after = _squares(residual)
        direction = residual + (after / size)[:, None, None, None] * direction
        size = after
        going = size > small[active]
        if not going.all():  # who is done waits for nobody, so that a row does not depend on the others
            found[active[~going]] = solution[~going]
            active, hole, residual, direction = active[going], hole[going], residual[going], direction[going]
            size, solution = size[going], solution[going]
    return np.where(removed[:, None], found + level, images)


def _neighbours(images):
    """Return for each pixel the weighted sum of its neighbours; beyond the edge there are zeros."""
    down = 2 * images
    down[:, :, 1:] += images[:, :, :-1]
    down[:, :, :-1] += images[:, :, 1:]
    total = 2 * down
    total[..., 1:] += down[..., :-1]
    total[..., :-1] += down[..., 1:]
    total -= 4 * images  # of itself
    return total / 12


def _squares(images):
    return np.einsum("nchw,nchw->n", images, images)


def _pixel_order(judged, part, explainer, size, random_state):
    """Return the pixels from the most to the least relevant, (n_samples, n_pixels)."""
    pixels = on_pixels(part.attributions, judged.row_shape, explainer)
    if pixels is None or pixels.shape[1:] != size:
        raise ValueError(
            f"The 'attributions' parameter of road must be of pixels or regions of images of {size} pixels. Got shape "
            f"{(len(part.attributions), *judged.row_shape)}."
        )
    return order_players(pixels.reshape(len(pixels), -1), random_state)


def _answering(explainer, X, y, measure):
    """Return the function of images and the place of an output that is averaged, (n_samples,)."""
    if measure == "output":
        targets = np.asarray(explainer.explained_targets(X)).reshape(len(X), -1)
        return lambda images, k: np.asarray(explainer.explained_output(images, targets[:, k]), dtype=np.float64)
    if y is None:
        raise ValueError("The 'measure' parameter of road is 'accuracy', which needs the labels y. Got y=None.")
    if getattr(explainer, "_model", None) is None or explainer._model.n_outputs < 2:
        raise ValueError(
            f"The 'measure' parameter of road is 'accuracy', which needs a model with an output for each class. Got "
            f"{type(explainer).__name__} of another. Use 'output'."
        )
    labels = np.asarray(y)
    if labels.shape != (len(X),):
        raise ValueError(f"The 'y' parameter of road must have shape ({len(X)},). Got shape {labels.shape}.")
    if explainer._model.classes is not None:
        return lambda images, k: (explainer.predict(images) == labels).astype(np.float64)
    return lambda images, k: (explainer._model.outputs(images).argmax(axis=1) == labels).astype(np.float64)


def _checked_images(X):
    images = np.asarray(X)
    if images.ndim != 4 or images.dtype.kind not in "fiub":
        raise ValueError(
            f"The 'X' parameter of road must be images of shape (n_samples, n_channels, height, width). Got "
            f"{images.dtype} of shape {images.shape}."
        )
    return images if images.dtype.kind == "f" else images.astype(np.float64)


def _check_options(order, measure, noise):
    for name, value, allowed in (("order", order, ORDERS), ("measure", measure, ("output", "accuracy"))):
        if value not in allowed:
            raise ValueError(f"The '{name}' parameter of road must be one of {allowed}. Got {value!r}.")
    if isinstance(noise, bool) or not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(f"The 'noise' parameter of road must be a number, at least 0. Got {noise!r}.")


def _checked_percentages(percentages):
    shares = np.asarray(percentages, dtype=np.float64).reshape(-1)
    if not len(shares) or not ((shares > 0) & (shares < 100)).all():
        raise ValueError(
            f"The 'percentages' parameter of road must hold numbers above 0 and below 100. Got {percentages!r}."
        )
    return shares
