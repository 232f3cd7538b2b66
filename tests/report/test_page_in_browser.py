"""The page of a report in Chromium: it can be worked with by mouse and keyboard, asks nothing of the network, fits.

These tests need playwright and a Chromium (its path in CHROMIUM, or on the search path), and axe-core's axe.min.js (its
path in AXE_CORE) for accessibility.
"""

from __future__ import annotations

import pytest

from sklearn_xai.report._content import Content, Section
from sklearn_xai.report._page import notebook_frame, render
from tests.report.contents import HOSTILE, content

pytestmark = pytest.mark.browser

SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(content()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(browser):
    """Open an address; afterwards nothing but it may have been asked for, and nothing may have gone wrong."""
    contexts, happened = [], []

    def open_(address, width=1600, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: happened.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: happened.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (happened.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url == address or happened.append(f"request: {request.url[:80]}"))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [what for what in happened if not what.startswith("request: data:")] == []


def column(page, table, index):
    """Return the texts of a column of a sortable table, badges and drawings aside."""
    cells = page.locator("table.sortable").nth(table).locator(f"tbody tr > :nth-child({index + 1})")
    return cells.evaluate_all("cells => cells.map(cell => cell.dataset.key ?? null)")


def shown(page):
    return page.locator(".list tbody tr:visible").count()


@pytest.mark.parametrize("width", [400, 800, 1600])
@pytest.mark.parametrize("n_columns", [1, 18, 40])
def test_nothing_overflows(open_page, tmp_path, width, n_columns):
    path = tmp_path / "report.html"
    path.write_text(render(content(n_columns, n_rows=4)), encoding="utf-8")
    page = open_page(path.as_uri(), width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    wider = """() => Array.from(document.querySelectorAll("main *")).filter(element =>
      element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll, pre")).map(e => e.tagName)"""
    assert page.evaluate(wider) == []


@pytest.mark.parametrize("index", [1, 2, 3, 4])
def test_numbers_sort_both_ways_with_the_missing_last(open_page, address, index):
    page = open_page(address)
    before = column(page, 0, index)
    known = [float(key) for key in before if key is not None]
    missing = [None] * (len(before) - len(known))
    assert missing or index == 2
    head = page.locator("table.sortable").first.locator("thead th").nth(index)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    found = column(page, 0, index)
    assert found[len(known) :] == missing
    assert [float(key) for key in found[: len(known)]] == sorted(known, reverse=True)
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    found = column(page, 0, index)
    assert [float(key) for key in found[: len(known)]] == sorted(known) and found[len(known) :] == missing


def test_texts_sort_as_people_do_and_ties_stay_in_order(open_page, address):
    page = open_page(address)
    folds = page.locator("table.sortable").nth(1)
    folds.get_by_role("button", name="Fold").click()
    folds.get_by_role("button", name="Fold").click()
    assert column(page, 1, 0) == ["fold 10", "fold 2", "fold 1"]
    folds.get_by_role("button", name="Fold").click()
    assert column(page, 1, 0) == ["fold 1", "fold 2", "fold 10"]
    first = page.locator("table.sortable").first
    names, ranks = column(page, 0, 0), column(page, 0, 4)
    first.get_by_role("button", name="Rank").click()
    given = sorted(range(len(names)), key=lambda i: (ranks[i] is None, -float(ranks[i] or 0)))
    assert column(page, 0, 0) == [names[i] for i in given]
    assert first.locator("thead [aria-sort]").count() == 1


@pytest.mark.parametrize("index", [1, 2, 3])
def test_drawings_of_a_column_share_their_place(open_page, address, index):
    page = open_page(address, 800)
    drawings = page.locator("table.sortable").first.locator(f"tbody tr > :nth-child({index + 1}) svg")
    places = drawings.evaluate_all(
        "all => all.map(svg => svg.getBoundingClientRect()).map(box => [box.left, box.width])"
    )
    assert len(places) > 10 and all(place == pytest.approx(places[0], abs=0.1) for place in places)


def test_marked_rows_are_told_in_words(open_page, address):
    page = open_page(address)
    marked = page.locator("tr.marked")
    assert marked.count() == 1 and "random control" in marked.inner_text() and "for comparison" in marked.inner_text()


def test_a_row_is_picked_by_mouse_and_by_keyboard(open_page, address):
    page = open_page(address)
    name, held = page.locator(".heading .name"), page.locator(".values td").nth(4)
    amounts = page.locator(".waterfall .step .amount")
    first = amounts.all_inner_texts()
    assert name.inner_text() == "0" and held.inner_text() == "javasc·0" and len(first) == 12
    page.locator(".list tbody tr").nth(2).locator("td").first.click()
    assert name.inner_text() == "14" and held.inner_text() == "javasc·2"
    assert amounts.all_inner_texts() != first and len(amounts.all_inner_texts()) == 12
    page.locator(".list input").nth(2).focus()
    page.keyboard.press("ArrowDown")
    assert name.inner_text() == "21" and held.inner_text() == "javasc·3"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert name.inner_text() == "0" and amounts.all_inner_texts() == first
    assert page.locator(".list tr.picked").count() == 1


def test_what_the_script_draws_is_what_the_template_drew(open_page, address):
    page = open_page(address)
    drawn = page.locator(".waterfall tbody").inner_html()
    page.locator(".list input").nth(1).check()
    assert page.locator(".waterfall tbody").inner_html() != drawn
    page.locator(".list input").nth(0).check()
    parts = """body => Array.from(body.querySelectorAll("*"), part => [
      [part.tagName, part.getAttribute("class"),
       part.children.length ? "" : part.textContent.replaceAll("\\0", "").trim()],
      ["x", "x1", "x2", "width"].map(name => parseFloat(part.getAttribute(name)) || 0)])"""
    again = page.locator(".waterfall tbody").evaluate(parts)
    page.reload()
    first = page.locator(".waterfall tbody").evaluate(parts)
    assert [words for words, _ in first] == [words for words, _ in again]
    for (_, places), (_, others) in zip(first, again, strict=True):
        assert places == pytest.approx(others, abs=0.02)


def test_search_and_filters_narrow_the_rows(open_page, address):
    page = open_page(address)
    assert shown(page) == 30
    search, status = page.get_by_label("Search"), page.locator(".explorer [role=status]")
    search.fill("EDUCAT·1")
    assert shown(page) == 11 and status.inner_text() == "11 of 30 rows"
    search.fill("no such value")
    assert shown(page) == 0 and status.inner_text() == "0 of 30 rows"
    search.fill("")
    predicted, true = (page.get_by_role("combobox", name=name, exact=True) for name in ("Predicted", "True"))
    predicted.select_option(">50K")
    some = shown(page)
    assert 0 < some < 30
    assert set(page.locator(".list tbody tr:visible td:nth-child(2)").all_inner_texts()) == {">50K"}
    true.select_option("<=50K")
    assert 0 < shown(page) < some
    predicted.select_option("any")
    true.select_option("unknown")
    assert shown(page) == 1


def test_rows_sort(open_page, address):
    page = open_page(address)
    order = page.get_by_label("Sort by")

    def outputs():
        texts = page.locator(".list td.output").all_inner_texts()
        return [float(text.replace("\N{MINUS SIGN}", "-").replace(",", "")) for text in texts]

    given = outputs()
    order.select_option("output, highest first")
    assert outputs() == sorted(given, reverse=True)
    order.select_option("output, lowest first")
    assert outputs() == sorted(given)
    order.select_option("completeness gap, largest first")
    assert page.locator(".list tbody th").first.inner_text().strip() == "203"
    order.select_option("predicted otherwise than true first")
    wrong = page.locator(".list tbody tr").evaluate_all("rows => rows.map(row => Boolean(row.querySelector('.wrong')))")
    assert any(wrong) and wrong == sorted(wrong, reverse=True)
    order.select_option("order as given")
    assert outputs() == given


def test_another_explainer_changes_the_waterfall(open_page, address):
    page = open_page(address)
    explainer, amounts = page.get_by_label("Explained by"), page.locator(".waterfall .step .amount")
    first = amounts.all_inner_texts()
    assert page.locator(".waterfall tr.base").is_visible() and page.locator(".gap").is_visible()
    explainer.select_option("SHAP")
    assert amounts.all_inner_texts() != first and page.locator(".waterfall tr.base").is_visible()
    explainer.select_option("Saliency")
    assert page.locator(".by").inner_text() == "Saliency"
    assert not page.locator(".waterfall tr.base").is_visible() and not page.locator(".gap").is_visible()
    assert "do not add up" in page.locator(".apart").inner_text()
    explainer.select_option("Random control")
    page.locator(".list input").nth(3).check()
    assert page.locator(".absent").is_visible() and not page.locator(".waterfall table").is_visible()


def test_names_of_columns_are_text_wherever_they_are_put(open_page, address):
    page = open_page(address)
    for i in range(3):
        page.locator(".list input").nth(i).check()
        for name in page.get_by_label("Explained by").locator("option").all_inner_texts():
            page.get_by_label("Explained by").select_option(name)
    assert page.locator(".values th bdi").all_inner_texts()[:8] == [name.strip() for name in HOSTILE[:8]]
    assert page.locator("img").count() == 0 and page.locator("main script:not([type='application/json'])").count() == 0


def test_dark_when_the_system_is_or_the_button_says_so(open_page, address):
    page = open_page(address)
    background = "getComputedStyle(document.body).backgroundColor"
    button = page.get_by_role("button", name="Dark colours")
    light = page.evaluate(background)
    assert button.get_attribute("aria-pressed") == "false"
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert dark != light and button.get_attribute("aria-pressed") == "true"
    ink = page.locator(".picture svg text").first.evaluate("text => getComputedStyle(text).fill")
    assert ink == page.evaluate("getComputedStyle(document.body).color")
    button.click()
    assert page.evaluate(background) == light and button.get_attribute("aria-pressed") == "false"
    page.emulate_media(color_scheme="light")
    button.click()
    assert page.evaluate(background) == dark
    page.reload()
    assert page.evaluate(background) == light


def test_paper_is_light_and_carries_no_switches(open_page, address):
    page = open_page(address, 700, color_scheme="dark")
    page.locator(".list input").nth(2).check()
    page.get_by_role("button", name="Dark colours").click()
    page.get_by_role("button", name="Dark colours").click()
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for gone in (".contents", ".theme", ".controls", ".list", ".heading select", ".skip"):
        assert not page.locator(gone).first.is_visible()
    assert page.locator(".heading").is_visible() and page.locator(".heading .name").inner_text() == "14"
    assert page.locator("details dl").first.is_visible()
    assert page.locator(".picture").first.evaluate("figure => getComputedStyle(figure).breakInside") == "avoid"
    assert page.locator("tbody tr").first.evaluate("row => getComputedStyle(row).breakInside") == "avoid"
    assert page.locator(".table .scroll").first.evaluate("box => getComputedStyle(box).maxHeight") == "none"
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_all_is_there_without_scripts(open_page, address):
    page = open_page(address, java_script_enabled=False)
    assert page.locator(".tiles dt").count() == 5 and page.locator("table.sortable").count() == 3
    assert (
        page.locator(".waterfall .step:visible").count() == 12 and page.locator(".list tbody tr:visible").count() == 30
    )
    for gone in (".theme", ".controls", ".heading select", ".list input"):
        assert not page.locator(gone).first.is_visible()


def test_the_contents_lead_to_their_sections_by_keyboard(open_page, address):
    page = open_page(address, reduced_motion="reduce")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "report"
    link = page.locator(".contents").get_by_role("link", name="Stability")
    link.press("Enter")
    assert page.locator("#section-stability h2").evaluate("head => head.getBoundingClientRect().top < innerHeight")
    page.wait_for_function("document.querySelector('.contents [aria-current]')?.textContent === 'Stability'")


def test_links_stay_within_the_frame_of_a_notebook(open_page, tmp_path):
    sections = [Section(key, key.upper(), "Why?", "So. " * 900) for key in "abc"]
    notebook = tmp_path / "notebook.html"
    frame = notebook_frame(render(Content("In a frame", "", [], [], sections)), height=400)
    notebook.write_text(f"<!doctype html><p>Notebook</p>{frame}", encoding="utf-8")
    page = open_page(notebook.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator(".contents").get_by_role("link", name="C").click()
    assert inside.locator("h1").inner_text() == "In a frame"
    inside.locator("#section-c:focus").wait_for()
    assert page.url == notebook.as_uri()


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(open_page, address, axe, width, scheme):
    page = open_page(address, width, color_scheme=scheme, reduced_motion="reduce")
    page.locator("details").first.evaluate("details => details.open = true")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 30
    problems = [(problem["id"], node["html"][:200], node["failureSummary"][:200])
                for problem in found["violations"] for node in problem["nodes"]]  # fmt: skip
    assert problems == []
