"""Gradient-weighted class activation maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from sklearn_xai._compat import StrOptions
from sklearn_xai._typing import Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.engines import gradient, pick
from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.explainers.propagation._rectified import rectified_gradient
from sklearn_xai.explainers.propagation.guided_backprop import GuidedBackpropExplainer
from sklearn_xai.models import LayerSite, Split, noted_calls
from sklearn_xai.tables import take_rows

_LOOKED_AT = 8  # rows from which it is learned how the network is built
_CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
_UPSAMPLING = {1: "linear", 2: "bilinear", 3: "trilinear"}


def activation_map(activations, gradients):
    """Return where the channels that raise the output are active.

    Parameters
    ----------
    activations, gradients : Tensor of shape (n_rows, n_channels, ...)
        What a layer gives, and the derivative of the explained output there.

    Returns
    -------
    Tensor of shape (n_rows, ...), not negative; in units of the output per position.
    """
    weights = gradients.flatten(2).mean(dim=2)
    maps = torch.bmm(weights[:, None], activations.flatten(2)).relu()
    return maps.reshape(len(maps), *activations.shape[2:])


def upsample(maps, size):
    """Return maps (n_rows, ...) at another size, linearly between the centres of their cells."""
    mode = _UPSAMPLING[maps.ndim - 1]
    return nn.functional.interpolate(maps[:, None], size=tuple(size), mode=mode, align_corners=False)[:, 0]


class GradCAMExplainer(BaseExplainer):
    r"""Which regions of an image raise the output, as seen by a convolution?

    Channel k of a layer is weighted by the mean over positions of the derivative of the output,

    .. math:: w_k = \frac{1}{|P|} \sum_{p \in P} \frac{\partial f(x)}{\partial A_{k,p}}, \qquad
              M_p = \max\Bigl(0, \sum_k w_k A_{k,p}\Bigr),

    and the map M is upsampled linearly to the size of the input. It is as coarse as the layer, never negative, and does
    not add up to the output.

    Parameters
    ----------
    %(estimator)s
    layer : str, (str, "input") or None, default=None
        Name of the sub-module at whose output (or input) the map is made, as ``named_modules`` gives it: what comes out
        there has the shape (n_samples, n_channels, ...). None is the last convolution with more than one position.
    guided : bool, default=False
        Whether to multiply the map by guided backpropagation at the input, which has the resolution of the image and
        either sign: guided Grad-CAM.
    channels : {"keep", "sum"}, default="keep"
        "keep" shares the map equally between the channels of the image, so that it is their sum; "sum" is the map,
        (n_samples, 1, height, width). When guided, every channel is multiplied by the whole map.
    %(shared)s

    Attributes
    ----------
    layer_ : str
        Name of the layer the map is made at.
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit``, when the network has no convolution, when positions of the layer are not positions of X, or when
        guided and the network has no rectifier.

    See Also
    --------
    SaliencyExplainer : The gradient at each pixel.
    GuidedBackpropExplainer : What the map is multiplied by when guided.
    IntegratedGradientsExplainer : With ``layer``, how much each unit of a layer contributes.

    Notes
    -----
    X holds images (n_samples, n_channels, height, width), signals (n_samples, n_channels, length), volumes, or flat
    rows that the network reshapes to one of them; where each column goes is found out by running it.

    Misleads when small things matter: the map is as coarse as the layer, and upsampling makes it look finer. What
    speaks against the output is cut off, the mean over positions is right only where the gradient is the same at all
    of them, and with ``guided=True`` the picture is mostly that of guided backpropagation.

    Cost: one forward and one backward pass a row, the latter down to the layer only. ``guided=True`` adds one of each.

    References
    ----------
    Selvaraju, R. R., Cogswell, M., Das, A., Vedantam, R., Parikh, D. and Batra, D. (2017). Grad-CAM: Visual
    Explanations from Deep Networks via Gradient-based Localization.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import GradCAMExplainer
    >>> cnn = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    >>> X = np.random.RandomState(0).standard_normal((5, 3, 8, 8))
    >>> GradCAMExplainer(cnn, target=1, channels="sum").fit(X).transform(X).shape
    (5, 1, 8, 8)
    """

    _gradients = True
    _inputs: tuple[str, ...] = ("image",)
    _needs = "a network with convolutions"

    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "layer": [str, tuple, None],
        "guided": ["boolean"],
        "channels": [StrOptions({"keep", "sum"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        layer: Layer = None,
        guided: bool = False,
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
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.layer = layer
        self.guided = guided
        self.channels = channels

    # ------------------------------------------------------------------ fit
    def _look_inside(self, X):
        name, network, layer = type(self).__name__, self._model.network, self.layer
        if isinstance(layer, tuple) and not (len(layer) == 2 and layer[1] in ("input", "output")):
            raise ValueError(
                f"The 'layer' parameter of {name} must be the name of a sub-module, or (name, 'input'). Got {layer!r}."
            )
        rows = self._model.inputs(take_rows(X, slice(_LOOKED_AT)))
        convolutions = find_convolutions(network, rows)
        if layer is None:
            if not convolutions:
                raise ValueError(
                    f"{name} makes a map of what a convolution gives, but {type(network.module).__name__} calls none. "
                    "Name another layer with 'layer', whose output has the shape (n_samples, n_channels, ...), or use "
                    "SaliencyExplainer or IntegratedGradientsExplainer."
                )
            spatial = [path for path, shape in convolutions if np.prod(shape[1:]) > 1]
            layer = (spatial or [path for path, _ in convolutions])[-1]
        path, side = (layer, "output") if isinstance(layer, str) else layer
        self._site = LayerSite(network, path, side, rows, name)
        self.layer_ = path
        rank = len(self._site.shape) - 1
        if rank not in _UPSAMPLING:
            raise ValueError(
                f"The 'layer' parameter of {name} must name a layer that gives channels of one to three axes of "
                f"positions. The {side} of {path!r} is of shape {self._site.shape} for a row."
            )
        self._find_places(rows, rank, convolutions, name)
        with network.frozen():
            z = network.tensor(rows[:1])
            if self.guided and not self._guide(z, lambda outputs: 0)[2]:
                raise ValueError(
                    f"{name} is guided by rectifiers (ReLU), but {type(network.module).__name__} has none. Use "
                    "guided=False, or multiply by another method's attributions."
                )
        self._numel = max([int(np.prod(self._site.shape)), *(int(np.prod(shape)) for _, shape in convolutions)])

    def _find_places(self, rows, rank, convolutions, name):
        """Find the size of the image, its number of channels, and where each number of a row is in it."""
        shape = rows.shape[1:]
        if len(shape) == rank + 1:
            self._size, self._n_channels, self._place = shape[1:], shape[0], None
            return
        image = None
        if convolutions:
            first = LayerSite(self._model.network, convolutions[0][0], "input", rows, name)
            if len(first.shape) == rank + 1:
                image, self._place = first.shape, column_places(first, rows)
        if image is None or self._place is None:
            raise ValueError(
                f"{name} makes a map of {rank} axes of positions at the layer {self.layer_!r}, but X has rows of shape "
                f"{shape}, which do not go into the first convolution one by one. Give X of shape (n_samples, "
                f"n_channels, {', '.join(('height', 'width', 'depth')[:rank])}), or use SaliencyExplainer."
            )
        self._size, self._n_channels = image[1:], image[0]

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        model, site = self._model, self._site
        inputs = model.inputs(X)
        values = np.empty((len(inputs), *inputs.shape[1:]), dtype=model.dtype)
        explained, base_values = (np.empty(len(inputs), dtype=model.dtype) for _ in range(2))
        step = chunk_rows(self._numel, self.batch_size)
        with model.network.frozen():
            base = torch.as_tensor(self.base_outputs_).to(model.network.device)[None]
            for first in range(0, len(inputs), step):
                rows = slice(first, first + step)
                z = model.network.tensor(inputs[rows])
                with torch.no_grad():
                    activations = site.variable(z)
                slopes, outputs = gradient(site, activations, choose, site.context(z), step)
                target = choose(outputs)
                found = self._as_rows(activation_map(activations, slopes), z.shape)
                if self.guided:
                    found = self._n_channels * found * self._guide(z, choose)[0]
                values[rows] = found.cpu().numpy()
                explained[rows] = pick(outputs, target).cpu().numpy()
                base_values[rows] = pick(base.expand(len(outputs), -1), target).cpu().numpy()
        return Attributions(self._to_players(values, X, inputs), base_values, explained, {})

    def _guide(self, z, choose):
        """Return guided backpropagation at input rows, the outputs there, and the number of rectifiers."""
        site, rule = Split(self._model.network), GuidedBackpropExplainer._rule
        return rectified_gradient(site, z, choose, site.context(z), rule, self.batch_size)

    def _as_rows(self, maps, shape):
        """Return maps as the rows are laid out, shared by the channels."""
        shares = upsample(maps, self._size)[:, None] / self._n_channels
        shares = shares.expand(-1, self._n_channels, *self._size)
        return shares if self._place is None else shares.flatten(1)[:, self._place].reshape(shape)


def find_convolutions(network, rows):
    """Return (name, shape of its output for a row) of each convolution that is called once, in the order of the calls.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, ...)
        A few rows.
    """
    parts = network.module.named_modules()
    convolutions = [(name, part) for name, part in parts if name and isinstance(part, _CONVOLUTIONS)]
    with noted_calls(convolutions) as calls, network.frozen(), torch.no_grad():
        z = network.tensor(rows)
        network(z)
    names = [call.name for call in calls]
    shapes = [(call.name, tuple(call.output.shape)) for call in calls]
    return [(name, shape[1:]) for name, shape in shapes if names.count(name) == 1 and shape[0] == len(z)]


def column_places(site, rows):
    """Return where in a layer's input each number of a row is, or None if they do not go there one by one.

    They may be scaled and shifted on the way, each for itself.

    Parameters
    ----------
    site : LayerSite
        The input of a layer.
    rows : ndarray of shape (n_rows, ...)

    Returns
    -------
    places : ndarray of shape (n_numbers,) of int, or None
    """
    size = int(np.prod(rows.shape[1:]))
    if size != int(np.prod(site.shape)) or site.network.takes_integers:
        return None
    network, random = site.network, np.random.RandomState(0).standard_normal(size)
    # Rows of zeros, of ones and of the columns' numbers: the second over the first change is the column behind a place.
    probes = np.stack([np.zeros(size), np.ones(size), np.arange(size), random]).reshape(-1, *rows.shape[1:])
    with network.frozen(), torch.no_grad():
        origin, *found = site.variable(network.tensor(probes)).flatten(1).double().cpu().numpy()
    scales, numbered, drawn = (values - origin for values in found)
    if not scales.all():
        return None
    columns = np.rint(numbered / scales).astype(int)
    if (np.sort(columns) != np.arange(size)).any() or not np.allclose(drawn, scales * random[columns], atol=1e-4):
        return None
    places = np.empty(size, dtype=int)
    places[columns] = np.arange(size)
    return places
