"""A skorch net or a torch module, seen as a differentiable function of rows. The only file that knows skorch."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_xai._rng import isolated_rng
from sklearn_xai._typing import Output
from sklearn_xai.models.image_layout import takes_channels_last
from sklearn_xai.models.uncertainty import (
    UNCERTAINTIES,
    check_uncertainty,
    entropy,
    log_probabilities,
    of_log_draws,
    of_mean_draws,
)

if TYPE_CHECKING:
    from sklearn_xai.models.layout import Layout

# Threads that explain the same module must not see each other's evaluation mode and swapped layers.
_LOCK = threading.RLock()
_TERMINAL_NAMES = {"sigmoid", "expit", "softmax", "log_softmax"}


def unwrap(estimator: Any) -> Any:
    """Take an estimator out of its FrozenEstimator, if it is in one."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def is_module(estimator: Any) -> bool:
    """Whether the estimator is a plain torch module."""
    return isinstance(unwrap(estimator), nn.Module)


def is_net(estimator: Any) -> bool:
    """Whether the estimator is a skorch net, by what it can do rather than by its class."""
    estimator = unwrap(estimator)
    return hasattr(estimator, "infer") and hasattr(estimator, "initialize_module")


def is_network(estimator: Any) -> bool:
    """Whether gradients can be taken through the estimator itself, or through what it makes of a network."""
    estimator = unwrap(estimator)
    if hasattr(type(estimator), "network_pipeline_"):
        return is_network(estimator.estimator)
    return is_module(estimator) or is_net(estimator)


def check_network_is_fitted(net: Any, caller: str) -> None:
    """Raise when a skorch net has no module yet, and warn when it has one that never saw data."""
    net = unwrap(net)
    if not getattr(net, "initialized_", False) or not hasattr(net, "module_"):
        raise NotFittedError(_not_fitted_message(caller, net))
    if not len(getattr(net, "history_", [])) and not getattr(net, "_trimmed_for_prediction", False):
        warnings.warn(
            f"The {type(net).__name__} given to {caller} is initialized, but has no training history: unless its "
            "parameters were loaded from a file, random weights are explained.",
            UserWarning,
            stacklevel=3,
        )


def _not_fitted_message(caller, estimator):
    return (
        f"This {type(estimator).__name__} instance is not fitted yet, and {caller}.fit was called without y. Either "
        f"fit the estimator before it is explained, or call {caller}.fit(X, y) to have a clone of it trained: {caller} "
        "requires y to be passed, but the target y is None."
    )


class Network:
    """The explained outputs of a network as a function of its input tensor.

    Parameters
    ----------
    estimator : skorch net or torch.nn.Module
        Fitted. A FrozenEstimator around it is taken off.
    sample : ndarray of shape (n_samples, ...)
        A few rows, to see what the network returns.
    output : {"auto", "raw", "proba", "entropy", "aleatoric", "epistemic"}
        "raw" is what comes before the final softmax or sigmoid of a classifier; "auto" is "raw" for a net, and the
        output as it stands for a plain module. "entropy" is that of the probabilities, in nats: one output. Its parts
        are those of a module of many draws.
    prefix : tuple of (matrix (n_hidden, n_inputs), offset (n_hidden,)), optional
        An affine map that is applied before the network, such as a fitted PCA.
    layout : Layout, optional
        How the columns of a row are the arguments of the module, where it has several.
    caller : str
        The explainer's name, for messages.

    Attributes
    ----------
    whole_rows : bool
        Whether rows are whole numbers to the module, such as ids of tokens.
    takes_integers : bool
        Whether the module looks whole numbers up in an embedding, so that blends of rows are none.
    draws_likelihood : {"categorical", "gaussian", None}
        Of a module that says so by an attribute of this name, and returns (n_rows, n_draws, n_outputs) by draws of its
        weights: log-probabilities of ``classes_``, or means.
    ending : {"softmax", "sigmoid", "probabilities"}, or None
        What makes probabilities of ``explained_step``.
    """

    def __init__(
        self,
        estimator: Any,
        sample: np.ndarray,
        *,
        output: Output = "auto",
        prefix: tuple[np.ndarray, np.ndarray] | None = None,
        layout: Layout | None = None,
        caller: str = "Network",
    ) -> None:
        self.estimator = unwrap(estimator)
        self.output = output
        self.prefix = prefix
        self.layout = layout
        self.is_net = not isinstance(self.estimator, nn.Module)
        self.draws_likelihood = getattr(self.estimator, "draws_likelihood", None)
        categorical = self.draws_likelihood == "categorical"
        self.classifier = categorical or (self.is_net and is_classifier(self.estimator))
        self._nonlinearity = self._find_nonlinearity() if self.is_net else None
        self._at_terminal = self._writes_input = self._in_logs = self.channels_last = False
        with self.frozen(), torch.no_grad():
            z, untouched, (out, terminal, ending) = self._first_run(sample, caller)
            self._check_output(out, len(sample), caller)
            self._writes_input = z._version != untouched
            self._in_logs = ending == "log_softmax"
            if self._nonlinearity == "forgotten":
                self._nonlinearity = "identity" if ending else "softmax" if out.numel() > len(out) else "sigmoid"
            self._at_terminal = self._wants_terminal(terminal, caller)
            self.ending = self._find_ending(ending, terminal)
            n_classes = out.shape[-1] if categorical else self._check_uncertainty(z, caller)
            self.n_outputs = self(z).shape[1]
            self.channels_last = takes_channels_last(self.module, self, z)
        self.classes = self._find_classes(n_classes or self.n_outputs)

    # ------------------------------------------------------------------ what kind of network it is
    @property
    def module(self) -> torch.nn.Module:
        """The torch module that is explained; of a compiled one, the module that was compiled."""
        module = self._given_module
        return module._orig_mod if "_orig_mod" in module._modules else module

    @property
    def _given_module(self):
        return self.estimator.module_ if self.is_net else self.estimator

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the module's parameters (float32 when it has none)."""
        return next((p.dtype for p in _parameters(_parts(self.module)) if p.is_floating_point()), torch.float32)

    @property
    def device(self) -> torch.device:
        """The device of the module's parameters (the CPU when it has none)."""
        return next((p.device for p in _parameters(_parts(self.module))), torch.device("cpu"))

    @property
    def numpy_dtype(self) -> type[np.floating]:
        """The type of the attributions."""
        return np.float64 if self.dtype == torch.float64 else np.float32

    def _first_run(self, sample, caller):
        """Run a few rows, as whole numbers or real ones; return them, their version before, and what was recorded."""
        sample = np.asarray(sample)
        embeds = has_embedding(self.module)
        failed = None
        for self.whole_rows in (embeds, not embeds) if sample.dtype.kind in "iu" else (False,):
            z = self.tensor(sample)
            untouched = z._version
            try:
                with _Embedded() as seen:
                    found = self._record_terminal(z)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                failed = failed or (z, error)
                continue
            self.takes_integers = embeds or seen.any
            return z, untouched, found
        z, reason = failed
        several = " Give X as a dict of arrays, whose keys are the names of the arguments of the module's forward."
        raise ValueError(
            f"{caller}: the network could not be run on rows of shape {tuple(z.shape[1:])} and type {z.dtype}: {reason}"
            f"{several if 'positional argument' in str(reason) else ''}"
        ) from reason

    def _find_nonlinearity(self):
        """Name what skorch does between the module's output and ``predict_proba``."""
        chosen = getattr(self.estimator, "predict_nonlinearity", None)
        if callable(chosen):
            return "custom"
        if chosen != "auto":
            return "identity"
        known = {"CrossEntropyLoss": "softmax", "BCEWithLogitsLoss": "sigmoid", "BCELoss": "probabilities"}
        # A net that was trimmed for prediction has no criterion any more: its last step tells what is missing.
        return known.get(criterion_name(self.estimator), "identity") if _has_criterion(self.estimator) else "forgotten"

    def _find_classes(self, n_classes):
        if not self.classifier:
            return None
        classes = _stored_classes(self.estimator)
        # A net trained on integer labels uses them as indices: with more outputs than labels seen, they are the labels.
        return classes if classes is not None and len(classes) == n_classes else np.arange(n_classes)

    def _find_ending(self, ending, terminal):
        """Name what makes probabilities of the module's output, or of what goes into its last step."""
        if self._nonlinearity in ("softmax", "sigmoid"):
            return self._nonlinearity
        if terminal is None or self._nonlinearity == "custom":
            return "probabilities"
        return {"log_softmax": "softmax", "expit": "sigmoid"}.get(ending, ending)

    # ------------------------------------------------------------------ running it
    def tensor(self, rows: ArrayLike) -> torch.Tensor:
        """Copy rows to a tensor of the module's type, on its device."""
        if isinstance(rows, torch.Tensor):
            rows = rows.detach().cpu().numpy()
        rows = np.asarray(rows)
        if self.whole_rows and rows.dtype.kind not in "iub" and not np.array_equal(rows, np.round(rows)):
            raise ValueError("The network takes whole numbers, such as ids of tokens. Got numbers with a fraction.")
        dtype = np.int64 if self.whole_rows else self.numpy_dtype
        z = torch.from_numpy(np.array(rows, dtype=dtype, order="C")).to(self.device)
        return z.to(memory_format=torch.channels_last) if self.channels_last else z

    @contextmanager
    def frozen(self) -> Iterator[Network]:
        """Evaluation mode without parameter gradients; everything of the user's is put back, also after an error."""
        given, module = self._given_module, self.module
        # cuDNN differentiates recurrent layers in training mode only
        recurrent = torch.cuda.is_initialized() and any(isinstance(part, nn.RNNBase) for part in _parts(module))
        cudnn = torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
        with _LOCK, torch.inference_mode(False), torch.enable_grad(), isolated_rng(), cudnn, _eager(given):
            training, learning = [], []
            for part in _parts(module):
                if part.training:
                    training.append(part)
                learning += [p for p in part._parameters.values() if p is not None and p.requires_grad]
            # Attention runs as in training: its fast path skips layers, and what it gives at padding is another number.
            fast = torch.backends.mha.get_fastpath_enabled()
            try:
                torch.backends.mha.set_fastpath_enabled(False)
                for part in training:
                    part.training = False
                for parameter in learning:
                    parameter.requires_grad_(False)
                yield self
            finally:
                for part in training:
                    part.training = True
                for parameter in learning:
                    parameter.requires_grad_(True)
                torch.backends.mha.set_fastpath_enabled(fast)

    def _module_output(self, z):
        if self.prefix is not None:
            matrix, offset = self.prefix
            z = torch.nn.functional.linear(z, self._constant(matrix), self._constant(offset))
        elif self._writes_input:
            z = z.clone()
        if self.layout is not None:
            z = self.layout.unpack(z)
        try:
            if self.is_net:
                out = self.estimator.infer(z)
            else:
                out = self.estimator(**z) if isinstance(z, dict) else self.estimator(z)
        except IndexError as error:
            raise ValueError(
                f"The network could not look up whole numbers that it was given ({error}): an embedding of n vectors "
                "takes 0 to n - 1. Give it more vectors, or rare and new tokens one id of their own."
            ) from error
        return out[0] if isinstance(out, (tuple, list)) else out

    def _constant(self, array):
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def _record_terminal(self, z):
        """Return the output, and the input and name of the softmax or sigmoid it ends in (None, None without)."""
        with _LastNonlinearity() as last:
            out = self._module_output(z)
        return out, *last.before(out)

    def __call__(self, z):
        """Return the explained outputs, shape (n_rows, n_outputs); call inside ``frozen()``."""
        if self.draws_likelihood is not None:
            summary = of_log_draws if self.classifier else of_mean_draws
            return summary(self._module_output(z), self.output)
        if self.output in UNCERTAINTIES:
            return entropy(self.log_probabilities(z))
        out = self.explained_step(z)
        if self.output == "proba":
            return self._probabilities(out)
        if self.classifier and out.shape[1] == 1:
            return torch.cat([-out, out], dim=1)
        return out

    def explained_step(self, z: torch.Tensor) -> torch.Tensor:
        """Return the module's output, or what goes into its last step, shape (n_rows, n_outputs)."""
        out = self._record_terminal(z)[1] if self._at_terminal else self._module_output(z)
        if out is None:
            raise ValueError("The network did not end in the softmax or sigmoid whose input is explained.")
        return out.reshape(len(out), -1)

    def log_probabilities(self, z: torch.Tensor) -> torch.Tensor:
        """Return the logs of the classes' probabilities, for ``output="entropy"``; call inside ``frozen()``."""
        out = self.explained_step(z)
        return log_probabilities(self._probabilities(out) if self._nonlinearity == "custom" else out, self.ending)

    def draws(self, z: torch.Tensor) -> torch.Tensor:
        """Return what a module of many draws returns, shape (n_rows, n_draws, n_outputs); call inside ``frozen()``."""
        return self._module_output(z)

    def _probabilities(self, out):
        if self._nonlinearity == "custom":
            out = self.estimator.predict_nonlinearity(out if out.shape[1] > 1 else out[:, 0])
        elif self._nonlinearity == "softmax":
            if out.shape[1] == 2:  # the same, several times faster
                first = out[:, 0] - out[:, 1]
                return torch.sigmoid(torch.stack([first, -first], dim=1))
            out = torch.softmax(out, dim=1)
        elif self._nonlinearity == "sigmoid":
            out = torch.sigmoid(out)
        elif self._in_logs:
            out = out.exp()
        out = out.reshape(len(out), -1)
        return torch.cat([1 - out, out], dim=1) if out.shape[1] == 1 and self.classifier else out

    def outputs(self, rows: np.ndarray, batch_size: int = 4096) -> np.ndarray:
        """Return the explained outputs of an array of rows, without gradients, as an array (n_rows, n_outputs)."""
        result = np.empty((len(rows), self.n_outputs), dtype=self.numpy_dtype)
        with self.frozen(), torch.no_grad():
            for start in range(0, len(rows), batch_size):
                part = slice(start, start + batch_size)
                result[part] = self(self.tensor(rows[part])).cpu().numpy()
        return result

    def with_output(self, output: Output, sample: np.ndarray) -> Network:
        """Return the same network seen at another output."""
        return Network(self.estimator, sample, output=output, prefix=self.prefix, layout=self.layout)

    # ------------------------------------------------------------------ checks
    def _wants_terminal(self, terminal, caller):
        """Whether what is explained is the input of the module's last softmax or sigmoid."""
        if self.output in UNCERTAINTIES:
            return terminal is not None and self._nonlinearity in (None, "identity", "probabilities")
        if self.output == "proba":
            if not self.classifier and terminal is None:
                raise ValueError(
                    f"The 'output' parameter of {caller} is 'proba', but {type(self.estimator).__name__} is not a "
                    "classifier and its last step is no softmax or sigmoid. Use output='raw'."
                )
            return False
        if self.is_net or self.classifier:
            return self.classifier and terminal is not None and self._nonlinearity in ("identity", "probabilities")
        return self.output == "raw" and terminal is not None

    def _check_uncertainty(self, z, caller):
        """Return the number of classes where it is how unsure the network is that is explained, else None."""
        if self.output not in UNCERTAINTIES:
            return None
        name, drawn = type(self.estimator).__name__, self.draws_likelihood is not None
        classifier = self.classifier or (not self.is_net and self._at_terminal)
        check_uncertainty(self.output, caller, name, classifier=classifier, draws=drawn)
        if drawn:
            return None
        p = self.log_probabilities(z).exp()
        if bool(((p.sum(dim=1) - 1).abs() > 1e-3).any()):
            logits = "its module returns logits (the net then needs criterion=nn.CrossEntropyLoss)"
            raise ValueError(
                f"{caller}: the probabilities that {name} gives do not add up to 1, and so have no {self.output}: it "
                f"says several labels at once, or {logits if self.is_net else 'no probabilities'}. An explainer takes "
                "output='auto' and a target for it."
            )
        return p.shape[1]

    def _check_output(self, out, n_rows, caller):
        if not isinstance(out, torch.Tensor) or out.ndim == 0 or len(out) != n_rows:
            got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise ValueError(
                f"{caller} needs a network that returns one row of outputs for each row of input. For {n_rows} rows it "
                f"returned {got}."
            )


class _LastNonlinearity(TorchFunctionMode):
    """Remembers the last sigmoid or softmax of a forward pass, however it is spelled: module, function or method."""

    def __init__(self):
        super().__init__()
        self._last = None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "").removeprefix("special_")
        if name in _TERMINAL_NAMES:
            self._last = (args[0] if args else kwargs["input"], out, name)
        return out

    def before(self, result):
        """Return (input, name) of the last non-linearity, if its output is the result (up to a reshape), or Nones."""
        if self._last is None:
            return None, None
        given, out, name = self._last
        same = isinstance(result, torch.Tensor) and out.numel() == result.numel()
        if same and out.data_ptr() == result.data_ptr() and given.shape == out.shape:
            return given.reshape(result.shape), name
        return None, None


class _Embedded(TorchFunctionMode):
    """Notes whether anything is looked up in an embedding, however it is spelled."""

    def __init__(self):
        super().__init__()
        self.any = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.any |= getattr(func, "__name__", "") in ("embedding", "embedding_bag")
        return func(*args, **(kwargs or {}))


def _eager(given):
    """Run compiled modules as they were written: hooks and functions of our own would have them compiled anew."""
    compiled = any(part._compiled_call_impl is not None or "_orig_mod" in part._modules for part in _parts(given))
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def _parts(module):
    """Yield a module and all of its sub-modules, once each: faster than torch's own, which finds their names too."""
    waiting, seen = [module], {id(module)}
    for part in waiting:
        yield part
        for child in part._modules.values():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _parameters(parts):
    """Yield the parameters of modules, part by part, those that are shared more than once: faster than torch's own."""
    for part in parts:
        for _, parameter in part._parameters.items():
            if parameter is not None:
                yield parameter


def _has_criterion(net):
    return any(getattr(net, name, None) is not None for name in getattr(net, "_criteria", None) or ["criterion"])


def criterion_name(net):
    """Name the loss a net is trained with; also before it is initialized."""
    names = getattr(net, "_criteria", ["criterion"]) or ["criterion"]
    if len(names) != 1:
        return None
    criterion = getattr(net, names[0] + "_", None)
    criterion = getattr(net, names[0], None) if criterion is None else criterion
    criterion = getattr(criterion, "_orig_mod", criterion)
    kind = criterion if isinstance(criterion, type) else type(criterion)
    known = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.BCELoss)
    return next((loss.__name__ for loss in known if issubclass(kind, loss)), kind.__name__)


def has_embedding(module):
    """Whether a module has a layer that looks whole numbers up."""
    return any(isinstance(part, (nn.Embedding, nn.EmbeddingBag)) for part in module.modules())


def _stored_classes(net):
    stored = getattr(net, "training_classes_", None)
    if stored is not None:
        return np.asarray(stored)
    try:
        found = net.classes_
    except AttributeError:
        return None
    return None if found is None else np.asarray(found)
