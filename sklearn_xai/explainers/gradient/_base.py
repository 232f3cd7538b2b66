"""What the gradient methods share: where in the network they attribute to, and the way back to columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sklearn_xai._compat import StrOptions
from sklearn_xai._typing import Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.background import resolve_baseline, sample_rows
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.models import EmbeddingSite, InsideModel, find_site
from sklearn_xai.tables import take_rows

_LOOKED_AT = 256  # rows from which it is learned how the network is built
_BASELINE_ROWS = 2_000  # rows whose tokens or activations a baseline is taken from


class GradientExplainer(BaseExplainer):
    """Base class of methods that attribute inside the network; a subclass overrides ``_attribute_variable``.

    What is attributed to is the variable of ``_site``: the input, the vectors of tokens, or the units of ``layer``.
    """

    _gradients = True
    _inputs: tuple[str, ...] = ("table", "image", "tokens")

    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "layer": [str, tuple, None],
        "channels": [StrOptions({"keep", "sum"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
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
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.layer = layer
        self.channels = channels

    # ------------------------------------------------------------------ what a subclass says
    def _attribute_variable(self, v, context, choose):
        """Attribute to the site's variable of a few rows, inside ``network.frozen()``.

        Parameters
        ----------
        v : Tensor of shape (n_rows, ...)
            The variable of ``self._site``.
        context : Tensor of shape (1, ...) or (n_rows, ...)
            What the site's tail needs to know of the rows.
        choose : callable
            From outputs to the index of the explained one.

        Returns
        -------
        attributions : Tensor of the shape of v
        outputs : Tensor of shape (n_rows, n_outputs)
        base_outputs : Tensor of shape (1 or n_rows, n_outputs), or None for the mean output over the background
        """
        raise AttributeError(f"{type(self).__name__} does not say how it attributes.")

    def _extras(self):
        """Return more facts of the rows that were attributed last."""
        return {}

    # ------------------------------------------------------------------ fit
    def _look_inside(self, X):
        name = type(self).__name__
        layer = self.layer
        if isinstance(layer, tuple) and not (len(layer) == 2 and layer[1] in ("input", "output")):
            raise ValueError(
                f"The 'layer' parameter of {name} must be the name of a sub-module, or (name, 'input'). Got {layer!r}."
            )
        if layer is not None and self.feature_groups is not None:
            raise ValueError(
                f"The 'feature_groups' parameter of {name} groups columns of X: with a layer, leave it None."
            )
        self._site = find_site(self._model.network, self._model.inputs(take_rows(X, slice(_LOOKED_AT))), layer, name)

    def _find_players(self, X):
        super()._find_players(X)
        if self.layer is not None:
            self._find_units(X)

    def _find_units(self, X):
        """Make the units of the layer the players."""
        self._inside = InsideModel(self._model, self._site, take_rows(X, slice(1)))
        units = np.flatnonzero(self._inside.feeds >= 0)
        name = self.layer if isinstance(self.layer, str) else self.layer[0]
        self.n_players_ = len(units)
        self._members = [np.array([j]) for j in range(len(units))]
        self.player_names_ = np.array([f"{name}_{j}" for j in range(len(units))], dtype=object)

    def _removable(self):
        return self._model if self.layer is None else self._inside

    @property
    def _value_shape(self):
        return super()._value_shape if self.layer is None else (self.n_players_,)

    # ------------------------------------------------------------------ baselines
    def _find_baseline(self, baseline, X, rng):
        """Return the baselines in the space that is attributed to, shape (n_baselines, ...)."""
        name = type(self).__name__
        rows = self.background_ if isinstance(baseline, str) and baseline == "sample" else X
        if isinstance(self._site, EmbeddingSite) or self.layer is not None:
            return self._find_inner_baseline(baseline, sample_rows(rows, _BASELINE_ROWS, rng))
        return resolve_baseline(baseline, np.asarray(self._model.inputs(rows), dtype=self._model.dtype), name)

    def _find_inner_baseline(self, baseline, X):
        """Return baselines of vectors of tokens, or of the units of a layer; padding is no example of a token."""
        site, network = self._site, self._model.network
        with network.frozen(), torch.no_grad():
            z = network.tensor(self._model.inputs(X))
            if isinstance(baseline, str) and baseline == "pad":
                found = site.padding_vectors(z[:1]) if isinstance(site, EmbeddingSite) else None
                if found is None:
                    raise ValueError(
                        f"The 'baseline' parameter of {type(self).__name__} is 'pad', but the network looks no tokens "
                        "up in an Embedding with a padding_idx. Use 'mean', 'zero', 'sample' or an array."
                    )
                return found.cpu().numpy()
            parts = z.split(256)
            v = torch.cat([site.variable(part) for part in parts])
            still = [site.still(site.variable(part), part) for part in parts]
        values = v.cpu().numpy()
        if isinstance(baseline, str) and baseline in ("mean", "median", "min", "max") and still[0] is not None:
            values = _without_padding(values, torch.cat(still).cpu().numpy())
        return resolve_baseline(baseline, values, type(self).__name__)

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        model, site = self._model, self._site
        inputs = model.inputs(X)
        with model.network.frozen():
            z = model.network.tensor(inputs)
            v, context = site.variable(z), site.context(z)
            found, outputs, base = self._attribute_variable(v, context, choose)
            still = site.still(v, context)
            found = found if still is None else found.masked_fill(still, 0)
            target = choose(outputs)
            values = found.cpu().numpy()
            explained = _pick(outputs, target).cpu().numpy()
            if base is None:
                chosen = target if isinstance(target, int) else target.cpu().numpy()
                base_values = np.broadcast_to(self.base_outputs_[chosen], explained.shape)
            else:
                base_values = _pick(base.expand(len(outputs), -1), target).cpu().numpy()
        return Attributions(self._fold(values, X, inputs), base_values, explained, self._extras())

    def _fold(self, values, X, inputs):
        """Return attributions to the variable as attributions to the players."""
        if self.layer is not None:
            return values.reshape(len(values), -1)
        if isinstance(self._site, EmbeddingSite):
            values = self._site.fold(values, inputs.shape[1])
        return self._to_players(values, X, inputs)

    def _data(self, X):
        if self.layer is None:
            return super()._data(X)
        inside = self._inside.inputs(X)[:, self._inside.feeds >= 0]
        return inside, inside


def _without_padding(values, still):
    """Return values with those of padding replaced by what stands for their place: the mean of the tokens there."""
    values = np.where(still, np.nan, values)
    seen = ~np.isnan(values)
    total, count = np.where(seen, values, 0).sum(axis=0), seen.sum(axis=0)
    of_all = total.sum(axis=0) / np.maximum(1, count.sum(axis=0)) if total.ndim > 1 else np.zeros_like(total)
    mean = np.where(count > 0, total / np.maximum(1, count), of_all)
    return np.where(seen, values, mean).astype(values.dtype)


def _pick(outputs, target):
    return outputs[:, target] if isinstance(target, int) else outputs.gather(1, target[:, None])[:, 0]
