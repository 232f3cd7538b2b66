"""Writes the pages of the API reference from what is public, before Sphinx reads them."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import FunctionType
from unittest import mock

from docs._ext.public_objects import Page, PublicObject, pages
from sklearn_xai import cli
from sklearn_xai._compat import available_if

METHODS = (FunctionType, classmethod, staticmethod, type(available_if(bool)(bool)))
FIRST = ("from_estimator", "fit", "transform", "explain", "plot")  # methods that a reader looks for first


def setup(app):
    """Make Sphinx write the reference when a build begins."""
    app.connect("builder-inited", lambda app: write_reference(Path(app.srcdir) / "reference"), priority=100)
    return {"parallel_read_safe": True}


def write_reference(folder: Path) -> None:
    """Write every page, and take away those of objects that there are no more; what has not changed stays as it is."""
    made = [page for page in pages() if page.objects]
    texts = {"index": _index(made)}
    for page in made:
        texts[page.slug] = _page(page)
        texts |= {each.address: _object(each) for each in page.objects}
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.rst"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _title(text, mark="="):
    return [text, mark * len(text), ""]


def _index(made):
    lines = [
        *_title("Reference"),
        "Everything public, found in the package when these pages are built. Each page says what question it answers.",
        "",
        *_table((f":doc:`{page.title} <{page.slug}>`", page.question) for page in made),
        ".. toctree::",
        "   :hidden:",
        "",
        *(f"   {page.slug}" for page in made),
    ]
    return "\n".join(lines) + "\n"


def _page(page: Page) -> str:
    lines = [*_title(page.title), page.question, ""]
    if page.slug == "command_line":
        lines += _commands()
    for title, group in page.groups:
        lines += [*(_title(title, "-") if len(page.groups) > 1 else []), *_table(map(_row, group))]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {each.name} <{each.address}>" for each in page.objects)]
    return "\n".join(lines) + "\n"


def _row(each):
    return f":py:obj:`{each.name} <{each.address}>`", each.summary


def _table(rows):
    lines = [".. list-table::", "   :widths: 35 65", "   :class: reference-table", ""]
    for left, right in rows:
        lines += [f"   * - {left}", f"     - {right}"]
    return [*lines, ""]


def _object(each: PublicObject) -> str:
    """Return the page of one object, with the examples of the gallery that use it."""
    room = each.address.rpartition(".")[0]
    lines = [*_title(each.name), f".. currentmodule:: {room}", ""]
    if each.kind == "data":
        lines += [f".. py:data:: {each.name}", "", *(f"   {line}" for line in each.doc.splitlines())]
    else:
        lines += [f".. auto{each.kind}:: {each.name}"]
    if each.kind == "class":
        lines += _methods(each)
    lines += ["", f".. minigallery:: {each.address}", "   :add-heading: In the gallery", "   :heading-level: -"]
    return "\n".join(lines) + "\n"


def _methods(each):
    """Return what documents the methods of a class that the package itself writes, and names the others."""
    mine, inherited = methods_of(each.value)
    lines = ["", "   .. rubric:: Methods", ""] if mine else []
    for name in mine:
        lines += [f"   .. automethod:: {name}", ""]
    if inherited:
        lines += ["", f"   As of every estimator of scikit-learn: {', '.join(f'``{name}``' for name in inherited)}."]
    return lines


def methods_of(kind: type) -> tuple[list[str], list[str]]:
    """Return the names of a class's public methods: those that the package describes, and those of scikit-learn."""
    mine, inherited = [], []
    for name in sorted(dir(kind), key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
        owner = next((base for base in kind.__mro__ if name in vars(base)), object)
        if name.startswith("_") or not isinstance(vars(owner)[name], METHODS):
            continue
        if owner.__module__.startswith("sklearn."):
            inherited.append(name)
        elif owner.__module__.startswith("sklearn_xai.") and vars(owner)[name].__doc__:
            mine.append(name)
    return mine, inherited


def _commands():
    """Return what each command of the command line says with ``--help``."""
    lines = []
    for name in ("", *(command.NAME for command in cli.COMMANDS)):
        lines += [*_title(f"sklearn-xai {name}".strip(), "-"), ".. code-block:: text", ""]
        lines += [f"   {line}".rstrip() for line in help_of(name).splitlines()] + [""]
    return lines


def help_of(name: str) -> str:
    """Return what ``sklearn-xai NAME --help`` prints on a screen of 100 characters."""
    printed = StringIO()
    with mock.patch.dict("os.environ", {"COLUMNS": "100", "NO_COLOR": "1"}), redirect_stdout(printed):
        cli.main([name, "--help"] if name else ["--help"])
    return printed.getvalue()
