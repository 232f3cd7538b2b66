"""What the gradient methods share: the network's inputs, and the way back to columns."""

from __future__ import annotations

import torch

from sklearn_xai.base import Attributions, BaseExplainer


class GradientExplainer(BaseExplainer):
    """Base class of methods that attribute to the network's inputs; a subclass overrides ``_attribute_inputs``."""

    _gradients = True
    _inputs: tuple[str, ...] = ("table", "image")

    def _attribute_inputs(self, z, choose):
        """Attribute to the inputs of a few rows, inside ``network.frozen()``.

        Parameters
        ----------
        z : Tensor of shape (n_rows, ...)
        choose : callable
            From outputs to the index of the explained one.

        Returns
        -------
        attributions : Tensor of the shape of z
        outputs : Tensor of shape (n_rows, n_outputs)
        base_outputs : Tensor of shape (1 or n_rows, n_outputs), or None for the mean output over the background
        """
        raise AttributeError(f"{type(self).__name__} does not say how it attributes.")

    def _prepare(self, X, y, rng):
        inputs = self._model.inputs(self.background_)
        if not self._model.network.tensor(inputs[:1]).is_floating_point():
            raise ValueError(
                f"{type(self).__name__} differentiates the network at its inputs, but the network looks whole numbers "
                "up in an embedding, which has no gradient there. Use LocalSurrogateExplainer, RFEExplainer or "
                "SHAPExplainer."
            )
        self._model.find_head(inputs)

    def _attribute(self, X, choose):
        model = self._model
        inputs = model.inputs(X)
        with model.network.frozen():
            found, outputs, base = self._attribute_inputs(model.network.tensor(inputs), choose)
            target = choose(outputs)
            base = torch.as_tensor(self.base_outputs_).to(outputs)[None] if base is None else base
            values = found.cpu().numpy()
            explained = _pick(outputs, target).cpu().numpy()
            base_values = _pick(base.expand(len(outputs), -1), target).cpu().numpy()
        return Attributions(self._to_players(values, X, inputs), base_values, explained, self._extras())

    def _extras(self):
        """Return more facts of the rows that were attributed last."""
        return {}


def _pick(outputs, target):
    return outputs[:, target] if isinstance(target, int) else outputs.gather(1, target[:, None])[:, 0]
