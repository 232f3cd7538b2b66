"""What is public, in the order in which the reference shows it; found, so that there is no list to keep."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import sklearn_xai
from sklearn_xai import all_explainers
from sklearn_xai.metrics import METRICS

# Pages of the reference, and the rooms of the package that they show; a room not named here is a building block.
PAGES = (
    ("explainers", "Explainers", "What speaks for an answer, and how much?", ("explainers",)),
    ("report", "Report", "All of it in one file, to be sent to a colleague.", ("report",)),
    ("model_selection", "Comparison and choice", "Which explainer, and how stable is it?", ("model_selection",)),
    ("metrics", "Metrics", "Can an explanation be believed?", ("metrics",)),
    ("display", "Pictures", "Drawn on matplotlib axes.", ("display",)),
    ("network", "Inside the network", "What units, layers and trainings do.", ("network",)),
    ("output", "Uncertainty and boundaries", "How sure is the model, and where would it change its mind?", ("output",)),
    ("datasets", "Data", "Data to try things on, and data whose attributions are known.", ("datasets", "tokens")),
    ("command_line", "Command line", "The same from a shell.", ("cli",)),
)
BLOCKS = ("building_blocks", "Building blocks", "What explainers and metrics of your own are made of.")

ALL, SCORERS = "All of them", "Scorers, curves and the register"  # groups of what has no family


@dataclass(frozen=True)
class PublicObject:
    """A public class, function or value.

    Attributes
    ----------
    address : str
        Where it is imported from, as shortly as can be.
    value : object
    home : str
        The first module below the package that it is written in.
    """

    address: str
    value: Any = field(compare=False)
    home: str

    @property
    def name(self) -> str:
        """The name without the modules."""
        return self.address.rpartition(".")[2]

    @property
    def kind(self) -> str:
        """What it is for the reference: "class", "function" or "data"."""
        if inspect.isclass(self.value):
            return "class"
        return "function" if callable(self.value) else "data"

    @property
    def doc(self) -> str:
        """Its docstring; that of a value is the text that stands after its assignment."""
        if self.kind != "data":
            return inspect.getdoc(self.value) or ""
        return _text_after_assignment(self.address)

    @property
    def summary(self) -> str:
        """The first paragraph of its docstring, on one line."""
        return " ".join(self.doc.split("\n\n")[0].split())


@dataclass(frozen=True)
class Page:
    """A page of the reference: groups of objects, each with a title."""

    slug: str
    title: str
    question: str
    groups: tuple[tuple[str, tuple[PublicObject, ...]], ...]

    @property
    def objects(self) -> tuple[PublicObject, ...]:
        """All objects of the page."""
        return tuple(found for _, group in self.groups for found in group)


def rooms():
    """Return the public modules right below the package that say what they export."""
    names = (part.name for part in pkgutil.iter_modules(sklearn_xai.__path__) if not part.name.startswith("_"))
    found = (import_module(f"sklearn_xai.{name}") for name in names)
    return [sklearn_xai, *(module for module in found if hasattr(module, "__all__"))]


def public_objects() -> list[PublicObject]:
    """Return every public object once, at its shortest address."""
    found: dict[str, PublicObject] = {}
    for room in rooms():
        for name in room.__all__:
            value = getattr(room, name)
            shortest = "sklearn_xai" if getattr(sklearn_xai, name, None) is value else room.__name__
            module = getattr(value, "__module__", None) if callable(value) else None
            home = (module or room.__name__).split(".")[1]
            found.setdefault(f"{shortest}.{name}", PublicObject(f"{shortest}.{name}", value, home))
    return sorted(found.values(), key=lambda each: each.address)


def pages() -> list[Page]:
    """Return the pages of the reference, each object on one of them."""
    left = public_objects()
    made = []
    for slug, title, question, homes in PAGES:
        mine = [each for each in left if slug == _slug_of(each, homes, slug)]
        left = [each for each in left if each not in mine]
        made.append(Page(slug, title, question, _grouped(mine)))
    return [*made, Page(*BLOCKS, _grouped(left))]


def _slug_of(each, homes, slug):
    explains = each.kind == "class" and each.value in dict(all_explainers()).values()
    return "explainers" if explains else slug if each.home in homes else None


def _grouped(objects):
    groups: dict[str, list[PublicObject]] = {}
    for each in objects:
        groups.setdefault(_group_of(each), []).append(each)
    return tuple((title, tuple(group)) for title, group in sorted(groups.items(), key=_last_if_general))


def _group_of(each):
    """Return the title of an object's group: the family of an explainer or a metric, else its room."""
    if each.home == "metrics":
        metric = METRICS.get(each.name)
        return metric.family.capitalize() if metric else SCORERS
    parts = (each.value.__module__ if each.kind != "data" else f"sklearn_xai.{each.home}").split(".")
    if each.home != "explainers":
        return title_of(".".join(parts[:2]))
    return title_of(".".join(parts[:3])) if len(parts) > 3 else ALL


def _last_if_general(group):
    title = group[0]
    return title.startswith((ALL, SCORERS, "Other")), title


def title_of(module: str) -> str:
    """Return what a module says it is, up to the first stop of its docstring."""
    return re.split(r"[.:;]", (import_module(module).__doc__ or "").strip(), maxsplit=1)[0]


def _text_after_assignment(address):
    """Return the text that stands after the assignment of a value, where it is written."""
    room, _, name = address.rpartition(".")
    tree = ast.parse(Path(inspect.getfile(import_module(room))).read_text(encoding="utf-8"))
    imported = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    origin = next((node.module for node in imported if any(name == alias.name for alias in node.names)), room)
    body = ast.parse(Path(inspect.getfile(import_module(origin))).read_text(encoding="utf-8")).body
    for statement, after in pairwise(body):
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return inspect.cleandoc(str(after.value.value))
    return ""
