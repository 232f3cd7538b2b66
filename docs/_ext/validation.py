"""Holds docstrings against signatures when the documentation is built: what is missing is a warning of Sphinx."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass

from numpydoc.validate import validate
from sklearn.base import BaseEstimator
from sphinx.util import logging

from docs._ext.public_objects import BLOCKS, pages
from docs._ext.reference import methods_of

# numpydoc's names: there is a docstring and a summary; parameters are described, and there are no others; results are
CHECKS = {"GL08", "SS01", "PR01", "PR02", "PR10", "RT01"}
OF_BLOCKS = {"GL08", "SS01", "PR02"}  # building blocks take a sentence where that is enough
OF_METHODS = {"PR01", "PR02", "PR10"}  # so do methods; where they describe parameters, it is all of them


def setup(app):
    """Validate when a build begins."""
    app.connect("builder-inited", _warn)
    return {"parallel_read_safe": True}


def _warn(app):
    for address, fault in faults():
        logging.getLogger(__name__).warning("docstring of %s: %s", address, fault, type="docstring")


def faults():
    """Return what is wrong with the docstrings of public objects, as pairs of an address and a sentence."""
    found = []
    for page in pages():
        for each in page.objects:
            if each.kind == "data":
                found += [] if each.doc else [(each.address, "no text stands after the assignment")]
                continue
            checks = OF_BLOCKS if page.slug == BLOCKS[0] else CHECKS
            if each.kind == "class":
                checks = checks - {"RT01"} - ({"PR01"} if is_dataclass(each.value) else set())  # they have attributes
                if issubclass(each.value, BaseEstimator) and page.slug != BLOCKS[0]:
                    checks = checks | {"EX01"}
                for name in methods_of(each.value)[0]:
                    if "Parameters\n---" in (inspect.getdoc(getattr(each.value, name)) or ""):
                        found += _faults(f"{each.address}.{name}", OF_METHODS)
            found += _faults(each.address, checks)
    return found


def _faults(address, checks):
    return [(address, text) for code, text in validate(address)["errors"] if code in checks]
