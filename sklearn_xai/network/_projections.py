"""Rows as points in a plane: PCA, t-SNE and UMAP, and what the plane keeps of the rows."""

from __future__ import annotations

import importlib
import inspect
import math
import warnings
from collections import namedtuple
from numbers import Real

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array

from sklearn_xai._checks import check_whole, is_whole
from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai.network._neighbour_preservation import trustworthiness_continuity
from sklearn_xai.tables import columns_of_no_numbers, is_frame

METHODS = ("pca", "tsne", "umap", "opentsne")
FEWEST_ROWS = 4
_OWN = {"n_components": None, "random_state": "random_state", "metric": "metric", "perplexity": "perplexity"}

Projection = namedtuple(
    "Projection",
    [
        "points",
        "trustworthiness",
        "continuity",
        "n_neighbors",
        "variance_share",
        "explained_variance_ratio",
        "settings",
    ],
)
Projection.__doc__ = """Rows in a plane, and what it keeps of them.

points : ndarray (n_rows, 2)
trustworthiness, continuity : float, from 0 to 1
n_neighbors : int, the number of nearest rows that these two look at
variance_share : float, from 0 to 1; share of the variance of the rows that is linear in the two coordinates
explained_variance_ratio : ndarray (2,), its parts by axis; None where the method is not PCA
settings : list of str, how the method was used, in words
"""


def project(
    X,
    method="pca",
    *,
    perplexity=None,
    metric="euclidean",
    n_neighbors=None,
    reduce_to=50,
    method_params=None,
    random_state=None,
    caller="project",
):
    """Where do rows lie in a plane that keeps what it can of their distances?

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Numbers; rows that are no vectors are flattened. At least four.
    method : {"pca", "tsne", "umap", "opentsne"}, default="pca"
    perplexity : float, default=None
        Of t-SNE: how many neighbours each row has, in effect. None is 30, or a third of the other rows.
    metric : str or callable, default="euclidean"
        The distance of rows, for t-SNE, UMAP and the neighbours that are compared.
    n_neighbors : int, default=None
        How many nearest rows trustworthiness and continuity look at. None is 5, or less than half of the rows.
    reduce_to : int or None, default=50
        Rows of more numbers are projected to this many principal components before t-SNE or UMAP, where `metric` is
        Euclidean.
    method_params : dict, default=None
        More parameters of the method's class.
    random_state : int, RandomState instance or None, default=None
    caller : str
        For messages.

    Returns
    -------
    Projection

    Raises
    ------
    ValueError
        When rows are too few, missing values, all the same, or when a parameter is impossible for them.
    ImportError
        When the library of the method is not installed.

    References
    ----------
    van der Maaten, Hinton (2008). Visualizing data using t-SNE.

    McInnes, Healy, Melville (2018). UMAP: Uniform manifold approximation and projection for dimension reduction.

    Poličar, Stražar, Zupan (2024). openTSNE: A modular Python library for t-SNE dimensionality reduction and embedding.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_xai.network._projections import project
    >>> found = project(load_iris().data)
    >>> found.points.shape, found.explained_variance_ratio.round(3).tolist()
    ((150, 2), [0.925, 0.053])
    """
    if method not in METHODS:
        allowed = ", ".join(map(repr, METHODS))
        raise ValueError(f"The 'method' parameter of {caller} must be one of {allowed}. Got {method!r}.")
    X = checked_rows(X, caller)
    params = _checked_params(method, perplexity, method_params, metric, len(X), caller)
    X = X if X.shape[1] > 1 else np.hstack([X, np.zeros_like(X)])  # one number a row: all lie on a line
    if method == "pca":
        pca = PCA(n_components=2, random_state=own_random_state(random_state), **params)
        points, ratio, settings = pca.fit_transform(X), pca.explained_variance_ratio_, []
    else:
        rows, reduced = _reduced(X, reduce_to, metric, random_state, caller)
        points = _embedded(rows, method, {"metric": metric, **params}, random_state, caller)
        ratio, settings = None, [_setting(method, params), *reduced]
    k = min(5, (len(X) - 1) // 2) if n_neighbors is None else n_neighbors
    trust, continuity = trustworthiness_continuity(X, points, k, metric)
    return Projection(points, trust, continuity, int(k), linear_share(X, points), ratio, settings)


def _reduced(X, reduce_to, metric, random_state, caller):
    """Return the first principal components of rows of many numbers, and a word on it, where distances allow it."""
    if reduce_to is not None:
        check_whole(reduce_to, "reduce_to", caller, least=2, none="None")
    if reduce_to is None or metric != "euclidean" or min(X.shape[1], len(X) - 1) <= reduce_to:
        return X, []
    pca = PCA(int(reduce_to), random_state=own_random_state(random_state))
    rows = pca.fit_transform(X)
    kept = percent(pca.explained_variance_ratio_.sum())
    return rows, [f"after PCA to {reduce_to} dimensions ({kept} of the variance)"]


def _embedded(rows, method, params, random_state, caller):
    """Return the points of t-SNE or UMAP; the global generators are out of their reach."""
    estimator = _class_of(method, caller)(random_state=own_random_state(random_state), **params)
    with isolated_rng(draw_seed(own_random_state(random_state))):
        points = estimator.fit(rows) if method == "opentsne" else estimator.fit_transform(rows)
    return np.array(points, dtype=np.float64)


def percent(share):
    """Return a share as text, 100 % only where nothing is missing.

    Examples
    --------
    >>> from sklearn_xai.network._projections import percent
    >>> percent(0.4616), percent(0.99999), percent(1.0)
    ('46.2 %', '99.9 %', '100 %')
    """
    return "100 %" if share > 1 - 1e-9 else f"{min(100 * share, 99.9):.1f} %"


def linear_share(X, points):
    r"""Which share of the variance of rows is linear in their coordinates?

    The multivariate :math:`R^2` of the least squares regression of the columns of X on the coordinates,

    .. math:: 1 - \frac{\sum_i \lVert x_i - \hat{x}_i \rVert^2}{\sum_i \lVert x_i - \bar{x} \rVert^2}.

    For PCA it is the sum of its explained variance ratios, which no other plane exceeds.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_dimensions)
    points : ndarray of shape (n_rows, n_components)

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.network._projections import linear_share
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(linear_share(square, square[:, :1]), 3)
    0.5
    """
    X, points = X - X.mean(axis=0), points - points.mean(axis=0)
    axes, sizes, _ = np.linalg.svd(points, full_matrices=False)
    axes = axes[:, sizes > sizes[0] * max(points.shape) * np.finfo(points.dtype).eps]
    return float(np.clip(((axes.T @ X) ** 2).sum() / (X**2).sum(), 0, 1))


def checked_rows(X, caller):
    """Return rows as a table of floats.

    Raises
    ------
    ValueError
        When they are no numbers, too few, miss values, or are all the same: the message says which columns.
    """
    if is_frame(X):
        bad = columns_of_no_numbers(X)
        if bad:
            raise ValueError(
                f"{caller} projects numbers, but the columns {bad} of X hold other values. Encode them (OneHotEncoder, "
                "StandardScaler in a ColumnTransformer), or give a fitted Pipeline to ProjectionDisplay.from_estimator."
            )
    names = [str(name) for name in X.columns] if is_frame(X) else None
    X = X.detach().cpu().numpy() if hasattr(X, "detach") else X
    X = check_array(X, dtype=np.float64, allow_nd=True, ensure_all_finite=False, ensure_min_features=1, input_name="X")
    X = X.reshape(len(X), -1)
    wrong = ~np.isfinite(X)
    if wrong.any():
        columns = np.flatnonzero(wrong.any(axis=0))
        shown = ", ".join(names[j] if names else str(j) for j in columns[:5]) + ("…" if len(columns) > 5 else "")
        raise ValueError(
            f"{caller}: {wrong.any(axis=1).sum()} of {len(X)} rows of X hold NaN or infinite values (columns {shown}), "
            "which have no place in a projection. Fill them in (SimpleImputer), or leave these rows out."
        )
    if len(X) < FEWEST_ROWS:
        raise ValueError(f"{caller} needs at least {FEWEST_ROWS} rows to project. Got {len(X)}.")
    if np.ptp(X, axis=0).max() == 0:
        raise ValueError(f"{caller}: all {len(X)} rows of X are the same, so that there is nothing to project.")
    return X


# ---------------------------------------------------------------------- parameters
def _checked_params(method, perplexity, given, metric, n, caller):
    """Return the parameters of the method's class, besides those that are the same for all."""
    params = dict(given or {})
    for name, own in _OWN.items():
        if name in params:
            way_out = f"Use the parameter '{own}' of {caller}" if own else "It is always 2"
            raise ValueError(f"The 'method_params' parameter of {caller} must not hold {name!r}. {way_out}.")
    known = inspect.signature(_class_of(method, caller).__init__).parameters
    unknown = [name for name in params if name not in known]
    if unknown:
        raise ValueError(
            f"The 'method_params' parameter of {caller} holds {unknown[0]!r}, which is no parameter of {method!r}. It "
            f"takes {', '.join(name for name in known if name != 'self' and name not in _OWN)}."
        )
    if metric == "precomputed":
        raise ValueError(f"The 'metric' parameter of {caller} must be a distance of rows. Got 'precomputed'.")
    if "tsne" in method:
        params["perplexity"] = _checked_perplexity(perplexity, method, n, caller)
    elif perplexity is not None:
        raise ValueError(
            f"The 'perplexity' parameter of {caller} is one of t-SNE, and has no meaning for method={method!r}. Got "
            f"{perplexity!r}."
        )
    if method == "umap":
        params["n_neighbors"] = _checked_neighbours(params.get("n_neighbors"), n, caller)
    return ({} if method == "pca" else {"n_jobs": 1} if method != "tsne" else {}) | params


def largest_perplexity(method, n):
    """Return the largest perplexity that n rows can have.

    That of n - 1 equally likely neighbours is n - 1. openTSNE looks at three times as many neighbours as the perplexity
    is, and has no more than n - 1.
    """
    return float(n - 1) if method == "tsne" else (n - 1) / 3


def _checked_perplexity(perplexity, method, n, caller):
    largest = largest_perplexity(method, n)
    if perplexity is None:
        return min(30.0, (n - 1) / 3)
    if not isinstance(perplexity, Real) or isinstance(perplexity, bool) or not 1 <= perplexity <= largest:
        raise ValueError(
            f"The 'perplexity' parameter of {caller} must be a number from 1 to {math.floor(10 * largest) / 10:.12g}, "
            f"the largest possible one for {n} rows and method={method!r}. Got {perplexity!r}."
        )
    return float(perplexity)


def _checked_neighbours(n_neighbors, n, caller):
    if n_neighbors is None:
        return min(15, n - 1)
    if not is_whole(n_neighbors, 2) or n_neighbors >= n:
        raise ValueError(
            f"The 'n_neighbors' of UMAP in the 'method_params' parameter of {caller} must be a whole number from 2 to "
            f"{n - 1}, the largest possible one for {n} rows. Got {n_neighbors!r}."
        )
    return int(n_neighbors)


def _setting(method, params):
    if method == "umap":
        return f"{params['n_neighbors']} neighbours"
    return f"perplexity {params['perplexity']:.3g}"


# ---------------------------------------------------------------------- libraries
def _class_of(method, caller):
    if method in ("pca", "tsne"):
        return {"pca": PCA, "tsne": TSNE}[method]
    return _imported("umap", method, caller).UMAP if method == "umap" else _imported("openTSNE", method, caller).TSNE


def _imported(name, method, caller):
    """Import a library that is not needed otherwise, or say how to get it."""
    try:
        with warnings.catch_warnings():
            # umap says so on every import, of a part that is not used here
            warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
            return importlib.import_module(name)
    except ImportError as error:
        package = {"umap": "umap-learn"}.get(name, name)
        raise ImportError(
            f"{caller} needs {package} for method={method!r}: pip install sklearn-xai[projections]. 'pca' and 'tsne' "
            "need nothing more."
        ) from error
