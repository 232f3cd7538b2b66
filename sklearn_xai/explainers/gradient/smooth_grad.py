"""SmoothGrad and its kin."""

from __future__ import annotations

from inspect import signature
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.base import BaseExplainer
from sklearn_xai.base.targets import chooser
from sklearn_xai.engines import evaluate
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.explainers.gradient._noise import Moments, draw_noise, mean_gradients, shifts_after_head
from sklearn_xai.explainers.gradient.saliency import SaliencyExplainer
from sklearn_xai.models import unwrap

# What an explanation is of, not how it is made: the outer explainer says it, for the one inside too.
_OUTER = ("layer", "channels", "target", "output", "feature_groups", "batch_size", "random_state", "verbose")
_MOST_POINTS = 2**22  # elements of the noisy rows that are explained at once


class SmoothGradExplainer(GradientExplainer):
    r"""What does a gradient method say of a row on average over small changes of it?

    With a the attributions of the method and S draws of noise,

    .. math:: \phi(x) = \frac{1}{S} \sum_s a(x + \varepsilon_s), \quad \varepsilon_s \sim N(0, \sigma^2),

    or the mean of the squares (``"smoothgrad_sq"``), or their variance (``"vargrad"``). The output that is explained
    is chosen at the row itself.

    Parameters
    ----------
    estimator : gradient explainer, skorch net, torch.nn.Module or Pipeline
        The method to smooth, around the model to explain, such as ``IntegratedGradientsExplainer(net, n_steps=8)``,
        with its own parameters. A model alone is explained by its gradients, as by ``SaliencyExplainer``. Trained by
        ``fit(X, y)``, explained as it stands by ``fit(X)``.
    n_samples : int, default=50
        Number of draws of noise. They are made in ``fit``, in pairs of opposite sign, and shared by all rows.
    noise : float, default=0.15
        Standard deviation of the noise, as a fraction of the range (largest less smallest value) that the background
        rows span: that of each input of a table, the range over all elements for images, sequences and tokens. It is
        added where the method attributes to: to the inputs after the preprocessing of a Pipeline, one-hot and
        integer-coded ones too; to the vectors of tokens, but not of padding; to the units of ``layer``.
    kind : {"smoothgrad", "smoothgrad_sq", "vargrad"}, default="smoothgrad"
        The mean, the mean square or the variance over the draws. Squares and variances are taken of the attributions
        to the network's inputs, before those that feed one column are added up.
    %(site)s
    %(shared)s

    Attributes
    ----------
    explainer_ : GradientExplainer
        The fitted method inside.
    noise_ : ndarray of shape (n_samples, ...)
        The draws, in the space that is attributed to.
    %(attributes)s

    Raises
    ------
    TypeError
        In ``fit``, for an explainer that is no gradient method, or SmoothGrad itself.
    ValueError
        In ``fit``, when a parameter that both explainers have, such as ``target``, is set for the one inside to
        something else than for this one.

    See Also
    --------
    SaliencyExplainer : The gradient at the row itself.

    Notes
    -----
    Attributions are in the units of the method's, or in their squares. They do not add up to the output, also where
    those of the method do.

    Misleads when the noise leads away from the data: rows with noise on every column may be like no row, and the wider
    ``noise``, the more the result is that of another, smoother network. What looks cleaner is not more faithful;
    squares and variances have no sign.

    Cost: ``n_samples`` times what the method inside takes a row: 50 forward and backward passes by default. ``fit``
    keeps ``n_samples`` draws of noise, each as wide as a row.

    References
    ----------
    Smilkov, D., Thorat, N., Kim, B., Viegas, F. and Wattenberg, M. (2017). SmoothGrad: removing noise by adding noise.

    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    Hooker, S., Erhan, D., Kindermans, P.-J. and Kim, B. (2019). A Benchmark for Interpretability Methods in Deep
    Neural Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import InputXGradientExplainer, SmoothGradExplainer
    >>> X = np.random.RandomState(0).standard_normal((20, 3))
    >>> linear = nn.Linear(3, 1)
    >>> explainer = SmoothGradExplainer(InputXGradientExplainer(linear), random_state=0).fit(X)
    >>> bool(np.allclose(explainer.transform(X), X * linear.weight.detach().numpy(), atol=1e-5))
    True
    """

    _parameter_constraints: dict = {
        **GradientExplainer._parameter_constraints,
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "kind": [StrOptions({"smoothgrad", "smoothgrad_sq", "vargrad"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_samples: int = 50,
        noise: float = 0.15,
        kind: Literal["smoothgrad", "smoothgrad_sq", "vargrad"] = "smoothgrad",
        layer: Layer = None,
        channels: Channels = "keep",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            layer=layer,
            channels=channels,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_samples = n_samples
        self.noise = noise
        self.kind = kind

    @property
    def _given(self):
        """The model that the user gave to be explained: that of the explainer inside, where there is one."""
        inside = unwrap(self.estimator)
        if not isinstance(inside, BaseExplainer):
            return self.estimator
        return inside._given if inside is self.estimator else FrozenEstimator(inside._given)

    # ------------------------------------------------------------------ the explainer inside
    def _fitted_estimator(self, X, y, fit_params):
        inside = unwrap(self.estimator)
        if isinstance(inside, BaseExplainer):
            twice = isinstance(inside, SmoothGradExplainer)
            if twice or not isinstance(inside, GradientExplainer):
                raise TypeError(
                    f"The 'estimator' parameter of {type(self).__name__} must be a gradient explainer, or a model. Got "
                    f"{type(inside).__name__}, which {'smooths already' if twice else 'takes no gradients'}."
                )
        self.explainer_ = self._inside(inside if isinstance(inside, GradientExplainer) else SaliencyExplainer(inside))
        return super()._fitted_estimator(X, y, fit_params)

    def _inside(self, given):
        """Return a new explainer with the parameters of the given one, and of this one where this one says them."""
        name, params = type(self).__name__, given.get_params(deep=False)
        defaults, own = _defaults(type(given)), _defaults(type(self))
        for key in _OUTER:
            value, unset = getattr(self, key), _same(getattr(self, key), own[key])
            if key not in params:
                if not unset:
                    raise ValueError(f"The {key!r} parameter of {name} is set, but {type(given).__name__} has none.")
                continue
            if not _same(params[key], defaults[key]) and not _same(params[key], value):
                raise ValueError(
                    f"The {key!r} parameter of the {type(given).__name__} inside {name} is {params[key]!r}, but "
                    f"{name} says {value!r}, which counts for both. Set it for {name} only."
                )
            if not unset or _same(defaults[key], own[key]):
                params[key] = value
        found = type(given)(**params)
        found._validate_params()
        return found

    def _share(self):
        """Let the explainer inside know what is known of the model and the background."""
        params = self.get_params(deep=False)
        # scikit-learn keeps the callbacks of a Pipeline on its steps while they are fitted
        learned = {key: value for key, value in vars(self).items() if key not in params and "callback" not in key}
        learned.pop("explainer_")
        vars(self.explainer_).update(learned, estimator=self.estimator_)

    def _by_the_one_inside(self, hook, *args):
        """Do a step of ``fit`` as the explainer inside does it, if it does it in a way of its own."""
        usual = getattr(GradientExplainer, hook)
        if getattr(type(self.explainer_), hook) is usual:
            return usual(self, *args)
        self._share()
        params, before = self.explainer_.get_params(deep=False), dict(vars(self.explainer_))
        found = getattr(self.explainer_, hook)(*args)
        for key, value in vars(self.explainer_).items():
            if key not in params and (key not in before or before[key] is not value):
                setattr(self, key, value)
        return found

    def _look_inside(self, X):
        self._by_the_one_inside("_look_inside", X)

    def _find_players(self, X):
        self._by_the_one_inside("_find_players", X)

    def _choose_background(self, X, probes, rng):
        self._share()
        return self.explainer_._choose_background(X, probes, rng)

    def _prepare(self, X, y, rng):
        self._share()
        self.explainer_._prepare(X, y, rng)
        self.noise_ = draw_noise(self._find_baseline("sample", X, rng), self.n_samples, self.noise, rng)
        self._shifts = None
        inside = self.explainer_
        if type(inside) is SaliencyExplainer and not inside.absolute and self.kind == "smoothgrad":
            network = self._model.network
            with network.frozen(), torch.no_grad():
                shifts = shifts_after_head(self._site, self._tensor(self.noise_))
            self._shifts = None if shifts is None else shifts.cpu().numpy()

    def _tensor(self, array):
        network = self._model.network
        return torch.as_tensor(array, dtype=network.dtype, device=network.device)

    # ------------------------------------------------------------------ transform
    @property
    def _value_shape(self):
        return self.explainer_._value_shape

    def _fold(self, values, X, inputs):
        return self.explainer_._fold(values, X, inputs)

    def _attribute_variable(self, v, context, choose):
        site = self._site
        outputs = evaluate(site, site.enter(v)[0], context)
        target = choose(outputs)
        if self._shifts is not None:
            shifts = self._tensor(self._shifts)
            return mean_gradients(site, v, shifts, target, context, self.batch_size), outputs, None
        if isinstance(target, int):
            found, base = self._smoothed(v, context, target)
            return found, outputs, base
        found, bases = torch.empty_like(v), None
        for index in target.unique().tolist():
            rows = target == index
            found[rows], base = self._smoothed(v[rows], context if len(context) == 1 else context[rows], index)
            if base is not None:
                bases = torch.empty_like(outputs) if bases is None else bases
                bases[rows] = base
        return found, outputs, bases

    def _smoothed(self, v, context, index):
        """Return the smoothed attributions of rows with one target, and the mean base outputs."""
        noise, still = self._tensor(self.noise_), self._site.still(v, context)
        part = max(1, min(len(noise), _MOST_POINTS // v[0].numel()))
        step = max(1, _MOST_POINTS // (v[0].numel() * part))
        found, bases = [], []
        for first in range(0, len(v), step):
            rows, moments, base = slice(first, first + step), Moments(), Moments()
            around = context if len(context) == 1 else context[rows]
            for start in range(0, len(noise), part):
                some = noise[start : start + part]
                points = v[rows][:, None] + some
                if still is not None:
                    points = torch.where(still[rows][:, None], v[rows][:, None], points)
                of_points = around if len(around) == 1 else around.repeat_interleave(len(some), dim=0)
                values, _, base_outputs = self.explainer_._attribute_variable(
                    points.flatten(0, 1), of_points, chooser(index)
                )
                moments.add(values.unflatten(0, (-1, len(some))))
                if base_outputs is not None:
                    base.add(base_outputs.expand(len(values), -1).unflatten(0, (-1, len(some))))
            found.append(moments.of(self.kind))
            bases.append(base.mean)
        return torch.cat(found), torch.cat(bases) if base.n else None


def _defaults(cls):
    return {key: parameter.default for key, parameter in signature(cls).parameters.items()}


def _same(a, b):
    """Whether two values of a parameter are the same."""
    return a is b or (type(a) is type(b) and bool(np.all(np.asarray(a == b))))
