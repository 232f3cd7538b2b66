"""Everything public says what it takes and what it returns, so that editors and type checkers know."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cached_property
from importlib import import_module

import pytest

import sklearn_xai

PRIVATE = "_"
OURS = {sklearn_xai.__name__, __name__.split(".")[0]}


def public_modules():
    """Name the package, its packages, and the modules right below it."""
    yield sklearn_xai.__name__
    for found in pkgutil.walk_packages(sklearn_xai.__path__, f"{sklearn_xai.__name__}."):
        parts = found.name.split(".")[1:]
        if not any(part.startswith(PRIVATE) for part in parts) and (found.ispkg or len(parts) == 1):
            yield found.name


def exported(module):
    """Give what a module exports: what it says, else what it defines under a public name."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith(PRIVATE)])
    return [getattr(module, name) for name in names]


def functions_of(value):
    """Give the plain functions behind a public name, without decorators: of a class, its public methods."""
    if inspect.isclass(value):
        for kind in value.__mro__:
            for name, member in vars(kind).items():
                if name == "__init__" or not name.startswith(PRIVATE):
                    yield from behind(member)
    else:
        yield from behind(value)


def behind(member):
    if isinstance(member, property):
        members = [each for each in (member.fget, member.fset) if each is not None]
    elif isinstance(member, (classmethod, staticmethod)):
        members = [member.__func__]
    elif isinstance(member, cached_property):
        members = [member.func]
    else:
        members = [getattr(member, "fn", member)]  # "fn": what scikit-learn's available_if guards
    for found in map(inspect.unwrap, members):
        if inspect.isfunction(found) and found.__module__.split(".")[0] in OURS:
            yield found


def unannotated(function):
    """Name the parameters without a type, and "return" if nothing is said of what comes back."""
    signature = inspect.signature(function)
    places = [(name, p.annotation) for name, p in signature.parameters.items() if name not in ("self", "cls")]
    places.append(("return", signature.return_annotation))
    return [name for name, annotation in places if annotation is inspect.Signature.empty]


@pytest.mark.parametrize("module", sorted(public_modules()))
def test_everything_public_has_its_types(module):
    found = {each for value in exported(import_module(module)) for each in functions_of(value)}
    lacking = {f"{each.__module__}.{each.__qualname__}": unannotated(each) for each in found}
    assert {name: places for name, places in lacking.items() if places} == {}


class Untyped:
    def __init__(self, size):
        self.size = size

    @property
    def half(self):
        return self.size / 2

    @classmethod
    def of(cls, *, size: int, **others) -> Untyped:
        return cls(size)

    def typed(self, more: int) -> int:
        return self.size + more

    def _private(self, more):
        return more


def test_what_has_no_types_is_found():
    found = {each.__name__: unannotated(each) for each in functions_of(Untyped)}
    assert found == {"__init__": ["size", "return"], "half": ["return"], "of": ["others"], "typed": []}


def test_methods_behind_decorators_of_scikit_learn_are_seen():
    names = {each.__qualname__ for each in functions_of(sklearn_xai.SaliencyExplainer)}
    assert {"BaseExplainer.fit", "PassThrough.predict_proba", "BaseExplainer.feature_importances_"} <= names
