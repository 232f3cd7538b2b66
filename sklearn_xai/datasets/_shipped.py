"""The files that come with the package, and what is said of each."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any


def shipped(name: str) -> Any:
    """Return the path of a file of ``datasets/data``, wherever the package is installed."""
    return resources.files("sklearn_xai.datasets") / "data" / name


def described(name: str) -> str:
    """Return what ``data/README.md`` says of a file: its source and its licence too."""
    sections = re.split(r"^(?=# )", shipped("README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return next(section for section in sections if section.startswith(f"# {name}:"))


def check_switches(caller: str, **switches: Any) -> None:
    """Raise where a parameter of a loader that is either on or off is neither."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise ValueError(f"The {name!r} parameter of {caller} must be True or False. Got {value!r}.")
