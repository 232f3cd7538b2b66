"""Rows of logic and products, whose Shapley values and interactions are known."""

from __future__ import annotations

import math
from numbers import Integral, Real
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
    labelled,
    returned,
)

CALLER = "make_attribution_interactions"
LOGIC = ("and", "or", "xor")
KINDS = (*LOGIC, "product", "linear")
TERMS = (
    ("and", (0, 1), 2.0),
    ("or", (2, 3), 1.0),
    ("xor", (4, 5), 1.0),
    ("product", (6, 7), 1.0),
    ("linear", (8,), 1.0),
)


def make_attribution_interactions(
    n_samples: int = 100,
    *,
    n_features: int = 12,
    terms: Any = TERMS,
    p: ArrayLike = 0.5,
    loc: ArrayLike = 0.0,
    bias: float = 0.0,
    task: str = "regression",
    noise: float = 0.0,
    dtype: DTypeLike = np.float64,
    random_state: Seed = None,
    return_model: bool = False,
    return_bunch: bool = False,
) -> Any:
    r"""Make a problem of logic and products: does an explainer share out fairly what columns do together?

    Columns are independent, and binary (0 or 1) or normal. The function is a sum of terms :math:`g_t` of some columns
    :math:`S_t`,

    .. math:: f(x) = b + \sum_t c_t \left( g_t(x) - \mathrm{E}\, g_t \right),

    each of which is a constant and a product of functions :math:`u_j` of single columns:

    =========  =========================================  ==================
    kind       :math:`g(x)`                               :math:`u_j`
    =========  =========================================  ==================
    and        :math:`\prod x_j`                          :math:`x_j`
    or         :math:`1 - \prod (1 - x_j)`                :math:`1 - x_j`
    xor        :math:`(1 - \prod (1 - 2 x_j)) / 2`        :math:`1 - 2 x_j`
    product    :math:`\prod x_j`                          :math:`x_j`
    linear     :math:`\sum x_j`                           :math:`x_j`, each a term
    =========  =========================================  ==================

    ("xor" of three and more columns is their parity.) With :math:`m_j = \mathrm{E}\, u_j`, the product has the Shapley
    values against the population

    .. math:: \phi_j = (u_j - m_j) \int_0^1 \prod_{k \in S, k \ne j} \left( m_k + t (u_k - m_k) \right) dt,

    the integral along the diagonal of the multilinear extension [1]_, and the pairwise Shapley interaction indices [2]_

    .. math::

        I_{ij} = (u_i - m_i)(u_j - m_j) \int_0^1 \prod_{k \in S, k \ne i, j} \left( m_k + t (u_k - m_k) \right) dt.

    Both are integrals of polynomials, which Gauss-Legendre nodes give exactly. The values sum to :math:`f(x) - b`. As
    columns are independent it does not matter whether a removed one is drawn given the others; and as :math:`f` is
    linear in each column, integrated gradients from the means of the columns are the Shapley values.

    Parameters
    ----------
    n_samples : int, default=100
        Number of rows.
    n_features : int, default=12
        Number of columns. Those of no term are irrelevant: their attributions are 0. They are of the kinds of the
        others, by turns.
    terms : list of (kind, columns, coefficient)
        Kind is one of the above, columns are different indices (two or more, one or more of "linear"), the coefficient
        :math:`c_t` is a number other than 0. A column may be in several terms. Columns of "and", "or" and "xor" are
        binary, others of terms normal. The default has each kind once, and columns 9 and later are irrelevant.
    p : float in (0, 1) or array-like of shape (n_features,), default=0.5
        Probability that a binary column is 1.
    loc : float or array-like of shape (n_features,), default=0.0
        Means of the normal columns; their variances are 1.
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
    model : torch.nn.Module
        :math:`f` as a polynomial, when `return_model` is True: exact on binary columns, and differentiable.
    bunch : sklearn.utils.Bunch
        Instead of these when `return_bunch` is True, with the keys

        - ``data``, ``target``, ``attributions``, ``model``: as above.
        - ``interactions``: the pairwise indices, (n_samples, n_features, n_features), symmetric, with a diagonal of 0.
          Off the diagonal, shap's interaction values are half of them.
        - ``output``: :math:`f(x)` of each row, without noise, (n_samples,).
        - ``base_value``: the mean of the output over the population, :math:`b`.
        - ``means``: those of the columns, (n_features,).
        - ``binary``, ``relevant``: which columns are binary, which are in a term, (n_features,).

    Raises
    ------
    ValueError
        If a parameter is out of its range, or a term is not as described.

    See Also
    --------
    make_attribution_linear : One weight a column, correlated columns.

    References
    ----------
    .. [1] G. Owen (1972). Multilinear extensions of games. Management Science 18, 64-79.
    .. [2] M. Grabisch, M. Roubens (1999). An axiomatic approach to the concept of interaction among players in
       cooperative games. International Journal of Game Theory 28, 547-565.

    Examples
    --------
    >>> from sklearn_xai.datasets import make_attribution_interactions
    >>> X, y, attributions = make_attribution_interactions(
    ...     4, n_features=3, terms=[("and", (0, 1), 1.0)], random_state=0
    ... )
    >>> X[:, :2].tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    >>> attributions.tolist()
    [[-0.125, -0.125, 0.0], [-0.375, 0.125, 0.0], [0.125, -0.375, 0.0], [0.125, -0.375, 0.0]]
    """
    checked_count(CALLER, "n_samples", n_samples)
    checked_count(CALLER, "n_features", n_features)
    terms = _checked_terms(terms, n_features)
    bias = checked_number(CALLER, "bias", bias, -np.inf, np.inf, "()")
    noise = checked_number(CALLER, "noise", noise, 0, np.inf)
    checked_choice(CALLER, "task", task, TASKS)
    dtype = checked_dtype(CALLER, dtype)
    chances = checked_vector(CALLER, "p", p, n_features)
    if not ((chances > 0) & (chances < 1)).all():
        raise ValueError(f"The 'p' parameter of {CALLER} must lie between 0 and 1, without these. Got {p!r}.")
    binary, relevant = _kinds_of_columns(terms, n_features)
    means = np.where(binary, chances, checked_vector(CALLER, "loc", loc, n_features))

    rng = own_random_state(random_state)
    X = np.where(
        binary,
        rng.uniform(size=(n_samples, n_features)) < chances,
        means + rng.standard_normal((n_samples, n_features)),
    ).astype(dtype)
    products = [product for term in terms for product in _products(*term)]
    attributions, interactions = _shared_out(products, X.astype(np.float64), means)
    output = bias + attributions.sum(axis=1)
    y = labelled(rng, output, task, noise, dtype)

    from sklearn_xai.datasets._attribution_models import TermSum

    expected = sum(factor * (scale * means[columns] + shift).prod() for columns, scale, shift, factor in products)
    bunch = Bunch(
        data=X,
        target=y,
        attributions=attributions.astype(dtype),
        model=TermSum(bias - expected, products, dtype).eval(),
        interactions=interactions.astype(dtype),
        output=output,
        base_value=bias,
        means=means,
        binary=binary,
        relevant=relevant,
    )
    return returned(CALLER, bunch, return_model, return_bunch)


def _products(kind, columns, coefficient):
    """Yield the products that a term is made of, (columns, scale, shift, factor), less its constant."""
    if kind == "linear":
        yield from (([column], 1.0, 0.0, coefficient) for column in columns)
    else:
        scale, shift, share = {"or": (-1.0, 1.0, -1.0), "xor": (-2.0, 1.0, -0.5)}.get(kind, (1.0, 0.0, 1.0))
        yield columns, scale, shift, share * coefficient


def _shared_out(products, X, means):
    """Return Shapley values (n_samples, n_features) and interactions (n_samples, n_features, n_features)."""
    n_samples, n_features = X.shape
    values = np.zeros((n_samples, n_features))
    pairs = np.zeros((n_samples, n_features, n_features))
    for columns, scale, shift, factor in products:
        middle = scale * means[columns] + shift
        deviation = scale * (X[:, columns] - means[columns])
        nodes, node_weights = np.polynomial.legendre.leggauss((len(columns) + 1) // 2)
        for node, weight in zip((nodes + 1) / 2, node_weights / 2, strict=True):
            blend = middle + node * deviation
            for a, i in enumerate(columns):
                others = np.delete(blend, a, axis=1).prod(axis=1)
                values[:, i] += factor * weight * deviation[:, a] * others
                for b, j in enumerate(columns[:a]):
                    rest = np.delete(blend, [a, b], axis=1).prod(axis=1)
                    pairs[:, i, j] += factor * weight * deviation[:, a] * deviation[:, b] * rest
    return values, pairs + pairs.transpose(0, 2, 1)


def _kinds_of_columns(terms, n_features):
    """Return which columns are binary and which are in a term, (n_features,) each."""
    binary, relevant = np.zeros(n_features, dtype=bool), np.zeros(n_features, dtype=bool)
    for kind, columns, _ in terms:
        relevant[columns] = True
        binary[columns] |= kind in LOGIC
    # as the relevant ones are, by turns: what kind a column is of must not tell that it is irrelevant
    idle = np.flatnonzero(~relevant)
    binary[idle] = np.resize(np.unique(binary[relevant]), len(idle))
    return binary, relevant


def _checked_terms(terms, n_features):
    """Return the terms as (kind, list of columns, coefficient), or say which one is not as it must be."""
    listed = list(terms) if isinstance(terms, list | tuple) else []
    if not listed:
        raise ValueError(
            f"The 'terms' parameter of {CALLER} must be a list of (kind, columns, coefficient), with one at least. "
            f"Got {terms!r}."
        )
    return [_checked_term(term, n_features) for term in listed]


def _checked_term(term, n_features):
    try:
        kind, columns, coefficient = term
        columns = list(columns)
    except (TypeError, ValueError):
        kind, columns, coefficient = None, [], 0.0
    whole = all(isinstance(j, Integral) and not isinstance(j, bool) and 0 <= j < n_features for j in columns)
    least = 1 if kind == "linear" else 2
    number = isinstance(coefficient, Real) and not isinstance(coefficient, bool) and math.isfinite(coefficient)
    if not (
        isinstance(kind, str)
        and kind in KINDS
        and whole
        and least <= len(set(columns)) == len(columns)
        and number
        and coefficient != 0
    ):
        raise ValueError(
            f"Each of the 'terms' of {CALLER} must be (kind, columns, coefficient): one of {', '.join(KINDS)}; two or "
            f"more different columns from 0 to {n_features - 1}, one or more of 'linear'; a finite number other than "
            f"0. Got {term!r}."
        )
    return kind, [int(j) for j in columns], float(coefficient)
