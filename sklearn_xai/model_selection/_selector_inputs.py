"""What an `ExplainerSelector` is given, checked and completed: explainers, their control, and metrics."""

from __future__ import annotations

import warnings

from sklearn_xai.explainers import RandomExplainer
from sklearn_xai.model_selection.inputs import check_explainers, given, n_rows
from sklearn_xai.models import is_network, split_pipeline

# One of each family that needs nothing but explainer and rows.
DEFAULT_METRICS = (
    "faithfulness_correlation",
    "max_sensitivity",
    "sparseness",
    "parameter_randomisation",
    "completeness_gap",
)


def with_control(listed, control, own_params, caller):
    """Check the explainers; give them by name with the control among them, and its name.

    Parameters
    ----------
    listed : dict of str to explainer, or list of (str, explainer)
    control : str or None
    own_params : collection of str
        What no explainer may be called.
    caller : str
    """
    explainers = dict(listed if isinstance(listed, dict) else _pairs(listed, caller))
    check_explainers(explainers, caller)
    wrong = [name for name in explainers if not isinstance(name, str) or "__" in name or name in own_params]
    if wrong:
        raise ValueError(
            f"The 'explainers' parameter of {caller} must have strings as names, without '__' and other than its "
            f"parameters. Got {wrong}."
        )
    if control is None or control in explainers:
        return explainers, control
    if control != "random":
        raise ValueError(
            f"The 'control' parameter of {caller} must be None, 'random' or one of {list(explainers)}. Got {control!r}."
        )
    for name, explainer in explainers.items():
        if isinstance(explainer, RandomExplainer):
            return explainers, name
    return {**explainers, "random": _random_like(next(iter(explainers.values())))}, "random"


def chosen_metrics(metrics, explainers, caller):
    """Give the metrics asked for, or the defaults that suit what is explained."""
    if metrics is None:
        networks = all(is_network(split_pipeline(given(explainer))[1]) for explainer in explainers.values())
        return [metric for metric in DEFAULT_METRICS if networks or metric != "parameter_randomisation"]
    if not isinstance(metrics, str) and not callable(metrics) and not len(metrics):
        raise ValueError(f"The 'metrics' parameter of {caller} must be None or name at least one. Got {metrics!r}.")
    return metrics


def _pairs(explainers, caller):
    """Check that `explainers` is a list of pairs of which no two have the same name."""
    pairs = list(explainers) if isinstance(explainers, list | tuple) else []
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        got = type(explainers).__name__ if not pairs else f"a list that holds {_names_of_types(pairs)}"
        raise TypeError(
            f"The 'explainers' parameter of {caller} must be a dict {{name: explainer}} or a list of (name, "
            f"explainer), of at least one. Got {got}."
        )
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"The 'explainers' parameter of {caller} has a name twice: {names}.")
    return pairs


def _names_of_types(values) -> str:
    return ", ".join(dict.fromkeys(type(value).__name__ for value in values))


def _random_like(explainer):
    """Make the random control of an explainer: of the same estimator, output and players."""
    shared = ("target", "output", "feature_groups", "batch_size")
    params = explainer.get_params(deep=False)
    return RandomExplainer(given(explainer), **{name: params[name] for name in shared if name in params})


def checked_params(params, scorers, n, caller) -> dict:
    """Check what metrics are given a row at a time, and that they have what they need."""
    for name, value in params.items():
        if not any(scorer.takes(name) for scorer in scorers.values()):
            raise TypeError(f"{caller} got metric_params {name!r}, which none of the metrics {list(scorers)} takes.")
        if n_rows(value) != n:
            raise ValueError(
                f"metric_params[{name!r}] of {caller} must have one entry for each of the {n} rows. Got "
                f"{n_rows(value)}."
            )
    for name, scorer in scorers.items():
        needs = scorer.known.needs if scorer.known else ()
        missing = [need for need in needs if need not in params and need not in scorer.kwargs]
        if missing:
            raise TypeError(
                f"{caller}: the metric {name!r} needs {missing}, with an entry a row: metric_params={{{missing[0]!r}: "
                "...}."
            )
    return params


def tell_left_out(left_out, n_metrics, caller):
    """Warn of metrics that could not be computed; raise if none could."""
    if not left_out:
        return
    parts = [
        f"{metric} ({'; '.join(f'{n}: {why}' for n, why in reasons.items())})" for metric, reasons in left_out.items()
    ]
    if len(left_out) == n_metrics:
        raise ValueError(f"{caller}: no metric could be computed: {', '.join(parts)}.")
    warnings.warn(
        f"{caller}: metrics that could not be computed for some explainers are NaN there and take part in no rank: "
        f"{', '.join(parts)}.",
        UserWarning,
        stacklevel=5,
    )
