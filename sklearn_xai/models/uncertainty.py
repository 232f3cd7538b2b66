"""How unsure probabilities are: entropies of one prediction, and of many by weights drawn at random.

All numbers are in nats, differentiable, and finite where a probability is 0.
"""

from __future__ import annotations

import math

import torch

# What ``output`` may be where not an output of the model is explained, but how unsure it is: always one number a row.
UNCERTAINTIES = ("entropy", "aleatoric", "epistemic")


def log_probabilities(out, ending):
    """Return the logs of the probabilities of classes, shape (n_rows, n_classes).

    Parameters
    ----------
    out : Tensor of shape (n_rows, n_outputs)
        One column is the second of two classes.
    ending : {"softmax", "sigmoid", "probabilities"}
        What makes probabilities of it; "probabilities" that they are ones.
    """
    if ending == "softmax":
        return torch.log_softmax(out, dim=1)
    if ending == "sigmoid":
        return torch.nn.functional.logsigmoid(torch.cat([-out, out], dim=1) if out.shape[1] == 1 else out)
    out = torch.cat([1 - out, out], dim=1) if out.shape[1] == 1 else out
    return out.clamp(min=torch.finfo(out.dtype).tiny).log()  # no gradient below, where p log p has an infinite one


def entropy(log_p):
    r"""Return :math:`-\sum_k p_k \log p_k` over the last axis, which is kept."""
    return (log_p.exp() * -log_p).sum(dim=-1, keepdim=True)


def mean_log_probabilities(draws):
    """Return the logs of the mean probabilities of draws (n_rows, n_draws, n_classes)."""
    return torch.logsumexp(draws, dim=1) - math.log(draws.shape[1])


def of_log_draws(draws, output):
    """Return an explained output of log-probabilities (n_rows, n_draws, n_classes) by weights drawn at random.

    "raw" is the log-odds of the mean probabilities of two classes, or else their logs; "epistemic" the mutual
    information of class and weights, as the mean divergence of the draws from their mean.
    """
    if output == "aleatoric":
        return entropy(draws).mean(dim=1)
    mean = mean_log_probabilities(draws)
    if output == "proba":
        return mean.exp()
    if output == "entropy":
        return entropy(mean)
    if output == "epistemic":
        return (draws.exp() * (draws - mean[:, None])).sum(dim=-1).mean(dim=1, keepdim=True)
    if mean.shape[1] == 2:
        odds = mean[:, 1:] - mean[:, :1]
        return torch.cat([-odds, odds], dim=1)
    return mean


def of_mean_draws(draws, output):
    """Return an explained output of predictions (n_rows, n_draws, n_outputs) by weights drawn at random.

    "epistemic" is their variance over the draws, added up over outputs; else it is their mean.
    """
    mean = draws.mean(dim=1, keepdim=True)
    if output == "epistemic":
        return (draws - mean).square().mean(dim=1).sum(dim=1, keepdim=True)
    return mean[:, 0]


def check_uncertainty(output, caller, name, *, classifier, draws=False):
    """Raise where a model has no such uncertainty: of a regressor without draws, or of parts without draws.

    Parameters
    ----------
    output : {"entropy", "aleatoric", "epistemic"}
    caller, name : str
        The explainer's and the model's names, for the message.
    classifier : bool
        Whether the model gives probabilities.
    draws : bool
        Whether it has predictions by many draws of its weights.
    """
    given = f"The 'output' parameter of {caller} is {output!r}, but {name}"
    if not draws and output != "entropy":
        raise ValueError(
            f"{given} has one prediction a row, whose uncertainty has no parts. Put it into a PredictiveDistribution, "
            "which has many, or use output='entropy'."
        )
    if classifier:
        return
    if draws and output != "epistemic":
        raise ValueError(f"{given} predicts numbers by draws of weights: what differs by row is output='epistemic'.")
    if not draws:
        raise ValueError(
            f"{given} gives no probabilities, whose entropy it would be: it must be a classifier with predict_proba, "
            "or a module that ends in a softmax or sigmoid. Use output='auto', or output='epistemic' of a "
            "PredictiveDistribution."
        )
