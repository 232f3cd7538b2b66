"""Rows of a linear function, whose Shapley values are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.utils import Bunch

from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Seed
from sklearn_xai.datasets._attribution_common import (
    TASKS,
    checked_choice,
    checked_count,
    checked_dtype,
    checked_number,
    checked_vector,
    covariance_of,
    drawn_columns,
    drawn_weights,
    labelled,
    returned,
)

CALLER = "make_attribution_linear"


def make_attribution_linear(
    n_samples: int = 100,
    *,
    n_features: int = 10,
    n_informative: int = 5,
    weights: ArrayLike | None = None,
    loc: ArrayLike = 0.0,
    correlation: float = 0.0,
    bias: float = 0.0,
    task: str = "regression",
    noise: float = 0.0,
    dtype: DTypeLike = np.float64,
    random_state: Seed = None,
    return_model: bool = False,
    return_bunch: bool = False,
) -> Any:
    r"""Make a linear problem: does an explainer give each column its weight times its deviation from the mean?

    Rows are normal with mean :math:`\mu` and unit variances, and

    .. math:: f(x) = b + w^\top (x - \mu), \qquad \phi_j(x) = w_j (x_j - \mu_j).

    :math:`\phi` are the Shapley values of :math:`f` when a removed column is replaced by its values in the population,
    whatever the correlations [1]_, and integrated gradients from :math:`\mu`. They sum to :math:`f(x) - b`, and
    :math:`b` is the mean of :math:`f`.

    Parameters
    ----------
    n_samples : int, default=100
        Number of rows.
    n_features : int, default=10
        Number of columns.
    n_informative : int, default=5
        Number of columns with a weight, at random places; the other weights are 0. The weights have either sign and a
        size between 0.5 and 1.5. Without effect where `weights` are given.
    weights : array-like of shape (n_features,) or None, default=None
        The weights :math:`w`, in units of the output per unit of the column. None draws them.
    loc : float or array-like of shape (n_features,), default=0.0
        The means :math:`\mu` of the columns. Attributions from a baseline of zeros miss the truth
        where the means are others.
    correlation : float in (-1, 1), default=0.0
        Correlation of each column with the next; that of columns j and k is its power ``abs(j - k)``.
    bias : float, default=0.0
        The mean :math:`b` of the output over the population.
    task : {"regression", "threshold", "logistic"}, default="regression"
        What y is: the output and noise; whether they are positive; or 1 with the probability
        :math:`1 / (1 + e^{-f(x)})`. Of classes, :math:`f` is the logit.
    noise : float, default=0.0
        Standard deviation of the normal noise that is added to the output before y is made of it. Attributions do not
        know of it.
    dtype : {float32, float64}, default=float64
        Type of the rows, the attributions and the model.
    random_state : int, RandomState instance or None, default=None
        Seeds all draws. An instance is read and not advanced.
    return_model : bool, default=False
        Return the exact function too.
    return_bunch : bool, default=False
        Return all there is, by name.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    y : ndarray of shape (n_samples,)
        Numbers, or the labels 0 and 1.
    attributions : ndarray of shape (n_samples, n_features)
        The Shapley values, in units of the output.
    model : torch.nn.Linear
        :math:`f`, when `return_model` is True.
    bunch : sklearn.utils.Bunch
        Instead of these when `return_bunch` is True, with the keys

        - ``data``, ``target``, ``attributions``, ``model``: as above.
        - ``output``: :math:`f(x)` of each row, without noise, (n_samples,).
        - ``base_value``: the mean of the output over the population, :math:`b`.
        - ``weights``, ``means``: :math:`w` and :math:`\mu`, (n_features,).
        - ``covariance``: that of the columns, (n_features, n_features).
        - ``relevant``: which columns have a weight that is not 0, (n_features,).

    Raises
    ------
    ValueError
        If a parameter is out of its range, or there are more informative columns than columns.

    See Also
    --------
    make_attribution_interactions : Terms of several columns.
    make_attribution_clusters : Weights that differ from row to row.

    References
    ----------
    .. [1] E. Štrumbelj, I. Kononenko (2014). Explaining prediction models and individual predictions with feature
       contributions. Knowledge and Information Systems 41, 647-665.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai import IntegratedGradientsExplainer
    >>> from sklearn_xai.datasets import make_attribution_linear
    >>> made = make_attribution_linear(200, loc=3.0, random_state=0, return_bunch=True)
    >>> bool(np.allclose(made.attributions.sum(axis=1) + made.base_value, made.output))
    True
    >>> explainer = IntegratedGradientsExplainer(made.model, baseline=made.means).fit(made.data)
    >>> bool(np.allclose(explainer.transform(made.data), made.attributions))
    True
    """
    checked_count(CALLER, "n_samples", n_samples)
    checked_count(CALLER, "n_features", n_features)
    correlation = checked_number(CALLER, "correlation", correlation, -1, 1, "()")
    bias = checked_number(CALLER, "bias", bias, -np.inf, np.inf, "()")
    noise = checked_number(CALLER, "noise", noise, 0, np.inf)
    checked_choice(CALLER, "task", task, TASKS)
    dtype = checked_dtype(CALLER, dtype)
    means = checked_vector(CALLER, "loc", loc, n_features)

    rng = own_random_state(random_state)
    if weights is None:
        checked_count(CALLER, "n_informative", n_informative, most=n_features, why=", the number of columns")
        w = np.zeros(n_features)
        w[rng.permutation(n_features)[:n_informative]] = drawn_weights(rng, (n_informative,))
    else:
        w = checked_vector(CALLER, "weights", weights, n_features)
    X = (means + drawn_columns(rng, n_samples, n_features, correlation)).astype(dtype)
    attributions = w * (X.astype(np.float64) - means)
    output = bias + attributions.sum(axis=1)
    y = labelled(rng, output, task, noise, dtype)

    from sklearn_xai.datasets._attribution_models import linear_model

    bunch = Bunch(
        data=X,
        target=y,
        attributions=attributions.astype(dtype),
        model=linear_model(w, bias - w @ means, dtype),
        output=output,
        base_value=bias,
        weights=w,
        means=means,
        covariance=covariance_of(n_features, correlation),
        relevant=w != 0,
    )
    return returned(CALLER, bunch, return_model, return_bunch)
