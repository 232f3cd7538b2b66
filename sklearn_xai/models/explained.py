"""What every explainer talks to: a fitted estimator as functions of the user's rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai._typing import Output, Rows, Seed, Table
from sklearn_xai.models.affine_head import find_affine_head
from sklearn_xai.models.blackbox import BlackBox
from sklearn_xai.models.columns import as_array, find_columns, find_layout, run_steps, split_pipeline
from sklearn_xai.models.layout import Layout, is_mapping
from sklearn_xai.models.network import Network, is_module, is_net, is_network, unwrap
from sklearn_xai.models.training import train_network
from sklearn_xai.models.uncertainty import UNCERTAINTIES
from sklearn_xai.tables import take_rows

if TYPE_CHECKING:
    from sklearn_xai.models.affine_head import Split

_HEAD_ROWS = 8
_CHECKED_ROWS = 64  # rows on which the final estimator alone must say what the whole Pipeline says


class ExplainedModel:
    """A fitted estimator as the explained outputs of raw rows and, if it ends in a network, of the network's inputs.

    Parameters
    ----------
    estimator : fitted estimator, skorch net, torch module, or Pipeline that ends in one
    background : table of shape (n_background, n_columns), or array (n_background, ...)
        Raw rows, as the user gives them.
    names : ndarray of shape (n_columns,)
    output : {"auto", "raw", "proba", "entropy", "aleatoric", "epistemic"}
        With one of the last three the model has one output, a number like that of a regressor.
    gradients : bool
        Whether the explainer needs gradients, and so a network at the end and columns that can be folded back.
    layout : Layout, optional
        How the columns of a row are the arguments of the network's module, where the user gave a dict.
    probing : bool
        Whether to find out which column feeds which input of the final estimator; without, columns are removed in raw
        rows.
    caller : str
        The explainer's name, for messages.

    Attributes
    ----------
    n_outputs : int
    labels : ndarray of shape (n_classes,), or None
        Classes that the estimator predicts.
    classes : ndarray of shape (n_outputs,), or None
        Classes that the outputs are of: None, too, where it is how unsure the estimator is that is explained.
    classifier : bool
        Whether the outputs are those of classes.
    """

    # Which of these a model has depends on what it ends in.
    network: Any
    blackbox: Any
    columns: Any
    split: Any
    _final: Any

    def __init__(
        self,
        estimator: Any,
        background: Table,
        names: np.ndarray,
        *,
        output: Output = "auto",
        gradients: bool = False,
        probing: bool = True,
        layout: Layout | None = None,
        caller: str = "Explainer",
    ) -> None:
        steps, final = split_pipeline(estimator)
        self.network = self.blackbox = self.columns = self.split = self._final = None
        if is_network(final):
            self.steps = steps
            table = background if background.ndim == 2 else background.reshape(len(background), -1)
            if gradients or probing or not steps:
                self.columns = find_columns(steps, table, names, caller if gradients else None)
            affine = self.columns.affine if self.columns is not None else None
            layout = find_layout(steps, background, caller) if steps else layout
            few = self.inputs(take_rows(background, slice(_HEAD_ROWS)))
            self.network = Network(final, few, output=output, prefix=affine, layout=layout, caller=caller)
        elif gradients:
            raise ValueError(
                f"{caller} takes gradients: the 'estimator' parameter must be a skorch net, a torch.nn.Module, or a "
                f"Pipeline that ends in one. Got {type(final).__name__}. For any other model use "
                "LocalSurrogateExplainer, RFEExplainer or SHAPExplainer."
            )
        else:
            self.blackbox = BlackBox(estimator, background, output=output, caller=caller)
            if probing:
                self._look_behind(steps, final, background, names)
        seen = self.network or self.blackbox
        self.n_outputs, self.labels = seen.n_outputs, seen.classes
        self.of_uncertainty = output in UNCERTAINTIES
        self.classes = None if self.of_uncertainty else seen.classes
        self.classifier = seen.classifier and not self.of_uncertainty

    def _look_behind(self, steps, final, background, names):
        """Find the final estimator of a Pipeline as a function of its inputs, if these come from single columns."""
        if not steps or background.ndim != 2:
            return
        columns = find_columns(steps, background, names, None)
        if columns is None or columns.affine is not None:
            return
        rows = take_rows(background, slice(_CHECKED_ROWS))
        behind = self.blackbox.behind(final)
        try:
            found, truth = behind.outputs(columns.inputs(rows)), self.blackbox.outputs(rows)
        except (TypeError, ValueError):  # an estimator that takes no plain array of numbers
            return
        if np.allclose(found, truth, rtol=1e-9, atol=1e-12, equal_nan=True):
            self.columns, self._final = columns, behind

    @property
    def plain(self) -> bool:
        """Whether the model is a torch module without an estimator around it."""
        return self.network is not None and not self.network.is_net and self.network.draws_likelihood is None

    @property
    def column_wise(self) -> bool:
        """Whether columns can be removed at the final estimator's inputs, after the preprocessing."""
        return self.columns is not None

    @property
    def dtype(self) -> type[np.floating]:
        """The type of the explained output."""
        return self.network.numpy_dtype if self.network is not None else np.float64

    def inputs(self, X: Table) -> np.ndarray:
        """Return raw rows as the final estimator takes them."""
        if self.columns is not None:
            return self.columns.inputs(X)
        return as_array(run_steps(self.steps, X))

    def outputs(self, X: Table, inputs: np.ndarray | None = None) -> np.ndarray:
        """Return the explained outputs of raw rows, shape (n_rows, n_outputs)."""
        if self.network is None:
            return self.blackbox.outputs(X)
        return self.network.outputs(self.inputs(X) if inputs is None else inputs)

    def behind(self) -> ExplainedModel:
        """Return the network as a model of its own inputs, after the preprocessing."""
        twin = copy.copy(self)
        twin.steps, twin.columns = [], None
        return twin

    def outputs_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the explained outputs of rows as the final estimator takes them, shape (n_rows, n_outputs)."""
        return (self.network or self._final).outputs(inputs)

    def explained(self, X: Table, choose: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the explained output of raw rows, and the index of each, shape (n_rows,) both.

        ``choose`` turns outputs (n_rows, n_outputs) into an index, or one a row.
        """
        outputs = self.outputs(X)
        targets = np.broadcast_to(choose(outputs), len(outputs))
        return np.take_along_axis(outputs, targets[:, None], axis=1)[:, 0], targets

    def predict_proba(self, X: Table) -> np.ndarray:
        """Return the probabilities of the classes, shape (n_rows, n_classes), as the network's training means them."""
        inputs = self.inputs(X)
        return self.network.with_output("proba", inputs[:1]).outputs(inputs)

    def predict(self, X: Table) -> np.ndarray:
        """Return the labels or values a network predicts, whatever the labels it was trained on."""
        if not self.network.classifier:
            inputs = self.inputs(X)
            out = self.network.with_output("auto", inputs[:1]).outputs(inputs)
            return out[:, 0] if out.shape[1] == 1 else out
        proba = self.predict_proba(X)
        threshold = getattr(self.network.estimator, "threshold", None)
        if threshold is not None and proba.shape[1] == 2:
            return self.labels[(proba[:, 1] > threshold).astype(int)]
        return self.labels[proba.argmax(axis=1)]

    def find_head(self, inputs: np.ndarray) -> Split:
        """Return the network split after its affine head; found once, from background rows."""
        if self.split is None:
            self.split = find_affine_head(self.network, inputs[:_HEAD_ROWS])
        return self.split


def train_clone(
    estimator: Any,
    X: Rows,
    y: ArrayLike,
    *,
    layout: Layout | None = None,
    random_state: Seed = None,
    fit_params: dict[str, Any] | None = None,
) -> Any:
    """Train a clone of an estimator on (X, y), as every scikit-learn meta-estimator does.

    A skorch net, alone or at the end of a Pipeline, gets rows of its module's type and labels as it needs them. A
    FrozenEstimator or a plain torch module, alone or at the end of a Pipeline, is returned as it is. The global random
    states are left as they were.

    Parameters
    ----------
    estimator : estimator, skorch net, torch.nn.Module or Pipeline
    X : table of shape (n_samples, n_features), or dict of arrays
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    layout : Layout, optional
        How the columns of X are the arguments of the net's module.
    random_state : int, RandomState or None
        Seeds the training: torch's generator and every ``random_state`` parameter that is None.
    fit_params : dict, optional
        Passed to ``fit``.
    """
    if is_mapping(X) and is_net(estimator):
        layout = Layout(X)
        X = layout.table(X)
    if estimator is not unwrap(estimator) or is_module(split_pipeline(estimator)[1]):
        return estimator
    fit_params = fit_params or {}
    rng = own_random_state(random_state)
    trained = clone(estimator)
    if random_state is not None:
        _seed(trained, rng)
    with isolated_rng(draw_seed(rng)), torch.inference_mode(False), torch.enable_grad():
        return _train(trained, estimator, X, y, fit_params, layout)


def _train(estimator, original, X, y, fit_params, layout=None):
    """Fit an estimator; a net at the end of a Pipeline, nested or not, is given what its module takes."""
    if is_net(estimator):
        return train_network(estimator, X, y, layout=layout, renew=_was_fitted(original), fit_params=fit_params)
    if not hasattr(estimator, "steps") or not is_net(split_pipeline(estimator)[1]):
        return estimator.fit(X if layout is None else layout.unpack(np.asarray(X)), y, **fit_params)
    first, last = _share(estimator, fit_params)
    if len(estimator.steps) > 1:
        before = estimator[:-1]
        X = before.fit_transform(X, y, **first)
        estimator.steps[:-1] = before.steps  # a Pipeline with memory fits copies of its steps
    layout = Layout(X) if is_mapping(X) else None
    _train(estimator.steps[-1][1], original.steps[-1][1], as_array(X), y, last, layout)
    return estimator


def _share(pipeline, fit_params):
    """Return the ``fit`` parameters of a Pipeline's preprocessing, and those of its last step."""
    name = pipeline.steps[-1][0]
    if sklearn.get_config()["enable_metadata_routing"]:
        last = process_routing(pipeline, "fit", **fit_params)[name].fit
        first = get_routing_for_object(pipeline[:-1]).consumes("fit_transform", fit_params)
        return {key: fit_params[key] for key in first}, last
    last = [key for key in fit_params if key.startswith(f"{name}__")]
    first = {key: value for key, value in fit_params.items() if key not in last}
    return first, {key.removeprefix(f"{name}__"): fit_params[key] for key in last}


def _was_fitted(net):
    return bool(getattr(net, "initialized_", False))


def _seed(estimator, rng):
    """Set every ``random_state`` that is None, as scikit-learn's ensembles do."""
    free = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    ]
    if free:
        estimator.set_params(**{name: draw_seed(rng) for name in free})
