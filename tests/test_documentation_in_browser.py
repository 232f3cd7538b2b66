"""The documentation in Chromium: pages ask nothing of the network, say no errors, fit, and axe-core finds nothing.

These tests need the documentation as Sphinx has built it (its folder in DOCS_HTML), playwright and a Chromium (its path
in CHROMIUM, or on the search path), and axe-core's axe.min.js (its path in AXE_CORE).
"""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sklearn_xai import ShapleyExplainer
from tests.browsing import from_environment

pytestmark = pytest.mark.browser

PAGES = [
    "index",
    "guide/index",
    "guide/which_columns",
    "gallery/index",
    "reference/index",
    "reference/explainers",
    "reference/sklearn_xai.IntegratedGradientsExplainer",
    "reference/command_line",
    "develop/add_an_explainer",
    "operations",
]


@pytest.fixture(scope="module")
def site():
    how = "python -m sphinx -W --keep-going -b html docs docs/_build/html"
    return from_environment("DOCS_HTML", f"the folder of the built documentation ({how})")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing of requests."""


@pytest.fixture(scope="module")
def address(site):
    """Serve the site, as search and axe-core read files by requests that browsers do not allow on files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(browser, address):
    """Open a page; afterwards all that it asked for lay in the site, and nothing may have gone wrong."""
    contexts, happened = [], []

    def open_(name, width=1600, root=address, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        loud, own = ("error", "warning"), (root, "data:")
        page.on("console", lambda said: said.type not in loud or happened.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: happened.append(f"error: {error}"))
        page.on("requestfailed", lambda request: happened.append(f"failed: {request.url[:120]}"))
        page.on("request", lambda asked: asked.url.startswith(own) or happened.append(f"request: {asked.url[:120]}"))
        page.goto(f"{root}/{name}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert happened == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [400, 800, 1600])
def test_pages_fit_and_load_nothing(open_page, site, name, width):
    page = open_page(f"{name}.html", width, site.as_uri())
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    broken = "() => [...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)"
    assert page.evaluate(broken) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(open_page, name, axe, scheme):
    page = open_page(f"{name}.html", color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert {(fault["id"], node["target"][0]) for fault in found for node in fault["nodes"]} == set()


def test_equations_are_drawn(open_page):
    page = open_page("reference/sklearn_xai.IntegratedGradientsExplainer.html")
    box = page.locator("div.equation math").first.bounding_box()
    assert box["height"] > 20  # a fraction under an integral, not a line of text


def test_cards_lead_somewhere(open_page):
    page = open_page("index.html")
    found = page.locator(".sd-card a").evaluate_all("links => links.map(link => link.href)")
    assert len(found) >= 6
    for link in found:
        assert page.request.get(link).ok, link


def test_estimators_link_to_pages_that_are_there(open_page, address, monkeypatch):
    monkeypatch.setenv("SKLEARN_XAI_DOCS", address)
    page = open_page(ShapleyExplainer(None)._get_doc_link().removeprefix(f"{address}/"))
    assert page.locator("h1").inner_text().startswith("ShapleyExplainer")


def test_search_finds_by_question(open_page):
    page = open_page("search.html?q=surrogate")
    page.locator("ul.search li").first.wait_for()
    assert any("Surrogate" in text for text in page.locator("ul.search li").all_inner_texts())
