"""What the disagreement of several explanations of the same rows comes from: a random-effects analysis of variance.

The attribution of row i to player j under condition c (a fold, a seed, a background, a draw of noise) is

    phi_cij = mu_j + rho_ij + sum over u of a^u_{c(u), ij}

where u runs over the sources and, where the conditions tell them, over pairs of sources; a^u has mean 0 and variance
sigma2_u over the levels of u, independent of each other. For two conditions

    1/2 E (phi_cij - phi_c'ij)^2 = sum over u of w_u sigma2_u,

with w_u = 1 if they differ in u and 0 if not. The mean over rows of the left side, averaged over all pairs of
conditions with the same weights w, is regressed on w by weighted least squares with no component below 0. The
row-to-row variance is the covariance over rows of two conditions that share nothing.

Three sources differ from the others. A background is drawn from the rows of its fold, so that backgrounds are nested in
folds. A seed on other rows is another draw in all but name: what seeds do together with another source is counted to
the seeds, as what another seed changes. Noise has a level 0, no noise, that adds nothing: it counts by the half that
the other condition has.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import nnls
from sklearn.utils import Bunch

from sklearn_xai.base.findings import Findings

SOURCES = ("folds", "seeds", "backgrounds", "noise")

_CHUNK_CELLS = 2**21
_ROUNDS = 4  # of reweighting
_LEAST_SIZE = 1e-4  # of a mean square, relative to the largest


def variance_components(attributions, conditions, feature_names) -> Bunch:
    """Give the part of each source in the disagreement of explanations, of each player and overall.

    Parameters
    ----------
    attributions : ndarray of shape (n_conditions, n_rows, n_players)
    conditions : dict from source to int ndarray of shape (n_conditions,)
        The level of each source in each condition.
    feature_names : list of str

    Returns
    -------
    Bunch
        As `decomposition` of :func:`~sklearn_xai.model_selection.explanation_stability`.
    """
    import pandas as pd

    components, weights = _identified(conditions)
    pairs = np.array(list(combinations(range(len(attributions)), 2)))
    classes, of_pair, counts = np.unique(weights, axis=0, return_inverse=True, return_counts=True)
    halves, covariances = _of_pairs(attributions, pairs)
    per_class = np.stack([halves[of_pair.reshape(-1) == k].mean(axis=0) for k in range(len(classes))])
    apart = _most_apart(conditions, pairs)
    rows = np.maximum(covariances[apart].mean(axis=0), 0.0)

    names = list(dict.fromkeys(_name(component) for component in components))
    overall = _solve(classes, counts, per_class.sum(axis=1, keepdims=True))[:, 0]
    by_player = _solve(classes, counts, per_class)
    variance = {name: float(overall[_of(components, name)].sum()) for name in names}
    total = sum(variance.values())
    table = {name: by_player[_of(components, name)].sum(axis=0) for name in names}
    return Findings(
        components=variance,
        shares={name: value / total if total > 0 else 0.0 for name, value in variance.items()},
        disagreement=float(total),
        rows=float(rows.sum()),
        reliability=float(rows.sum() / (rows.sum() + total)) if rows.sum() + total > 0 else 0.0,
        columns=pd.DataFrame({"rows": rows, **table}, index=feature_names),
    )


def differing(conditions, pairs) -> np.ndarray:
    """Say in which sources the conditions of each pair differ: bool (n_pairs, n_sources)."""
    return np.stack([levels[pairs[:, 0]] != levels[pairs[:, 1]] for levels in conditions.values()], axis=1)


def _name(component):
    return component[0] if len(component) == 1 else "seeds"  # all pairs that are told apart have seeds


def _of(components, name):
    return [k for k, component in enumerate(components) if _name(component) == name]


def _identified(conditions):
    """Give the components that these conditions tell from each other, and their weights, (n_pairs, n_components).

    Raises
    ------
    ValueError
        If even the sources alone cannot be told apart.
    """
    pairs = np.array(list(combinations(range(len(next(iter(conditions.values())))), 2)))
    sources = list(conditions)
    crossed = [pair for pair in combinations(sources, 2) if "noise" not in pair and "seeds" in pair]
    components = [(source,) for source in sources]
    weights = np.stack([_weights(component, conditions, pairs) for component in components], axis=1)
    if np.linalg.matrix_rank(weights) < len(components):
        raise ValueError(
            f"The 'conditions' parameter of stability_from_attributions must tell the sources {sources} apart. Got "
            "conditions in which some of them never change, or change together only."
        )
    for pair in crossed:
        wider = np.column_stack([weights, _weights(pair, conditions, pairs)])
        if np.linalg.matrix_rank(wider) == wider.shape[1]:
            components, weights = [*components, pair], wider
    return components, weights


def _weights(component, conditions, pairs):
    """Give how much of a component's variance is half the mean squared difference of each pair."""
    levels = [conditions[source] for source in component]
    if "backgrounds" in component and "folds" in conditions and "folds" not in component:
        levels.append(conditions["folds"])
    differ = np.any([level[pairs[:, 0]] != level[pairs[:, 1]] for level in levels], axis=0)
    adds = conditions["noise"] != 0 if "noise" in component else np.ones(len(levels[0]), dtype=bool)
    return differ * (adds[pairs[:, 0]].astype(float) + adds[pairs[:, 1]]) / 2


def _most_apart(conditions, pairs):
    """Say which pairs share the fewest sources; no noise on either side is nothing shared."""
    known = {source: levels for source, levels in conditions.items() if source != "noise"}
    n_shared = (~differing(known, pairs)).sum(axis=1) if known else np.zeros(len(pairs))
    return n_shared == n_shared.min()


def _of_pairs(attributions, pairs):
    """Give half the mean squared difference, and the covariance over rows, of each pair and player.

    Both come from products of all conditions with all, one matrix a player, of differences from the first condition:
    conditions that are equal give exactly 0.

    Returns
    -------
    halves, covariances : ndarray of shape (n_pairs, n_players)
    """
    n_conditions, n_rows, n_players = attributions.shape
    halves, covariances = np.empty((len(pairs), n_players)), np.zeros((len(pairs), n_players))
    i, j = pairs.T
    step = max(1, _CHUNK_CELLS // (n_conditions * n_rows))
    for start in range(0, n_players, step):
        players = slice(start, start + step)
        values = np.ascontiguousarray(attributions[:, :, players].transpose(2, 0, 1), dtype=np.float64)
        apart = values - values[:, :1]
        products = apart @ apart.transpose(0, 2, 1) / n_rows
        squares = np.diagonal(products, axis1=1, axis2=2)
        halves[:, players] = np.maximum(squares[:, i] + squares[:, j] - 2 * products[:, i, j], 0.0).T / 2
        if n_rows > 1:
            values -= values.mean(axis=2, keepdims=True)
            covariances[:, players] = (values @ values.transpose(0, 2, 1))[:, i, j].T / (n_rows - 1)
    return halves, covariances


def _solve(classes, counts, observed):
    """Give the components, (n_components, n_columns), none below 0, whose sums are nearest to `observed`.

    The mean of n squares varies by its size over the root of n, and so are the differences weighted, the sizes being
    those of the fit before: a source without any effect is not blurred by one with a large effect.
    """
    sizes = np.ones_like(observed)
    for _ in range(_ROUNDS):
        roots = (np.sqrt(counts)[:, None] / sizes).T[:, :, None]
        design, right = classes * roots, observed.T[:, :, None] * roots
        found = (np.linalg.pinv(design) @ right)[:, :, 0]
        for k in np.flatnonzero((found < 0).any(axis=1)):
            found[k] = nnls(design[k], right[k, :, 0])[0]
        fitted = classes @ found.T
        largest = fitted.max(axis=0)
        sizes = np.maximum(fitted / np.where(largest > 0, largest, 1.0), _LEAST_SIZE)
    return found.T
