"""Any attribution class of Captum as an explainer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Baseline, Groups, Layer, Output, Seed, Target
from sklearn_xai.background import BASELINES, group_matrix, resolve_baseline, typical_row
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.explainers.peers._captum_calls import AllOutputs, check_relus, is_mirrored, neuron_values, run
from sklearn_xai.explainers.peers._captum_methods import Method, check_layer, first_of_each, number_inputs
from sklearn_xai.models import EmbeddingSite, InsideModel, find_site
from sklearn_xai.tables import take_rows

_ROWS = 64  # given to Captum at once: it makes 50 of each and more
_BLOCK = 32  # rows of a table
_LOOKED_AT = 8  # rows from which it is learned what goes through a layer
_TILES = 8  # squares along the side of an image that "Occlusion" covers, unless it is told its windows
_ADVICE = {
    "IntegratedGradients": "Raise n_steps in method_params, or use IntegratedGradientsExplainer",
    "DeepLift": "Captum's rules reach only activations that are layers called once: use DeepLiftExplainer",
    "DeepLiftShap": "Captum's rules reach only activations that are layers called once: use DeepLiftExplainer",
    "ShapleyValueSampling": "Use ShapleyExplainer",
    "ShapleyValues": "Use ShapleyExplainer",
}


class CaptumExplainer(BaseExplainer):
    r"""What does a method of Captum say of each feature?

    Any attribution class of ``captum.attr`` explains the same number as the other explainers, a Pipeline in its own
    columns. For "IntegratedGradients" this is

    .. math:: \phi_i = (x_i - b_i) \int_0^1 \frac{\partial f(b + \alpha (x - b))}{\partial x_i} d\alpha;

    Captum's documentation has the equations of the others.

    Parameters
    ----------
    %(estimator)s
    method : str or class, default="IntegratedGradients"
        An attribution class of ``captum.attr``, such as "DeepLift", "Occlusion", "LayerConductance", "NeuronGradient",
        or "NoiseTunnel".
    method_params : dict, default=None
        Options of the method, for its constructor and for its ``attribute``, with Captum's defaults: "Saliency" gives
        absolute values unless ``abs`` is False. Neuron methods need ``neuron_selector``. "NoiseTunnel" needs the
        ``attribution_method`` that it repeats, and takes its options too. "Occlusion" covers single inputs of a table,
        an eighth of the side of an image without overlap, unless ``sliding_window_shapes`` is given.
    layer : str or tuple (str, "input"), default=None
        The sub-module, by its dotted name, whose units Layer methods attribute to and whose neuron Neuron methods
        explain; the units of what enters it with "input". Required there and by "GuidedGradCam".
    baseline : {"auto", "zero", "mean", "median", "min", "max", "sample"} or array, default="auto"
        What the row is compared with, in the space of the network's inputs, for methods that take baselines. "auto" is
        the mean, and "sample" for the methods that want a distribution (GradientShap, DeepLiftShap). "sample" is
        ``background_size`` background rows. Other methods average the attributions over several baselines. An array is
        one baseline of shape (n_inputs,), or several. Where the network looks whole numbers up in an embedding, "auto"
        is the median or most frequent value of each column.
    tol : float, default=1e-2
        Completeness gap that is allowed for IntegratedGradients, DeepLift, DeepLiftShap and Shapley values: at most
        ``tol * max(1, |f(x) - f(b)|)``. A ConvergenceWarning tells when a row is above it.
    background_size : int, default=100
        Number of background rows.
    %(shared)s

    Attributes
    ----------
    baseline_ : ndarray of shape (n_baselines, n_inputs) or None
        The baselines, as the network takes them, if the method takes any.
    %(attributes)s

    Raises
    ------
    ImportError
        By ``fit``, when captum is not installed.
    ValueError
        By ``fit``, when the method attributes to no rows, lacks an option or a layer, or cannot run on the network.

    See Also
    --------
    SHAPExplainer : The same of the shap library.
    IntegratedGradientsExplainer : Faster, and as exact as it is asked to be.

    Notes
    -----
    Captum draws from the global generators, and for all rows at once. Here a method that draws is called for each row
    alone with the same seed, which takes as many calls as there are rows. "FeaturePermutation" and
    "LayerFeaturePermutation" permute each row with the background rows, which are all evaluated.

    Methods that take a ``feature_mask`` remove all inputs that are fed by one column, or by a group of
    ``feature_groups``, at once; others add up what they say of them. Neuron methods explain a unit of the network:
    base values and gap of ``explain`` are that unit's, whatever the ``target``. NeuronConductance is what flows through
    it to the target.

    Misleads where the method of Captum does: what the explainers of this package say of their methods holds here too.
    Many of Captum's methods expect modules rather than functions, each called once, and what they say of other
    networks may be wrong without a word; ``completeness_gap`` shows it for those that should add up.

    Cost: what the method of Captum takes, and one evaluation a row. Integrated gradients take 50 forward and backward
    passes a row by default, Shapley values 25 permutations of all features. A method that draws is called for each row
    alone.

    References
    ----------
    Kokhlikyan, N. and others (2020). Captum: A Unified and Generic Model Interpretability Library for PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import CaptumExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> linear = nn.Linear(2, 1)
    >>> explainer = CaptumExplainer(linear, method="FeatureAblation", baseline="zero").fit(X)
    >>> bool(np.allclose(explainer.transform(X), X * linear.weight.detach().numpy(), atol=1e-6))
    True
    """

    _gradients = True
    _inputs: tuple[str, ...] = ("table", "image")
    _adds_up = "depends on the method"

    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "method": [str, type],
        "method_params": [dict, None],
        "layer": [str, tuple, None],
        "baseline": [StrOptions({"auto", *BASELINES}), "array-like"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "background_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str | type = "IntegratedGradients",
        method_params: dict[str, Any] | None = None,
        layer: Layer = None,
        baseline: Baseline = "auto",
        tol: float = 1e-2,
        background_size: int = 100,
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.method = method
        self.method_params = method_params
        self.layer = layer
        self.baseline = baseline
        self.tol = tol
        self.background_size = background_size

    # ------------------------------------------------------------------ fit: whether the method can explain it
    def _look_inside(self, X):
        name, network = type(self).__name__, self._model.network
        rows = self._model.inputs(take_rows(X, slice(0, _LOOKED_AT)))
        self._inside, self._input_shape = None, np.shape(rows)[1:]
        method = self._method()
        check_layer(method, self.layer, network.module, self.feature_groups is not None, name)
        if self.layer is not None:
            site = find_site(network, rows, self.layer, name)
            self._inside = InsideModel(self._model, site, take_rows(X, slice(0, 1))) if method.has_units else None
        elif network.takes_integers and method.takes_gradients:
            if isinstance(find_site(network, rows, None, name), EmbeddingSite):
                raise ValueError(
                    f"{name}: Captum's {method.is_of} differentiates the network at its inputs, but the network looks "
                    "whole numbers up in an embedding, which has no gradient there. Use a method that removes inputs, "
                    "such as 'FeatureAblation', a Layer method at the embedding, or IntegratedGradientsExplainer."
                )
        if method.is_lrp and self.output == "proba":
            raise ValueError(
                f"The 'output' parameter of {name} is 'proba', but Captum's {method.is_of} has no rule for the softmax "
                "or sigmoid there. Use output='raw'."
            )

    @property
    def _at_input(self):
        return isinstance(self.layer, tuple) and self.layer[1] == "input"

    def _layer_module(self):
        if self.layer is None:
            return None
        return self._model.network.module.get_submodule(self.layer if isinstance(self.layer, str) else self.layer[0])

    def _find_players(self, X):
        super()._find_players(X)
        if self._inside is None:
            return
        shape = self._inside.site.shape
        units = np.arange(int(np.prod(shape))).reshape(shape[0] if self._method().sums_channels else 1, -1)
        self._members = list(units.T)
        self.n_players_ = len(self._members)
        name = self.layer if isinstance(self.layer, str) else self.layer[0]
        self.player_names_ = np.array([f"{name}_{j}" for j in range(self.n_players_)], dtype=object)

    def _removable(self):
        return self._model if self._inside is None else self._inside

    @property
    def _value_shape(self):
        return super()._value_shape if self._inside is None else (self.n_players_,)

    def _prepare(self, X, y, rng):
        self._seed = draw_seed(rng)
        method = self._method()
        self._additive = method.is_of in _ADVICE and method.inner is None
        self._gap_advice = _ADVICE.get(method.is_of, "")
        self._find_baselines(method, X)
        self._mask = self._find_mask() if method.takes_mask and "feature_mask" not in method.call else None
        self._by_row = True
        self._try_out(method)

    def _method(self):
        """Return the method with its options, those included that depend on the rows."""
        method = Method(self.method, self.method_params, type(self).__name__)
        table = len(self._input_shape) == 1
        if "sliding_window_shapes" in method.parameters and "sliding_window_shapes" not in method.call:
            window = (1,)
            if not table:
                window = (self._input_shape[0], *(max(1, -(-side // _TILES)) for side in self._input_shape[1:]))
            method.call |= {"sliding_window_shapes": window, "strides": method.call.get("strides", window)}
        if "feature_mask" in method.call and (table or self.feature_groups is not None):
            raise ValueError(
                f"The 'method_params' parameter of {type(self).__name__} has 'feature_mask': use feature_groups, which "
                "is the same in terms of the columns or pixels of X."
            )
        return method

    def _find_baselines(self, method, X):
        self.baseline_ = None
        if not method.takes_baselines:
            return
        kind = self.baseline
        if isinstance(kind, str) and kind == "auto":
            kind = "sample" if method.takes_distribution else "mean"
            if kind == "mean" and self._model.network.takes_integers:
                kind = self._model.inputs(typical_row(X))  # the mean of ids is no id
        rows = self.background_ if isinstance(kind, str) and kind == "sample" else X
        inputs = np.asarray(self._model.inputs(rows))
        if self._model.network.tensor(inputs[:1]).is_floating_point():
            inputs = inputs.astype(self._model.dtype)
        self.baseline_ = resolve_baseline(kind, inputs, type(self).__name__)

    def _find_mask(self):
        image = len(self._row_shape) > 1
        feeds = np.arange(int(np.prod(self._row_shape))) if image else self._model.columns.feeds
        mask = number_inputs(self._members, feeds)
        return None if mask is None else mask.reshape(self._input_shape)

    def _try_out(self, method):
        """Explain one row, and see whether that draws."""
        network = self._model.network
        inputs = self._model.inputs(take_rows(self.background_, slice(0, 1)))
        with network.frozen():
            try:
                check_relus(method, network, network.tensor(inputs), type(self).__name__)
            except RuntimeError:  # the network itself: told below
                pass
            found, drew = self._run(method, network.tensor(inputs), 0)
        # The permutations of ShapleyValueSampling are the same for all rows that are given together.
        self._by_row = method.permutes or (drew and method.is_of != "ShapleyValueSampling")
        if self._inside is not None and found[0].numel() != self.n_players_:
            raise ValueError(
                f"{type(self).__name__}: Captum's {method.name} gives {found[0].numel()} numbers a row at the layer "
                f"{self.layer!r}, which has {self.n_players_} units. Name another layer."
            )

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        network, method = self._model.network, self._method()
        inputs = self._model.inputs(X)
        with network.frozen():
            z = network.tensor(inputs)
            outputs = network.outputs(inputs)
            target = np.broadcast_to(choose(outputs), len(X))
            shape = self._input_shape if self._inside is None else (self.n_players_,)
            values = np.empty((len(X), *shape), dtype=outputs.dtype)
            for k in np.unique(target):
                rows = np.flatnonzero(target == k)
                values[rows] = self._explain_rows_of(method, z[torch.as_tensor(rows, device=z.device)], int(k))
            explained = outputs[np.arange(len(X)), target]
            base = self._base_values(method, target)
            if method.of_neuron:
                explained, base = self._neuron(method, z)
        if self._inside is None:
            values = self._to_players(values if self._mask is None else values * first_of_each(self._mask), X, inputs)
        return Attributions(values, base, explained, {})

    def _explain_rows_of(self, method, z, target):
        step = 1 if self._by_row else self.batch_size or _ROWS
        found = []
        shown = self.verbose and len(z) > step
        for start in track(range(0, len(z), step), f"captum {method.name}", verbose=shown):
            rows = z[start : start + step]
            part = self._run(method, self._filled_up(rows), target)[0][: len(rows)]
            found.append(part.reshape(len(part), -1) if method.has_units else part)
        return torch.cat(found).cpu().numpy()

    def _filled_up(self, rows):
        """Add rows to a part of a table: sums over the steps round by the place of a row, but in a whole block."""
        short = -len(rows) % _BLOCK
        if self._by_row or not short or rows.ndim > 2:
            return rows
        return torch.cat([rows, rows[:1].expand(short, -1)])

    def _run(self, method, z, target):
        """Attribute a few rows, alone or with the background rows they are permuted with."""
        network, n = self._model.network, len(z)
        if method.permutes:
            z = torch.cat([z, network.tensor(self._model.inputs(self.background_))])
        function = AllOutputs(network)
        # The one logit of a classifier is written with both signs, and LRP divides the sign out again.
        turned = method.is_lrp and target == 0 and is_mirrored(function, z)
        try:
            found, drew = run(
                method,
                function,
                z,
                1 if turned else target,
                layer=self._layer_module(),
                baselines=None if self.baseline_ is None else network.tensor(self.baseline_),
                mask=None if self._mask is None else torch.as_tensor(self._mask[np.newaxis], device=z.device),
                to_layer_input=self._at_input,
                seed=self._seed,
            )
        except (RuntimeError, AssertionError, IndexError, TypeError, ValueError, AttributeError, KeyError) as error:
            raise ValueError(
                f"{type(self).__name__}: Captum's {method.name} could not be run on {type(network.module).__name__} "
                f"({type(error).__name__}: {error}). See its options in method_params, or use another method."
            ) from error
        return (-found if turned else found)[:n], drew

    def _base_values(self, method, target):
        if method.is_lrp:
            return np.zeros(len(target))  # what is passed back is the output itself
        if self.baseline_ is None:
            return self.base_outputs_[target]
        return self._model.network.outputs(self.baseline_).mean(axis=0)[target]

    def _neuron(self, method, z):
        """Return the neuron's value for rows, and its mean over the baselines or the background."""
        function, to_input = AllOutputs(self._model.network), self._at_input
        starts = self._model.inputs(self.background_) if self.baseline_ is None else self.baseline_
        starts = self._model.network.tensor(starts)
        here, there = (neuron_values(method, function, rows, self._layer_module(), to_input) for rows in (z, starts))
        return here.cpu().numpy(), np.full(len(z), float(there.mean()))

    def _data(self, X):
        if self._inside is None:
            return super()._data(X)
        units = self._inside.inputs(X)[:, self._inside.feeds >= 0]
        return (units @ group_matrix(self._members, units.shape[1], units.dtype),) * 2
