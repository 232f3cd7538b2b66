"""The posterior of a network's last layer, by Laplace's approximation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from sklearn_xai.models import noted_calls
from sklearn_xai.models.uncertainty import log_probabilities
from sklearn_xai.output._weight_draws import layer_input

_MOST_WEIGHTS = 8_192  # a square matrix of as many rows takes half a gigabyte
_NOISE_STEPS = 200


@dataclass
class LastLayerPosterior:
    """A normal distribution of the weights of a last layer, biases last in each row.

    Attributes
    ----------
    mean : ndarray of shape (n_logits, n_features + 1)
        The weights as they were trained (without the last column where the layer has no bias).
    eigenvalues : ndarray of shape (n_weights,)
        Of the Hessian of the negative log-likelihood.
    eigenvectors : ndarray of shape (n_weights, n_weights)
    prior_precision : float
        One over the prior variance of each weight.
    noise_variance : ndarray of shape (n_outputs,), or None
    """

    mean: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    prior_precision: float
    noise_variance: np.ndarray | None = None

    @property
    def covariance(self):
        """Covariance of the weights, shape (n_weights, n_weights), row by row of ``mean``."""
        return (self.eigenvectors / (self.eigenvalues + self.prior_precision)) @ self.eigenvectors.T

    def draw(self, n_draws, rng):
        """Draw weights, shape (n_draws, n_logits, n_features + 1), whose mean is that of the posterior."""
        z = centred_normal(n_draws, len(self.eigenvalues), rng) / np.sqrt(self.eigenvalues + self.prior_precision)
        return self.mean + (z @ self.eigenvectors.T).reshape(n_draws, *self.mean.shape)


def centred_normal(n_draws, size, rng):
    """Draw standard normal vectors, moved so that their mean is 0 and their expected covariance as before.

    The mean prediction of a model that is linear in its weights is then exactly that by the mean weights; one draw is
    0.
    """
    z = rng.standard_normal((n_draws, size))
    return (z - z.mean(axis=0)) * np.sqrt(n_draws / max(1, n_draws - 1))


def find_last_layer(network, rows, caller):
    """Return the name of the Linear layer whose output is what the softmax, sigmoid or squared error is taken of."""
    linear = [(name, part) for name, part in network.module.named_modules() if isinstance(part, nn.Linear)]
    with noted_calls(linear) as calls, network.frozen(), torch.no_grad():
        raw = network.explained_step(network.tensor(rows))
    name, h, out = calls[-1] if calls else (None, None, None)
    last = out is not None and h.ndim == 2 and out.numel() == raw.numel() and _same(out.reshape(raw.shape), raw)
    if not last or sum(call.name == name for call in calls) != 1:
        raise ValueError(
            f"The 'method' parameter of {caller} is 'laplace_last_layer', but {type(network.module).__name__} does not "
            "end in a Linear layer that is called once a row, followed by nothing but a softmax or sigmoid. Use method="
            "'ensemble' or 'swag'."
        )
    if network.output == "entropy" and network.ending == "probabilities":
        raise ValueError(
            f"The 'method' parameter of {caller} is 'laplace_last_layer', which needs to know how probabilities come "
            f"from the last layer: by a softmax or a sigmoid. {type(network.estimator).__name__} makes them otherwise. "
            "Use method='ensemble' or 'swag'."
        )
    return name


def _same(a, b):
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def last_layer_posterior(network, path, inputs, y, prior_precision, caller, batch_size=1024):
    r"""Return the Laplace approximation of the posterior of the last layer.

    The Hessian is the generalised Gauss-Newton matrix :math:`\sum_n \Lambda_n \otimes \phi_n \phi_n^\top` of features
    :math:`\phi` (and 1) and the Hessian :math:`\Lambda` of the negative log-likelihood by the logits.

    Parameters
    ----------
    network : Network
    path : str
        Name of the last layer.
    inputs : ndarray of shape (n_rows, ...)
        What the network was trained on.
    y : ndarray of shape (n_rows, n_outputs), or None
        Of a regressor.
    prior_precision : float or "auto"
        "auto" maximises the marginal likelihood.
    caller : str
        Class name for messages.
    """
    layer = network.module.get_submodule(path)
    parts = [layer.weight] if layer.bias is None else [layer.weight, layer.bias[:, None]]
    mean = torch.cat(parts, dim=1).detach().cpu().double().numpy()
    n_logits, width = mean.shape
    if n_logits * width > _MOST_WEIGHTS:
        raise ValueError(
            f"The 'method' parameter of {caller} is 'laplace_last_layer', whose matrix of all pairs of weights would "
            f"be of {n_logits * width} rows: at most {_MOST_WEIGHTS} will do. Use method='swag' or 'ensemble'."
        )
    if not np.isfinite(mean).all():
        raise ValueError(
            f"{caller}: the weights of the last layer are no finite numbers: the training ran away. Scale the columns "
            "and the target, or lower the learning rate of the net."
        )
    hessian = np.zeros((n_logits, width, n_logits, width))
    residuals = np.zeros(n_logits)
    with network.frozen(), torch.no_grad():
        for start in range(0, len(inputs), batch_size):
            z = network.tensor(inputs[start : start + batch_size])
            h = layer_input(network, path, lambda z=z: network(z)).cpu().double().numpy()
            phi = h if layer.bias is None else np.column_stack([h, np.ones(len(h))])
            logits = phi @ mean.T
            if y is not None:
                residuals += ((y[start : start + batch_size] - logits) ** 2).sum(axis=0)
                hessian[0, :, 0] += phi.T @ phi
                continue
            for i, j, weight in _curvature(logits, network.ending):
                hessian[i, :, j] += (phi * weight[:, None]).T @ phi
    norm = float((mean**2).sum())
    if y is not None:
        return LastLayerPosterior(
            mean, *_of_regression(hessian[0, :, 0], residuals, len(inputs), norm, prior_precision)
        )
    values, vectors = np.linalg.eigh(hessian.reshape(n_logits * width, -1))
    values = values.clip(min=0)
    precision = best_precision(values, norm) if prior_precision == "auto" else float(prior_precision)
    return LastLayerPosterior(mean, values, vectors, precision)


def _curvature(logits, ending):
    """Yield (i, j, second derivative of the negative log-likelihood by logits i and j, for each row)."""
    p = log_probabilities(torch.as_tensor(logits), ending).exp().numpy()
    if ending == "sigmoid":
        yield 0, 0, p[:, 0] * p[:, 1]
        return
    for i in range(p.shape[1]):
        for j in range(p.shape[1]):
            yield i, j, p[:, i] * ((i == j) - p[:, j])


def best_precision(eigenvalues, squared_norm):
    r"""Return the prior precision of the greatest marginal likelihood (MacKay 1992), with weights as they are.

    The log marginal likelihood is, up to a constant,
    :math:`-\delta \|w\|^2 / 2 + \tfrac12 \sum_i (\log \delta - \log (\lambda_i + \delta))`.
    """

    def minus_evidence(log_precision):
        precision = np.exp(log_precision)
        return precision * squared_norm - np.sum(log_precision - np.log(eigenvalues + precision))

    found = minimize_scalar(
        minus_evidence, bounds=(np.log(1e-6), np.log(1e6)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def _of_regression(gram, residuals, n_rows, norm, prior_precision):
    """Return eigenvalues, eigenvectors, prior precision and noise variances, each found given the others."""
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(min=0)
    precision = 1.0 if prior_precision == "auto" else float(prior_precision)
    noise = np.maximum(residuals / n_rows, 1e-12)
    for _ in range(_NOISE_STEPS):
        before = np.append(noise, precision)
        scaled = values / noise[:, None]
        if prior_precision == "auto":
            precision = best_precision(scaled.ravel(), norm)
        used = (scaled / (scaled + precision)).sum(axis=1)  # weights that the data tell of
        noise = np.maximum(residuals / np.maximum(n_rows - used, 1), 1e-12)
        if np.allclose(np.append(noise, precision), before, rtol=1e-10, atol=0):
            break
    k = len(noise)
    return (values / noise[:, None]).ravel(), np.kron(np.eye(k), vectors), precision, noise
