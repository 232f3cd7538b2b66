"""Quantus, imported where torchvision and OpenCV cannot be, and called as the tests and benchmarks call it."""

from __future__ import annotations

import importlib
import sys
import warnings
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType

from tests.parity.zennit_peer import import_zennit


@cache
def import_quantus():
    """Return quantus.

    Quantus imports OpenCV for its rotations and translations, which the tests don't use; opencv-python loads libGL and
    glib, which a machine without a screen need not have. It imports zennit where that is installed, and zennit imports
    torchvision. What cannot be imported has a stand-in while Quantus is. What these imports warn of is their own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_zennit()
        with _stand_in_for("cv2"):
            return importlib.import_module("quantus")


@contextmanager
def _stand_in_for(name):
    """Put an empty module in the place of one that cannot be imported."""
    try:
        importlib.import_module(name)
        stand_in = None
    except (ImportError, OSError):
        for part in [part for part in sys.modules if part.partition(".")[0] == name]:
            del sys.modules[part]
        stand_in = sys.modules[name] = ModuleType(name)
        stand_in.__spec__ = ModuleSpec(name, None)  # importlib.util.find_spec asks for one
    try:
        yield
    finally:
        if stand_in is not None:
            del sys.modules[name]


def quantus_metric(name, **parameters):
    """Build a metric of Quantus that takes attributions as they are and gives a score for each row."""
    plain = {"abs": False, "normalise": False, "return_aggregate": False, "disable_warnings": True}
    return getattr(import_quantus(), name)(**plain | parameters)


def quantus_scores(name, module, X, y, attributions, *, explain=None, masks=None, call=None, **parameters):
    """Return what a metric of Quantus says of each row.

    Parameters
    ----------
    name : str
        A class of Quantus.
    module : torch.nn.Module
        Gives the outputs that are explained.
    X : ndarray of shape (n_samples, n_channels, height, width) or (n_samples, n_features)
    y : ndarray of int of shape (n_samples,)
        The explained output of each row.
    attributions : ndarray of the shape of X
        Copied: some of Quantus's metrics write to it.
    explain : callable, default=None
        ``explain(module, inputs, targets)``, for the metrics that explain again.
    masks : ndarray, default=None
        Where the object is.
    call : dict, default=None
        More of Quantus's parameters of the call.
    **parameters : dict
        Parameters of the metric.
    """
    metric = quantus_metric(name, **parameters)
    arguments = {"x_batch": X.copy(), "y_batch": y, "a_batch": None if attributions is None else attributions.copy()}
    if masks is not None:
        arguments["s_batch"] = masks
    if explain is not None:
        arguments["explain_func"] = lambda model, inputs, targets, **_: explain(model, inputs, targets)
    settings = {"channel_first": True, "softmax": False, "device": "cpu"}
    return metric(model=module, **settings | arguments | (call or {}))
