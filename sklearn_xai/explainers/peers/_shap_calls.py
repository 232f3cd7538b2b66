"""Calls of the shap library that leave nothing behind: no draw, no hook, no output, no changed module."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from sklearn_xai._rng import isolated_rng
from sklearn_xai.tables import as_codes

_HOOKED = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
_ROWS_BETWEEN_SIGNS = 32  # rows of "deep" between two signs of progress
_TORCH_RETURNS = "__array_wrap__ must accept context and return_scalar"


@contextmanager
def quiet(seed):
    """Keep shap's draws and its notes about large backgrounds to the block."""
    log = logging.getLogger("shap")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with isolated_rng(seed), warnings.catch_warnings():
            warnings.filterwarnings("ignore", _TORCH_RETURNS, DeprecationWarning)
            warnings.filterwarnings("ignore", "unrecognized nn.Module", UserWarning)  # the completeness gap tells
            yield
    finally:
        log.setLevel(level)


# ---------------------------------------------------------------------- black boxes
def black_box_values(algorithm, function, background, rows, *, max_evals, seed=0, clustering=None, done=None):
    """Explain a function of a matrix; each row is given the same draws.

    Parameters
    ----------
    algorithm : {"kernel", "sampling", "permutation", "partition", "exact"}
    function : callable
        From (n, n_players) to (n,).
    background, rows : ndarray of shape (n_background or n_rows, n_players)
    max_evals : int or "auto"
        Coalitions evaluated for each row.
    seed : int
        Seeds the draws of every row.
    clustering : ndarray of shape (n_players - 1, 4), optional
        Hierarchy of the players for "partition".
    done : callable, optional
        Called once for each row.

    Returns
    -------
    values : ndarray of shape (n_rows, n_players)
    base_values : float or ndarray of shape (n_rows,)
    """
    import shap

    with quiet(seed):
        start = np.random.get_state()  # noqa: NPY002 (explainers are made after this, as one reseeds numpy)
        if algorithm in ("kernel", "sampling"):
            kind = shap.KernelExplainer if algorithm == "kernel" else shap.SamplingExplainer
            explainer = kind(function, background)
            explainer.not_equal = _not_equal
            explainer.explain = _alike(explainer.explain, start, done, {})
            found = explainer.shap_values(rows, nsamples=max_evals, l1_reg=0, silent=True)
            return found, explainer.expected_value
        masker = _masker(background, clustering)
        kinds = {
            "exact": shap.ExactExplainer,
            "permutation": shap.PermutationExplainer,
            "partition": shap.PartitionExplainer,
        }
        explainer = kinds[algorithm](function, masker)
        # shap takes the list of what it found for the first rows for the wish to have main effects of the next
        explainer.explain_row = _alike(explainer.explain_row, start, done, {"main_effects": False})
        found = explainer(rows, max_evals=max_evals, silent=True)
    return found.values, found.base_values


def _alike(explain, start, done, options):
    """Let a method that explains one row begin with the same random state each time; use inside ``quiet``."""

    def explain_alike(*args, **kwargs):
        if done is not None:
            done()
        np.random.set_state(start)  # noqa: NPY002
        return explain(*args, **(kwargs | options))

    return explain_alike


def _not_equal(a, b):
    return int(not np.array_equal(np.broadcast_to(a, np.shape(b)), b))


def _masker(background, clustering=None):
    """Return a masker that keeps all background rows, and to which close values are not yet equal ones."""
    import shap

    if clustering is not None:
        masker = shap.maskers.Partition(background, max_samples=len(background), clustering=clustering)
        masker.invariants = lambda row: row == masker.data
        return masker

    class Exact(shap.maskers.Independent):
        """Masks with numpy what shap masks with a function that takes seconds to compile, in each process."""

        def invariants(self, x):
            return x == self.data

        def __call__(self, mask, x):
            if not np.issubdtype(getattr(mask, "dtype", bool), np.integer) or (mask < 0).any():
                return super().__call__(mask, x)
            return _flipped(mask, x, self.data)

    return Exact(background, max_samples=len(background))


def _flipped(flips, row, background):
    """Return the rows of coalitions that differ from the one before in one player, and whether each row changed.

    Parameters
    ----------
    flips : int ndarray of shape (n_coalitions,)
        The player that joins or leaves; a number that is no player for none.
    row : ndarray of shape (n_players,)
    background : ndarray of shape (n_background, n_players)

    Returns
    -------
    rows : tuple of one ndarray of shape (n_coalitions * n_background, n_players)
    changed : bool ndarray of shape (n_coalitions, n_background)
    """
    moved = flips[:, np.newaxis] == np.arange(len(row))
    kept = np.logical_xor.accumulate(moved, axis=0)
    rows = np.where(kept[:, np.newaxis], row, background).reshape(-1, len(row))
    changed = moved @ (row != background).T
    changed[0] = True
    return (rows,), changed


def cluster_players(background, members):
    """Return the hierarchy of the players by the correlation of their columns, as scipy's linkage matrix.

    Columns that are not numbers take part by their codes; the distance of two groups is that of their closest columns.
    """
    from scipy.cluster.hierarchy import single
    from scipy.spatial.distance import squareform

    numbers = np.asarray(as_codes(background), dtype=np.float64).reshape(len(background), -1)
    known = np.isfinite(numbers)
    numbers = np.where(known, numbers, 0)
    numbers = np.where(known, numbers - numbers.sum(axis=0) / known.sum(axis=0).clip(1), 0)
    length = np.sqrt((numbers**2).sum(axis=0))
    numbers /= np.where(length > 0, length, 1)
    distance = 1 - numbers.T @ numbers
    starts = np.cumsum([0] + [len(columns) for columns in members[:-1]])
    order = np.concatenate(members)
    distance = np.minimum.reduceat(np.minimum.reduceat(distance[np.ix_(order, order)], starts, axis=0), starts, axis=1)
    np.fill_diagonal(distance, 0)
    return single(squareform(distance.clip(0), checks=False))


# ---------------------------------------------------------------------- models that shap takes apart
def tree_values(model, background, rows, model_output="raw"):
    """Explain an ensemble of trees, (n_rows, n_columns) or (n_rows, n_columns, n_outputs)."""
    import shap

    with quiet(0):
        masker = shap.maskers.Independent(background, max_samples=len(background))
        explainer = shap.TreeExplainer(model, masker, model_output=model_output)
        return explainer.shap_values(rows, check_additivity=False)


def linear_values(model, background, rows):
    """Explain a linear model, (n_rows, n_columns) or (n_rows, n_columns, n_outputs)."""
    import shap

    with quiet(0):
        return shap.LinearExplainer(model, _masker(background)).shap_values(rows)


# ---------------------------------------------------------------------- networks
def network_values(algorithm, network, background, z, target, *, n_samples, batch_size=None, seed=0, done=None):
    """Explain one output of a network at its inputs; call inside ``network.frozen()``.

    Parameters
    ----------
    algorithm : {"deep", "gradient"}
    network : Network
    background, z : Tensor of shape (n_background or n_rows, ...)
    target : int
    n_samples : int
        Points at which "gradient" is evaluated for each row.
    batch_size : int, optional
        Points of "gradient" that are run at once.
    seed : int
        Seeds the points of every row.
    done : callable, optional
        Called once for each row.

    Returns
    -------
    ndarray of the shape of z
    """
    import shap

    function = _OneOutput(network, target)
    with quiet(seed), _restored(network.module):
        if algorithm == "deep":
            explainer, step = shap.DeepExplainer(function, background), _ROWS_BETWEEN_SIGNS
            options = {"check_additivity": False}
        else:
            explainer, step = shap.GradientExplainer(function, background, batch_size=batch_size or 50), 1
            options = {"nsamples": n_samples, "rseed": seed}  # the same draws for each row
        found = np.empty(z.shape)
        for first in range(0, len(z), step):
            part = z[first : first + step]
            found[first : first + step] = np.asarray(explainer.shap_values(part, **options)).reshape(part.shape)
            for _ in range(len(part) if done is not None else 0):
                done()
    return found


class _OneOutput(nn.Module):
    """One output of a network, as the module with layers inside that shap asks for."""

    def __init__(self, network, target):
        super().__init__()
        self.module = network.module
        self.network, self.target = network, target

    def forward(self, z):
        return self.network(z.to(self.network.dtype))[:, [self.target]]

    def zero_grad(self, set_to_none=True):
        """Leave the gradients alone: they belong to the training of the module."""


@contextmanager
def _restored(module):
    """Put back whatever shap's hooks leave on the layers, also after an error; in-place layers work out of place."""
    parts = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    before = [(dict(vars(part)), {name: dict(vars(part)[name]) for name in _HOOKED}) for part in parts]
    try:
        for part in parts:
            if getattr(part, "inplace", None) is True:
                part.inplace = False  # autograd has no backward hooks around operations in place
        yield
    finally:
        for part, (attributes, contents) in zip(parts, before, strict=True):
            vars(part).clear()
            vars(part).update(attributes)
            for name, content in contents.items():
                vars(part)[name].clear()
                vars(part)[name].update(content)
