"""Finds where a network is looked into."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from sklearn_xai._typing import Layer
from sklearn_xai.models.affine_head import find_affine_head
from sklearn_xai.models.embeddings import find_embeddings
from sklearn_xai.models.sites import LayerSite

if TYPE_CHECKING:
    from sklearn_xai.models.affine_head import Split
    from sklearn_xai.models.network import Network
    from sklearn_xai.models.sites import Site

_FEW = 8  # rows from which the parts of a network are found
_SUSPECTS = 64  # columns of whole numbers without a gradient that are looked at
_NODES = 17  # blends of two values of a column between which a gradient is looked for


def find_site(network: Network, rows: np.ndarray, layer: Layer, caller: str) -> Site | Split:
    """Return where a network is looked into: at a layer, at its embeddings, or at its input, after an affine head.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, ...)
        Rows of data, not all the same.
    layer : str, (str, "input"), or None
    caller : str
        Class name for messages.

    Returns
    -------
    Split or Site

    Raises
    ------
    ValueError
        When the layer is not there, or the network turns columns into whole numbers that no gradient passes.
    """
    if layer is not None:
        if isinstance(layer, str):
            return LayerSite(network, layer, "output", rows[:_FEW], caller)
        path, side = layer
        return LayerSite(network, path, side, rows[:_FEW], caller)
    site = find_embeddings(network, rows, caller) if network.takes_integers else None
    if site is None and not network.tensor(rows[:1]).is_floating_point():
        raise ValueError(
            f"{caller} differentiates the network at its inputs, but the network is given whole numbers that it is not "
            "seen to look up in an embedding. Use LocalSurrogateExplainer, ShapleyExplainer or SHAPExplainer."
        )
    if site is not None and site.plain:
        _check_all_looked_up(site, rows, caller)
    else:
        coded = site.feeds[len(site.coded) :] if site is not None else np.empty(0, dtype=int)
        _check_steps(network, rows, coded, caller)
    return find_affine_head(network, rows[:_FEW]) if site is None else site


def _check_all_looked_up(site, rows, caller):
    """Raise where whole numbers are used as numbers too: what is not looked up would silently get 0."""
    with site.network.frozen(), torch.no_grad():
        z = site.network.tensor(rows[:_FEW])
        left = np.setdiff1d(np.arange(z.shape[1]), site.feeds)
        other = z.clone()
        other[:, left] = z.flip(0)[:, left]
        v = site.variable(z)
        used = not torch.equal(site.tail(site.own(v), z), site.tail(site.own(v), other))
    if used:
        raise ValueError(
            f"{caller}: X holds whole numbers, and the network looks up some columns in an embedding and takes "
            f"{left[:10].tolist()} as they are, at which there is no gradient. Give X as real numbers (astype(float)), "
            "with the codes made whole in forward, or as a dict of the arguments of forward."
        )


def _check_steps(network, rows, known, caller):
    """Say which columns the network turns into whole numbers, other than to look these up."""
    columns = [j for j in stepwise_columns(network, rows) if j not in known]
    if not columns:
        return
    shown = columns[:10] if network.layout is None else [network.layout.names[j] for j in columns[:10]]
    told = f"the network depends on the columns {shown} of its input in steps only, as on whole numbers"
    if len(known) and network.layout is not None:
        warnings.warn(f"{caller}: {told}: they are held as they are and get 0.", UserWarning, stacklevel=3)
        return
    raise ValueError(
        f"{caller}: {told}, and there is no gradient to attribute to them. Look them up in an Embedding, give them as "
        "real numbers (0.0 or 1.0 for each category), or use ShapleyExplainer or LocalSurrogateExplainer."
    )


def stepwise_columns(network, rows):
    """Return the columns of whole numbers on which a network depends, but nowhere with a gradient.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, n_columns)
    """
    if rows.ndim != 2 or (rows[0] == rows).all():
        return []
    with network.frozen():
        z = network.tensor(rows)
        whole = (z == z.round()).all(dim=0) & (z != z[0]).any(dim=0)
        suspects = torch.nonzero(whole & ~_has_slope(network, z))[:_SUSPECTS, 0].tolist()
        return [j for j in suspects if _is_stepwise(network, z, j)]


def _has_slope(network, z):
    """Return at which columns there is a gradient at any of some rows."""
    leaf = z.clone().requires_grad_(True)
    out = network(leaf * 1)
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(0)).to(out)
    found = torch.autograd.grad((out * weights).sum(), leaf, allow_unused=True)[0] if out.requires_grad else None
    return torch.zeros(z.shape[1], dtype=torch.bool, device=z.device) if found is None else (found != 0).any(dim=0)


def _is_stepwise(network, z, j):
    values = z[:, j].unique()
    values = values[torch.linspace(0, len(values) - 1, min(_FEW, len(values))).long().to(values.device)]
    for row in z[:2]:
        ends = row.repeat(len(values), 1)
        ends[:, j] = values
        with torch.no_grad():
            moves = (network(ends) != network(ends[:1])).any()
        if not moves:
            continue
        share = torch.linspace(0, 1, _NODES).to(z)[:, None]
        between = (values[:-1] + share * (values[1:] - values[:-1])).reshape(-1)
        blends = row.repeat(len(between), 1)
        blends[:, j] = between
        return not _has_slope(network, blends)[j]
    return False
