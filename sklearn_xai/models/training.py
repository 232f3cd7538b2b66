"""Training a skorch net on rows of any type and labels of any kind."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.base import clone, is_classifier
from sklearn.preprocessing import LabelEncoder
from torch import nn

from sklearn_xai.models.network import criterion_name, has_embedding


def train_network(net, X, y, *, layout=None, renew=False, fit_params=None):
    """Fit a clone of a skorch net on an array, whatever its type and labels; returns the net.

    The labels of a classifier may be anything: the net is trained on their indices, and keeps them as
    ``training_classes_``. A ``layout`` says how columns are arguments of the module. ``renew`` draws the weights of a
    module given as an instance anew: skorch trains the instance itself, so a clone of a fitted net starts from what
    that net has learned. Call inside ``isolated_rng``.
    """
    if renew and isinstance(net.module, nn.Module) and not _has_params(net, "module__"):
        _renew(net.module)
    X, y, labels = training_data(net, X, y, layout)
    net.fit(X, y, **(fit_params or {}))
    if labels is not None:
        net.training_classes_ = labels
    return net


def training_data(net, X, y, layout=None):
    """Return rows and a target as a net's own ``fit`` takes them, and the labels that are indices there, or None."""
    X = np.asarray(X)
    dtype, out_ndim = _look_at_module(net, X, layout)
    X = np.array(X, dtype=np.int64 if dtype is None else dtype)
    labels = None
    if y is not None and is_classifier(net) and np.ndim(y) == 1:
        encoder = LabelEncoder().fit(y)
        labels, y = encoder.classes_, encoder.transform(y)
        y = y.astype(np.float32 if criterion_name(net) in ("BCELoss", "BCEWithLogitsLoss") else np.int64)
    elif y is not None:
        y = np.array(y, dtype=X.dtype if X.dtype.kind == "f" else np.float32)
        y = y.reshape(len(y), -1) if out_ndim != 1 else y
    return X if layout is None else layout.unpack(X), y, labels


def _has_params(net, prefix):
    return any(name.startswith(prefix) for name in vars(net))


def _renew(module):
    """Draw new weights, so that a clone of a net shares no training with the net it was cloned from."""
    covered = set()
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
            covered.update(id(parameter) for parameter in part.parameters())
    left = [name for name, parameter in module.named_parameters() if id(parameter) not in covered]
    if left:
        warnings.warn(
            f"The module of the net is an instance of {type(module).__name__}: its parameters {left} have no "
            "reset_parameters and start from the values of the given instance, trained or not. Give the class instead "
            "of an instance to have them drawn anew in each fit.",
            UserWarning,
            stacklevel=2,
        )


def _look_at_module(net, X, layout):
    """Return (the floating type of the module's input or None for token ids, the number of axes of its output)."""
    probe = clone(net)
    probe.set_params(verbose=0)
    try:
        probe.initialize()
    except (RuntimeError, TypeError, ValueError):
        return np.float32, None  # its size is set when training begins, by a callback
    whole = X.dtype.kind in "iu"
    if whole and has_embedding(probe.module_):
        return None, None
    lazy = (p for p in probe.module_.parameters() if not isinstance(p, nn.parameter.UninitializedParameter))
    dtype = {torch.float64: np.float64}.get(next((p.dtype for p in lazy), None), np.float32)
    probe.module_.eval()
    for tried in (dtype, np.int64)[: 1 + whole]:  # ids may be looked up without a layer for it
        try:
            with torch.no_grad():
                rows = torch.as_tensor(np.array(X[:2], dtype=tried), device=probe.device)
                out = probe.infer(rows if layout is None else layout.unpack(rows))
        except (RuntimeError, TypeError, ValueError, IndexError):
            continue
        return (None if tried is np.int64 else dtype), (out[0] if isinstance(out, (tuple, list)) else out).ndim
    return dtype, None
