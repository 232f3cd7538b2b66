"""The reference shows all that is public, entries of the guide say something, and estimators link to their pages."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

import sklearn_xai
from docs._ext.entry_text import entry_text
from docs._ext.public_objects import pages, public_objects
from docs._ext.reference import help_of, write_reference
from sklearn_xai import SaliencyExplainer, ShapleyExplainer, _docs, all_explainers
from sklearn_xai.base import BaseExplainer
from sklearn_xai.metrics import METRICS

PACKAGE = Path(sklearn_xai.__file__).parent
OBJECTS = {each.address: each for each in public_objects()}
ESTIMATORS = [each for each in OBJECTS.values() if each.kind == "class" and issubclass(each.value, BaseEstimator)]


def exporting_modules():
    """Name the modules, right below the package, that say what they export."""
    files = [PACKAGE / "__init__.py", *PACKAGE.glob("[!_]*/__init__.py"), *PACKAGE.glob("[!_]*.py")]
    for file in files:
        if re.search(r"^__all__\b", file.read_text(encoding="utf-8"), flags=re.MULTILINE):
            parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("module", sorted(exporting_modules()))
def test_everything_public_has_a_page(module):
    room = import_module(module)
    for name in room.__all__:
        assert any(getattr(room, name) is each.value and each.name == name for each in OBJECTS.values()), name


def test_every_object_is_on_one_page_and_where_its_address_says():
    shown = [each.address for page in pages() for each in page.objects]
    assert sorted(shown) == sorted(OBJECTS)
    for address, each in OBJECTS.items():
        module, _, name = address.rpartition(".")
        assert getattr(import_module(module), name) is each.value


def test_pages_are_what_they_are_called():
    found = {page.slug: page for page in pages()}
    explainers = {each.value for each in found["explainers"].objects if each.kind == "class"}
    assert explainers == set(dict(all_explainers()).values())
    families = {title: {each.name for each in group} for title, group in found["metrics"].groups}
    for metric in METRICS.values():
        assert metric.name in families[metric.family.capitalize()]


@pytest.mark.parametrize("address", sorted(OBJECTS))
def test_summaries_are_sentences(address):
    assert re.search(r"[.?)]$", OBJECTS[address].summary), OBJECTS[address].summary


@pytest.mark.parametrize("address", [each.address for each in ESTIMATORS if each.value is not BaseExplainer])
def test_estimators_have_examples(address):
    assert "\nExamples\n---" in OBJECTS[address].doc


def test_reference_is_written_anew_where_something_changed(tmp_path):
    folder = tmp_path / "reference"
    write_reference(folder)
    assert {path.stem for path in folder.glob("sklearn_xai.*.rst")} == set(OBJECTS)
    page = (folder / "sklearn_xai.ShapleyExplainer.rst").read_text(encoding="utf-8")
    assert ".. autoclass:: ShapleyExplainer" in page
    assert (
        page.index("automethod:: fit\n") < page.index("automethod:: transform\n") < page.index("automethod:: predict\n")
    )
    assert "automethod:: get_params" not in page and "``get_params``" in page
    (folder / "sklearn_xai.GoneExplainer.rst").write_text("gone", encoding="utf-8")
    (folder / "explainers.rst").write_text("old", encoding="utf-8")
    kept = (folder / "metrics.rst").stat().st_mtime_ns
    write_reference(folder)
    assert not (folder / "sklearn_xai.GoneExplainer.rst").exists()
    assert "SaliencyExplainer" in (folder / "explainers.rst").read_text(encoding="utf-8")
    assert (folder / "metrics.rst").stat().st_mtime_ns == kept


def test_commands_are_shown_as_they_present_themselves():
    assert help_of("").startswith("usage: sklearn-xai")
    assert help_of("compare").startswith("usage: sklearn-xai compare")


@pytest.mark.parametrize("name", [name for name, _ in all_explainers()])
def test_entries_of_explainers(name):
    each = OBJECTS[f"sklearn_xai.{name}"]
    text = entry_text(each)
    assert text.startswith(f":py:obj:`{name} <sklearn_xai.{name}>`: {each.summary}")
    assert {":Misleads: W", ":Cost: ", ":Needs: "} <= set(
        re.findall(r"^:Misleads: W|^:\w+: ", text, flags=re.MULTILINE)
    )


@pytest.mark.parametrize("name", METRICS)
def test_entries_of_metrics(name):
    each = OBJECTS[f"sklearn_xai.metrics.{name}"]
    assert entry_text(each).startswith(f":py:obj:`{name} <sklearn_xai.metrics.{name}>`: {each.summary}")


@pytest.mark.parametrize("each", ESTIMATORS, ids=lambda each: each.name)
def test_estimators_link_to_their_page(each, monkeypatch):
    monkeypatch.setenv("SKLEARN_XAI_DOCS", "https://docs.example/latest/")
    blank = each.value.__new__(each.value)
    assert blank._get_doc_link() == f"https://docs.example/latest/reference/{each.address}.html"


def test_html_repr_holds_the_link(monkeypatch, tmp_path):
    monkeypatch.setenv("SKLEARN_XAI_DOCS", str(tmp_path))
    html = ShapleyExplainer(LogisticRegression())._repr_html_()
    assert f'href="{tmp_path.as_uri()}/reference/sklearn_xai.ShapleyExplainer.html"' in html
    assert "scikit-learn.org" in html  # the link of what is explained stays scikit-learn's own


@pytest.mark.parametrize(
    ("urls", "link"),
    [
        (["Source, https://code.example", "Documentation, https://docs.example"], "https://docs.example/reference/"),
        (["Source, https://code.example"], ""),
        (None, ""),
    ],
)
def test_address_is_what_the_distribution_declares(urls, link, monkeypatch, tmp_path):
    monkeypatch.delenv("SKLEARN_XAI_DOCS", raising=False)
    monkeypatch.setattr(_docs, "BUILT", tmp_path)
    declared = mock.Mock(get_all=lambda name: urls if name == "Project-URL" else None)
    monkeypatch.setattr(_docs, "metadata", lambda name: declared)
    _docs._declared_address.cache_clear()
    try:
        found = SaliencyExplainer(None)._get_doc_link()
    finally:
        _docs._declared_address.cache_clear()
    assert found == (f"{link}sklearn_xai.SaliencyExplainer.html" if link else "")


def test_else_it_is_what_was_built_beside_the_package(monkeypatch, tmp_path):
    monkeypatch.delenv("SKLEARN_XAI_DOCS", raising=False)
    monkeypatch.setattr(_docs, "_declared_address", lambda: "")
    monkeypatch.setattr(_docs, "BUILT", tmp_path)
    (tmp_path / "index.html").touch()
    page = "reference/sklearn_xai.SaliencyExplainer.html"
    assert SaliencyExplainer(None)._get_doc_link() == f"{tmp_path.as_uri()}/{page}"


def test_no_link_without_an_address_or_a_page(monkeypatch, tmp_path):
    class Mine(SaliencyExplainer):
        """An explainer of someone else's."""

    monkeypatch.setenv("SKLEARN_XAI_DOCS", "https://docs.example")
    assert Mine(None)._get_doc_link() == ""
    monkeypatch.delenv("SKLEARN_XAI_DOCS")
    monkeypatch.setattr(_docs, "BUILT", tmp_path)
    missing = mock.Mock(side_effect=_docs.PackageNotFoundError)
    monkeypatch.setattr(_docs, "metadata", missing)
    _docs._declared_address.cache_clear()
    assert SaliencyExplainer(None)._get_doc_link() == ""
    _docs._declared_address.cache_clear()
    missing.assert_called_once()


@pytest.mark.slow
def test_first_page_leads_to_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(Path(sklearn_xai.__file__).parents[1] / "docs" / "first_report.py"), run_name="first_report")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "marital_status" in html and len(html) < 5_000_000
