"""Robustness: do rows that are nearly the same have nearly the same explanation?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Rows, Scale, Scores, Seed
from sklearn_xai.metrics._explained_neighbours import Surroundings, over_neighbours, robustness_metric


@robustness_metric()
def max_sensitivity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much can the attributions of a row change when the row hardly does?

    .. math:: \max_{x'} \frac{\|\phi(x') - \phi(x)\|_2}{\|\phi(x)\|_2}

    over neighbours x' of the row x. Yeh et al. define the numerator, which grows with the attributions; divided so, it
    compares methods whose attributions are of different sizes.

    Parameters
    ----------
    %(judged)s
    %(neighbours)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    sensitivity : float, or ndarray of shape (n_samples,) if ``sample_wise``
        0 or above; smaller is better. 0.0 for attributions that are the same at all neighbours, as those of a constant
        model, zeros too: an explanation that says nothing is robust. Where those of the row alone are all zero, a
        neighbour whose are not counts 1.0. Ties need no rule; one player, or one draw, is as any number of them.

    Raises
    ------
    ValueError
        If the attributions are not finite or not those of the rows, a parameter is out of range, or no neighbour could
        differ from its row.

    Notes
    -----
    Misleads when it is taken for quality: an explanation that is the same for all rows is as robust as can be. Near a
    kink or the boundary between classes, the model itself changes, and its explanation should. It is the largest of a
    few draws, and grows with their number.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default.

    References
    ----------
    Yeh, C.-K., Hsieh, C.-Y., Suggala, A. S., Inouye, D. I. and Ravikumar, P. (2019). On the (In)fidelity and
    Sensitivity of Explanations. NeurIPS.

    See Also
    --------
    avg_sensitivity : The mean over the neighbours.
    local_lipschitz : Divided by the distance of the neighbour.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import max_sensitivity
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> max_sensitivity(SaliencyExplainer(torch.nn.Linear(4, 1)).fit(X), X)  # the gradient is the same everywhere
    0.0
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)
    return over_neighbours("max_sensitivity", explainer, X, attributions, around, _sensitivity, sample_wise=sample_wise)


@robustness_metric()
def avg_sensitivity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much do the attributions of a row change, on average, when the row hardly does?

    .. math:: E_{x'} \frac{\|\phi(x') - \phi(x)\|_2}{\|\phi(x)\|_2}

    over neighbours x' of the row x.

    Parameters
    ----------
    %(judged)s
    %(neighbours)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    sensitivity : float, or ndarray of shape (n_samples,) if ``sample_wise``
        0 or above, at most the :func:`max_sensitivity` of the same draws; smaller is better. Zeros, constants, ties,
        one player and one draw as there.

    Raises
    ------
    ValueError
        As of :func:`max_sensitivity`.

    Notes
    -----
    Misleads when it is taken for quality: an explanation that is the same for all rows is as robust as can be. Near a
    kink or the boundary between classes, the model itself changes, and its explanation should.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default.

    References
    ----------
    Yeh, C.-K., Hsieh, C.-Y., Suggala, A. S., Inouye, D. I. and Ravikumar, P. (2019). On the (In)fidelity and
    Sensitivity of Explanations. NeurIPS.

    See Also
    --------
    max_sensitivity : The largest over the neighbours.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import avg_sensitivity, max_sensitivity
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> 0 < avg_sensitivity(explainer, X, random_state=0) < max_sensitivity(explainer, X, random_state=0)
    True
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)
    return over_neighbours(
        "avg_sensitivity", explainer, X, attributions, around, _sensitivity, mean=True, sample_wise=sample_wise
    )


@robustness_metric()
def local_lipschitz(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How steeply can the attributions change around a row?

    .. math:: \max_{x'} \frac{\|\phi(x) - \phi(x')\|_2}{\|x - x'\|_2}

    over neighbours x' of the row x: an estimate, from below, of the Lipschitz constant of the explanation. The distance
    is in the units of the noise (``scale``), in which a category that changes counts 1.

    Parameters
    ----------
    %(judged)s
    %(neighbours)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    constant : float, or ndarray of shape (n_samples,) if ``sample_wise``
        Units of the attributions per unit of distance, 0 or above; smaller is better, among explanations of the same
        size: it grows with the attributions. 0.0 for attributions that are the same at all neighbours, zeros too, and
        where no neighbour differs from its row. Ties need no rule; one player, or one draw, is as any number of them.

    Raises
    ------
    ValueError
        As of :func:`max_sensitivity`.

    Notes
    -----
    Misleads when it is taken for quality: an explanation that is the same for all rows is as robust as can be. Near a
    kink or the boundary between classes, the model itself changes, and its explanation should. It is the steepest of a
    few draws, not of all neighbours.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default.

    References
    ----------
    Alvarez-Melis, D. and Jaakkola, T. S. (2018). On the Robustness of Interpretability Methods. ICML Workshop on Human
    Interpretability in Machine Learning.

    See Also
    --------
    relative_input_stability : Relative changes of both.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import local_lipschitz
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> linear = torch.nn.Linear(4, 1)  # of it, input times gradient has the constant max |w|
    >>> explainer = InputXGradientExplainer(linear).fit(X)
    >>> 0 < local_lipschitz(explainer, X, scale="none") < linear.weight.abs().max().item() + 1e-4
    True
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)
    return over_neighbours("local_lipschitz", explainer, X, attributions, around, _slope, sample_wise=sample_wise)


def _sensitivity(rows):
    size = np.linalg.norm(rows.before, axis=1)[:, None]
    change = rows.change()
    size = np.where(size > 0, size, change)
    return change / np.where(size > 0, size, 1.0)


def _slope(rows):
    distance = rows.near.distance()
    return rows.change() / np.where(distance > 0, distance, np.inf)
