"""Perturbation curves: what the output does while players go, or come back, in the order of an explanation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_whole
from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged, first_players
from sklearn_xai.metrics._registry import explanation_metric

MAX_STEPS = 64  # steps of a curve by default; a row of fewer players has a step for each


def perturbation_curve(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    kind: Literal["deletion", "insertion"] = "deletion",
    attributions: Explained | None = None,
    n_steps: int | None = None,
    absolute: bool = False,
    removal: Removal | None = None,
    random_state: Seed = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""How does the output change while players are removed, the most important first?

    With the players of a row in the order of their attributions, :math:`\pi_1, \ldots, \pi_d`, the deletion curve is

    .. math:: D(k) = f(x_{\{\pi_{k+1}, \ldots, \pi_d\}}), \qquad I(k) = f(x_{\{\pi_1, \ldots, \pi_k\}})

    the insertion curve, where :math:`f(x_S)` is the explained output with only the players of S kept.

    Parameters
    ----------
    explainer : fitted explainer
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    kind : {"deletion", "insertion"}, default="deletion"
        Whether players are removed from the row, or given back to a row without any.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation to judge, as ``transform(X)`` or ``explain(X)`` gives it. None takes ``explainer.transform(X)``.
    n_steps : int or None, default=None
        Number of steps from all players to none, of equal shares of the players. None is one for each player, at most
        64.
    absolute : bool, default=False
        Whether importance is the absolute value of an attribution. By default the players that raise the output most
        come first.
    removal : {"marginal", "baseline", "conditional"}, default=None
        What a removed player is replaced by, as :class:`~sklearn_xai.ShapleyExplainer` says; None leaves it to the
        explainer.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of players with equal attributions, which is the same for all rows.

    Returns
    -------
    fractions : ndarray of shape (n_steps + 1,)
        Share of the players that are removed, or given back, from 0 to 1.
    values : ndarray of shape (n_samples, n_steps + 1)
        The explained output, in its own units; with ``target="all"`` the mean over the outputs.

    Raises
    ------
    ValueError
        If `kind` or `n_steps` is none of these, or the attributions do not belong to the rows.

    References
    ----------
    Samek, W., Binder, A., Montavon, G., Lapuschkin, S. and Mueller, K.-R. (2017). Evaluating the Visualization of What
    a Deep Neural Network Has Learned. Petsiuk, V., Das, A. and Saenko, K. (2018). RISE: Randomized Input Sampling for
    Explanation of Black-box Models.

    See Also
    --------
    deletion_auc, insertion_auc : The area under the curve.
    sklearn_xai.display.PerturbationCurveDisplay : Draws it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import perturbation_curve
    >>> net = torch.nn.Linear(3, 1)
    >>> with torch.no_grad():
    ...     _ = net.weight.copy_(torch.tensor([[4.0, 2.0, 1.0]])), net.bias.zero_()
    >>> explainer = SaliencyExplainer(net).fit(torch.zeros(4, 3).numpy())
    >>> fractions, values = perturbation_curve(explainer, torch.ones(1, 3).numpy())
    >>> values
    array([[7., 3., 1., 0.]])
    """
    if kind not in ("deletion", "insertion"):
        raise ValueError(f"The 'kind' parameter of perturbation_curve must be 'deletion' or 'insertion'. Got {kind!r}.")
    judged = Judged(explainer, X, attributions, metric="perturbation_curve", removal=removal)
    counts = _counts(judged.parts[0].n_players, n_steps, "perturbation_curve")
    curves = [_curve(part, part.order(random_state, absolute=absolute), counts, kind) for part in judged.parts]
    return counts / counts[-1], np.mean(curves, axis=0)


def _counts(n_players, n_steps, metric):
    """Return how many players are gone after each step."""
    if n_steps is None:
        n_steps = MAX_STEPS
    else:
        check_whole(n_steps, "n_steps", metric, none="None")
    return np.unique(np.rint(np.linspace(0, n_players, min(n_steps, n_players) + 1)).astype(int))


def _curve(part, order, counts, kind):
    """Return the output after each step, (n_samples, n_steps + 1)."""
    if kind == "deletion":
        return np.column_stack([part.full, part.values(~first_players(order, counts[1:]))])
    return np.column_stack([part.values(first_players(order, counts[:-1])), part.full])


@explanation_metric(family="faithfulness", greater_is_better=False)
def deletion_auc(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_steps: int | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How soon does the output fall when the players that raise it most are removed first?

    The area under the deletion curve D, that is, its mean height, by the trapezoidal rule:

    .. math:: \int_0^1 D(t) \, dt

    Parameters
    ----------
    %(judged)s
    n_steps : int or None, default=None
        As in :func:`perturbation_curve`.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    area : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output; smaller is better. Between the smallest and the largest value that the
        output takes on the way: in [0, 1] with ``output="proba"``. Equal attributions, zeros too, are removed in a
        random order, so that an explanation that says nothing scores as chance does. That of a constant model is its
        output; of a single player, the mean of the output with and without it.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or `n_steps` is no positive integer.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. What comes first counts most, and two areas compare only
    where the model and the output are the same.

    Cost: for each row, one evaluation for every step (at most 64) and each of the 16 background rows that the
    explainer fills up with.

    References
    ----------
    Petsiuk, V., Das, A. and Saenko, K. (2018). RISE: Randomized Input Sampling for Explanation of Black-box Models.

    See Also
    --------
    insertion_auc : The same while players are given back.
    perturbation_curve : The curve itself.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import deletion_auc
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(deletion_auc(explainer, X) < deletion_auc(explainer, X, attributions=-explainer.transform(X)))
    True
    """
    judged = Judged(explainer, X, attributions, metric="deletion_auc", removal=removal)
    return _auc(judged, "deletion", n_steps, sample_wise, random_state)


@explanation_metric(family="faithfulness", greater_is_better=True)
def insertion_auc(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_steps: int | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How soon does the output rise when the players that raise it most are given back first?

    The area under the insertion curve I, that is, its mean height, by the trapezoidal rule:

    .. math:: \int_0^1 I(t) \, dt

    Parameters
    ----------
    %(judged)s
    n_steps : int or None, default=None
        As in :func:`perturbation_curve`.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    area : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output; greater is better. Range, zeros, ties, constant models and single players
        as of :func:`deletion_auc`.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or `n_steps` is no positive integer.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. What comes first counts most, and two areas compare only
    where the model and the output are the same.

    Cost: for each row, one evaluation for every step (at most 64) and each of the 16 background rows that the
    explainer fills up with.

    References
    ----------
    Petsiuk, V., Das, A. and Saenko, K. (2018). RISE: Randomized Input Sampling for Explanation of Black-box Models.

    See Also
    --------
    deletion_auc : The same while players are removed.
    perturbation_curve : The curve itself.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import insertion_auc
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(insertion_auc(explainer, X) > insertion_auc(explainer, X, attributions=-explainer.transform(X)))
    True
    """
    judged = Judged(explainer, X, attributions, metric="insertion_auc", removal=removal)
    return _auc(judged, "insertion", n_steps, sample_wise, random_state)


def _auc(judged, kind, n_steps, sample_wise, random_state):
    counts = _counts(judged.parts[0].n_players, n_steps, judged.metric)

    def area(part):
        curve = _curve(part, part.order(random_state), counts, kind)
        return np.trapezoid(curve, counts / counts[-1], axis=1)

    return judged.result(area, sample_wise)
