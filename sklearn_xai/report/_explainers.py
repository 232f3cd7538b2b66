"""Which explainers a report asks: those that suit the model, or those that the caller names."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_xai.base.wrapping import around
from sklearn_xai.explainers.naming import explainer_named
from sklearn_xai.model_selection.inputs import check_explainers, n_rows, take_rows

# The first that suits a model is the main one, behind the pictures of rows.
OF_TABLES = (
    "IntegratedGradients",
    "Shapley",
    "LocalSurrogate",
    "Occlusion",
    "PermutationImportance",
    "TreeSurrogate",
    "SHAP",
    "Random",
)
OF_IMAGES = ("IntegratedGradients", "Saliency", "GradCAM", "Occlusion", "SHAP", "Random")
_NOT_OF = {True: {"PermutationImportance"}, False: {"IntegratedGradients", "Saliency", "GradCAM"}}  # networks, others
PROBE_ROWS, _EXPLAINED_ROWS = 64, 2
CONTROL, REFERENCE = "RandomExplainer", "SHAPExplainer"


def asked_explainers(explainers: Any, model: Any, settings: dict[str, Any], inputs: str) -> tuple[dict[str, Any], bool]:
    """Return the explainers of a report around a fitted model, and whether the caller named them.

    Parameters
    ----------
    explainers : None, dict of str to explainer, or iterable of str
    model : FrozenEstimator or torch module
    settings : dict
        ``target``, ``output`` and ``feature_groups`` of those that are not given ready made.
    inputs : {"table", "image"}
    """
    caller = "ExplanationReport"
    if isinstance(explainers, Mapping):
        check_explainers(dict(explainers), caller)
        found = {str(name): clone(around(explainer, model)) for name, explainer in explainers.items()}
        if not any(type(explainer).__name__ == CONTROL for explainer in found.values()):
            name = "Random" if "Random" not in found else CONTROL
            found[name] = explainer_named("Random", inputs)[1](model, **settings)
        return found, True
    if isinstance(explainers, str):
        explainers = [explainers]
    try:
        names = _defaults(model, inputs) if explainers is None else list(dict.fromkeys([*explainers, "Random"]))
        kinds = dict(explainer_named(str(name), inputs) for name in names)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"The 'explainers' parameter of {caller} must be None, a dict of explainers, or a list of their names: "
            f"{error}."
        ) from None
    own = _of_images(model, settings) if inputs == "image" else {}
    return {name: kind(model, **settings, **own.get(name, {})) for name, kind in kinds.items()}, explainers is not None


def _of_images(model: Any, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return parameters without which thousands of pixels would be removed one by one."""
    if settings.get("feature_groups") is not None:
        return {}
    from sklearn_xai.models import is_network, split_pipeline

    return {"SHAP": {"algorithm": "gradient" if is_network(split_pipeline(model)[1]) else "partition"}}


def _defaults(model: Any, inputs: str) -> list[str]:
    from sklearn_xai.models import is_network, split_pipeline

    unsuited = _NOT_OF[is_network(split_pipeline(model)[1])]
    return [name for name in (OF_IMAGES if inputs == "image" else OF_TABLES) if name not in unsuited]


def suited(explainers: dict[str, Any], asked: bool, X: Any, y: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the explainers that can explain the model, and why the others cannot.

    Raises
    ------
    ValueError
        Where an explainer that the caller named, or every one, cannot.
    """
    some = np.unique(np.linspace(0, n_rows(X) - 1, PROBE_ROWS).astype(int))  # of all classes, also where X is sorted
    few, y_few = take_rows(X, some), y[some]
    rows = take_rows(few, np.arange(min(_EXPLAINED_ROWS, n_rows(few))))
    shapes: dict[str, tuple[int, ...]] = {}
    refused: dict[str, str] = {}
    for name, explainer in explainers.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are told of the real work
                fitted = clone(explainer).fit(few, y_few)
                values = fitted.explain(rows).values
        except Exception as error:  # the model is the user's, and raises what it likes
            refused[name] = " ".join(str(error).split()) or type(error).__name__
            if asked:
                raise ValueError(f"ExplanationReport: {name} cannot explain this model: {refused[name]}") from error
            continue
        if isinstance(fitted._target_index, str) and fitted._target_index == "all":
            raise ValueError(
                f"ExplanationReport explains one of the outputs of a row, and {name} explains all "
                f"{fitted._model.n_outputs}: name one by the 'target' parameter, such as target={_an_output(fitted)!r}."
            )
        shapes[name] = np.shape(values)[1:]
    kept = {name: explainers[name] for name in shapes}
    if all(type(explainer).__name__ == CONTROL for explainer in kept.values()):
        reason = next(iter(refused.values()), "no explainer was given")
        raise ValueError(f"ExplanationReport: this model cannot be explained on the columns of X: {reason}")
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if shape != shapes[first]:
            refused[name] = f"its attributions have the shape {shape} for a row, those of {first} {shapes[first]}"
            if asked and name in kept:
                raise ValueError(f"ExplanationReport: {name} cannot be compared with {first}: {refused[name]}.")
            kept.pop(name)
    return kept, refused


def _an_output(fitted: Any) -> Any:
    classes = fitted._model.classes
    return 0 if classes is None else classes.tolist()[0]


def main_of(explainers: dict[str, Any]) -> str:
    """Return the name of the explainer that most of the report is about."""
    return next(name for name, explainer in explainers.items() if type(explainer).__name__ != CONTROL)


def name_of_kind(explainers: dict[str, Any], kind: str) -> str | None:
    """Return the name of the first explainer of a class, or None."""
    return next((name for name, explainer in explainers.items() if type(explainer).__name__ == kind), None)
