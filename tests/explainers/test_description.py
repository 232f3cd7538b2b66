from __future__ import annotations

import inspect
import re

import pytest

import sklearn_xai
from sklearn_xai import all_explainers
from sklearn_xai.base import BaseExplainer
from sklearn_xai.explainers.description import describe, first_sentence
from sklearn_xai.metrics import METRICS
from sklearn_xai.model_selection import ExplainerSelector

ESTIMATORS = {
    name: kind
    for name in sklearn_xai.__all__
    if hasattr(kind := getattr(sklearn_xai, name), "set_params") and not issubclass(kind, BaseExplainer)
} | {"ExplainerSelector": ExplainerSelector}
KINDS = dict(all_explainers()) | ESTIMATORS | {name: metric.function for name, metric in METRICS.items()}
YEAR = re.compile(r"\((1[89]|20)\d\d\)")


def braces_match(tex):
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if sign == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and tex.count(r"\left") == tex.count(r"\right")


def said_of(kind):
    """Return what the description of a class or function lacks."""
    found = describe(kind)
    lacks = [part for part in ("question", "misleads", "cost") if len(getattr(found, part)) < 20]
    lacks += ["equation"] if not (found.equation or kind in ESTIMATORS.values()) else []
    lacks += ["equation that parses"] if not braces_match(found.equation) else []
    lacks += ["references"] if issubclass_of_explainer(kind) and not found.references else []
    lacks += [f"year of {text!r}" for text in found.references if not YEAR.search(text)]
    return lacks


def issubclass_of_explainer(kind):
    return isinstance(kind, type) and issubclass(kind, BaseExplainer)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_all_are_described(name):
    assert said_of(KINDS[name]) == []


@pytest.mark.parametrize("name", dict(all_explainers()))
def test_every_parameter_of_an_explainer_has_a_line(name):
    kind = KINDS[name]
    parameters = describe(kind).parameters
    assert list(parameters) and set(parameters) == set(inspect.signature(kind).parameters)
    assert all(len(text) > 5 and not text.startswith(("default", ",")) for text in parameters.values())


@pytest.mark.parametrize("name", dict(all_explainers()))
def test_what_a_table_shows_is_short(name):
    found = describe(KINDS[name]).plain()
    assert len(first_sentence(found.cost)) < 170
    assert len(found.needs) < 40
    assert len(found.adds_up) < 40


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_plain_description_has_no_markup(name):
    found = describe(KINDS[name]).plain()
    texts = [found.question, found.misleads, found.cost, *found.parameters.values(), *found.references]
    assert not [text for text in texts if "`" in text or ":math:" in text or "\\" in text]


def test_a_new_explainer_that_says_nothing_is_found_out():
    class SilentExplainer(BaseExplainer):
        """What is said?

        Notes
        -----
        Costs nothing.

        References
        ----------
        Nobody. Nothing.
        """

    assert said_of(SilentExplainer) == ["question", "misleads", "cost", "equation", "year of 'Nobody. Nothing.'"]


def test_a_class_without_a_docstring_has_an_empty_description():
    found = describe(type("Bare", (), {"__doc__": None}))
    assert (found.name, found.question, found.equation, found.references) == ("Bare", "", "", [])
    assert (found.needs, found.inputs, found.adds_up) == ("", (), "")


def test_what_is_read_from_a_docstring():
    class Method(BaseExplainer):
        r"""What does ``it`` say of :class:`~somewhere.Thing`?

        In one line :math:`a_i`, then

        .. math:: \phi_i = a_i +
            b_i,

        and at last

        .. math::

            c = d.

        Parameters
        ----------
        estimator : object
            The model. More of it.
        low, high : float, \
                default=None
            The ends, e.g. 0.5 or 1. And more.

        Notes
        -----
        Something else.

        Misleads where ``low`` is
        high.

        Cost: one pass a row. ``fit`` adds
        two.

        References
        ----------
        A, B. (2001). First.
        Second line.

        C. (2002). Second.
        """

        _additive = True
        _gradients = True

    found = describe(Method)
    assert found.question == "What does ``it`` say of :class:`~somewhere.Thing`?"
    assert found.equation == "\\phi_i = a_i + b_i\nc = d"
    assert found.misleads == "Misleads where ``low`` is high."
    assert found.cost == "One pass a row. ``fit`` adds two."
    assert (found.needs, found.adds_up, found.inputs) == ("a network", "to the output", ("table",))
    assert found.parameters == {
        "estimator": "The model.",
        "low": "The ends, e.g. 0.5 or 1.",
        "high": "The ends, e.g. 0.5 or 1.",
    }
    assert found.references == ["A, B. (2001). First. Second line.", "C. (2002). Second."]
    plain = found.plain()
    assert plain.question == "What does it say of somewhere.Thing?"
    assert plain.equation == found.equation
    assert plain.misleads == "Misleads where low is high."


def test_what_classes_declare():
    facts = {name: (found.needs, found.adds_up) for name, kind in all_explainers() for found in [describe(kind)]}
    assert facts["GradCAMExplainer"] == ("a network with convolutions", "no")
    assert facts["GuidedBackpropExplainer"] == ("a network with rectifiers (ReLU)", "no")
    assert facts["TreeSurrogateExplainer"] == ("any model", "to the surrogate's output")
    assert facts["ShapleyExplainer"] == ("any model", "to the output")
    assert facts["IntegratedGradientsExplainer"] == ("a network", "to the output")
