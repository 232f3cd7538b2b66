"""The page of a report, read as text: what is escaped, what is allowed to run, what numbers and bars become."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from sklearn_xai.report._content import Caution, Column, Content, Figure, Row, Rows, Section, Table, Text, Tile
from sklearn_xai.report._page import notebook_frame, render
from sklearn_xai.report._page_rows import MOST_STEPS, as_json, explorer
from sklearn_xai.report._page_svg import inline_svg
from sklearn_xai.report._page_tables import number_text, table_view
from tests.report.contents import HOSTILE, SVG, content


class Reader(HTMLParser):
    """Collects the start tags, and the text of script and style elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._within = tag if tag in self.raw else ""

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        self._within = ""

    def handle_data(self, data):
        (self.raw[self._within] if self._within else self.text).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html():
    return render(content())


@pytest.fixture(scope="module")
def reader(html):
    return Reader(html)


def test_names_of_explainers_go_on_where_their_parts_meet():
    made = Content("A report", "", [Tile("Faithfulness", "0.8", "by IntegratedGradients of <aB>")], [], [])
    assert "by Integrated<wbr>Gradients of &lt;a<wbr>B&gt;" in render(made)


def with_blocks(*blocks):
    return Content("Title", "", [], [], [Section("a", "A", "", "", list(blocks))])


def test_nothing_is_loaded(reader):
    assert {attributes["href"] for attributes in reader.all("link")} == {"data:,"}
    assert all(attributes["href"].startswith("#") for attributes in reader.all("a"))
    for _, attributes in reader.tags:
        assert not {"src", "srcset", "action", "formaction", "background", "poster"} & set(attributes)
    assert "@import" not in "".join(reader.raw["style"]) and "url(" not in "".join(reader.raw["style"])


def test_what_the_data_holds_stays_text(html, reader):
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert not reader.all("img") and not [a for _, a in reader.tags if "style" in a]
    text = "".join(reader.text)
    for hostile in HOSTILE[:-1]:
        assert hostile in text
    assert "<b>income</b>" in text
    html.encode()  # half a surrogate pair could not be written to a file


@pytest.mark.parametrize("element", ["script", "style"])
def test_the_policy_allows_the_pages_own_script_and_style_alone(reader, element):
    metas = reader.all("meta")
    policy = next(a["content"] for a in metas if a.get("http-equiv") == "Content-Security-Policy")
    assert metas[1]["content"] == policy, "before anything that it is about"
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and "unsafe" not in policy
    own = [text for text in reader.raw[element] if not text.startswith("{")]
    assert len(own) == 1
    digest = base64.b64encode(hashlib.sha256(own[0].encode()).digest()).decode()
    assert rules[f"{element}-src"] == f"'sha256-{digest}'"


def test_no_text_can_end_the_script_that_holds_it():
    texts = [*HOSTILE[:-1], "<!--<script>"]
    written = as_json(texts)
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == texts


def test_ids_are_unique_and_links_lead_somewhere(reader):
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 10
    wanted = {attributes["href"][1:] for attributes in reader.all("a")}
    wanted |= {attributes["aria-labelledby"] for _, attributes in reader.tags if "aria-labelledby" in attributes}
    assert wanted <= set(ids)


def test_headings_are_in_order_and_the_language_is_said(reader):
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert reader.all("html")[0]["lang"] == "en"


@pytest.mark.parametrize("n_columns", [1, 40])
def test_any_number_of_columns(n_columns):
    html = render(content(n_columns, n_rows=3))
    assert Reader(html).raw["script"][0].count('"explained"') == 3


def test_a_report_without_sections_cautions_and_rows():
    empty = Rows(["a"], ["a"], [], "output", [])
    assert "gave reason for a caution" in render(Content("Title", "", [], [], []))
    assert "0 rows" in render(with_blocks(empty, Table("none", [Column("a")], []), Text([])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cautions": [Caution("Careful.", "nowhere")]}, "a caution names the section 'nowhere'"),
        ({"sections": [Section("a", "", "", ""), Section("a", "", "", "")]}, "'a' is the key of two sections"),
        ({"sections": [Section("a b", "", "", ""), Section("a-b", "", "", "")]}, "must differ in letters or digits"),
        ({"sections": [Section("a", "", "", "", [Figure("<p>", "alt")])]}, "a figure must be SVG"),
        ({"sections": [Section("a", "", "", "", [Figure("<p/>", "alt")])]}, "Got an element 'p'"),
    ],
)
def test_content_that_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        render(Content(**{"title": "", "subtitle": "", "tiles": [], "cautions": [], "sections": []} | change))


def test_a_block_of_no_known_kind_is_refused():
    with pytest.raises(TypeError, match="a block must be a Text, Figure, Table, Rows or Code. Got str"):
        render(with_blocks("text"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9996, "1.00"), (0.85, "0.850"), (1234.5, "1,234"), (7, "7"), (48842, "48,842"), (0, "0"), (0.0, "0"),
        (-0.0123, "-0.0123"), (1.5e-7, "1.50e-7"), (2.5e12, "2.50e12"), (math.inf, "∞"),
        (math.nan, "\N{EN DASH}"), (-3, "-3"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_people(value, text):
    assert number_text(value) == text.replace("-", "\N{MINUS SIGN}")


def test_bars_share_one_scale_and_go_to_both_sides_of_zero():
    view = table_view(Table("", [Column("a", "bar")], [[2.0], [-4.0], [None], [math.nan]]))
    bars = [(row[0].get("start"), row[0].get("width"), row[0].get("negative")) for row in view["rows"]]
    assert bars == [(50.0, 25.0, False), (0.0, 50.0, True), (None, None, None), (None, None, None)]
    view = table_view(Table("", [Column("a", "bar")], [[2], [4], [0]]))
    assert [(row[0]["start"], row[0]["width"]) for row in view["rows"]] == [(0.0, 50.0), (0.0, 100.0), (0.0, 0.0)]


def test_intervals_share_one_scale():
    rows = [[(1.0, 0.0, 2.0)], [(3.0, 2.0, 4.0)], [None], [(math.nan, 1.0, 2.0)], [(1.0, math.nan, 2.0)], [2.5]]
    cells = [row[0] for row in table_view(Table("", [Column("a", "interval", digits=2)], rows))["rows"]]
    assert [cells[0][name] for name in ("low", "dot", "high")] == [4.0, 27.0, 50.0]
    assert cells[1]["range"] == "2.0, 4.0" and cells[1]["key"] == "3.0" and cells[1]["high"] == 96.0
    assert all("range" not in cell for cell in cells[2:])
    assert [cell["text"] for cell in cells[2:]] == [None, None, "1.0", "2.5"]


def explained(attributions, base=0.0, output=None, gap=0.0):
    """Return what the page is told of one row by the explainers "one", additive, and "other"."""
    output = base + sum(attributions) if output is None else output
    names = [f"f{j}" for j in range(len(attributions))]
    both = {"one": attributions, "other": attributions}
    gaps = {"one": gap}
    row = Row("a", names, both, dict.fromkeys(both, base), dict.fromkeys(both, output), gaps, "yes")
    return explorer(Rows(names, names, [names], "output", [row]))


def test_a_waterfall_leads_from_the_base_value_to_the_output():
    found = explained([1.0, -3.0, 2.0], base=1.0)["rows"][0]["explained"]["one"]
    assert [step[0] for step in found["steps"]] == [1, 2, 0], "by size"
    places = [found["base_at"], *(place for step in found["steps"] for place in step[2:]), found["output_at"]]
    assert places == [98.0, 98.0, 2.0, 2.0, 66.0, 66.0, 98.0, 98.0]  # values 1, 1, -2, -2, 0, 0, 1, 1
    assert [step[1][0] for step in found["steps"]] == ["\N{MINUS SIGN}", "+", "+"]


def test_what_does_not_add_up_is_not_drawn_as_if_it_did():
    found = explained([1.0, -3.0, 2.0])["rows"][0]["explained"]["other"]
    assert not found["additive"] and found["gap"] == "" and found["base"] == ""
    assert {step[2] for step in found["steps"]} == {found["base_at"]}


def test_many_features_become_others_and_nothing_is_lost():
    values = [float(j + 1) for j in range(30)]
    view = explained(values)
    for name, last in (("one", number_text(sum(values[:19]), signed=True)), ("other", "\N{EN DASH}")):
        steps = view["rows"][0]["explained"][name]["steps"]
        assert len(steps) == MOST_STEPS and steps[-1][0] == -1 and steps[-1][1] == last
    assert view["others"] == "19 other features"
    twelve = explained(values[:12])["rows"][0]["explained"]["one"]["steps"]
    assert len(twelve) == 12 and min(step[0] for step in twelve) == 0


@pytest.mark.parametrize("attributions", [[math.nan, 1.0], [0.0, 0.0], [math.inf, 1.0]])
def test_waterfalls_of_odd_numbers_are_still_json(attributions):
    view = explained(attributions, output=math.nan, gap=math.nan)
    assert json.loads(as_json(view)) == view
    places = [place for step in view["rows"][0]["explained"]["one"]["steps"] for place in step[2:]]
    assert all(0 <= place <= 100 for place in places)


def test_filters_are_offered_where_there_is_something_to_choose():
    view = explorer(content(n_rows=30).sections[3].blocks[0])
    assert view["predictions"] == ["<=50K", ">50K"] and view["truths"] == ["", "<=50K", ">50K"]
    view = explained([1.0])
    assert view["predictions"] == [] and not view["truth_known"]


def test_labels_are_right_or_wrong_and_numbers_are_off_by_so_much():
    def rows(pairs):
        found = [Row(str(i), [], {}, {}, {}, {}, said, true) for i, (said, true) in enumerate(pairs)]
        return explorer(Rows([], [], [[]] * len(found), "output", found))

    view = rows([("3", "3"), ("3", "5"), ("3", "")])
    assert [row["wrong"] for row in view["rows"]] == [False, True, False] and not view["error_known"]
    view = rows([("1.5", "3.0"), ("2.0", "1.75"), ("1.0", ""), ("1.0", "nan")])
    assert [row["error"] for row in view["rows"]] == [1.5, 0.25, None, None] and not view["wrong_known"]


def test_a_picture_becomes_part_of_the_page():
    svg, wide = inline_svg(SVG, '"> <script>alert(1)</script>', "figure-1-")
    assert wide and svg.startswith("<svg") and "<?xml" not in svg and "DOCTYPE" not in svg
    for gone in ("metadata", "<style", " style=", "xmlns", "xlink", "<script"):
        assert gone not in svg
    tags = Reader(svg)
    assert tags.tags[0][1] | {"stroke-linejoin": ""} == {
        "viewbox": "0 0 480 192", "width": "640", "role": "img", "stroke-linejoin": "",
        "aria-label": '"> <script>alert(1)</script>',
    }  # fmt: skip
    assert [use["href"] for use in tags.all("use")] == ["#figure-1-m1"] * 2
    path = tags.all("path")[0]
    assert path["stroke"] == "currentColor" and path["clip-path"] == "url(#figure-1-p1)" and path["d"][:7] == "M 40.12"
    text = tags.all("text")[0]
    assert (text["font-size"], text["font-weight"], text["font-style"]) == ("12px", "700", "italic")
    assert text["font-family"] == "'DejaVu Sans', sans-serif" and text["fill"] == "currentColor"


def test_a_picture_brings_nothing_that_runs_or_loads():
    svg = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"><script>alert(1)</script>
      <a href="javascript:alert(1)"><rect/></a><foreignObject><img src="x"/></foreignObject>
      <image href="https://example.org/x.png"/><image href="data:image/svg+xml;base64,AAAA"/>
      <image href="data:image/png;base64,AAAA"/><use href="other.svg#a"/>
      <rect style="fill: url(https://example.org/x); stroke: red" onclick="alert(1)"/><animate/></svg>"""
    found, wide = inline_svg(svg, "alt", "p-")
    assert not wide and "alert" not in found and "example.org" not in found and "other.svg" not in found
    assert 'viewBox="0 0 9 9"' in found and found.count("href") == 1 and 'stroke="red"' in found
    for gone in ("script", "foreignObject", "img ", "animate", "svg+xml"):
        assert gone not in found


def test_what_matplotlib_writes_is_read():
    from matplotlib.figure import Figure as Canvas

    canvas, buffer = Canvas(figsize=(3, 2)), io.StringIO()
    ax = canvas.subplots()
    ax.plot([0, 1], [1, 0], label="<script>")
    ax.imshow([[0, 1], [1, 0]])
    ax.set_title("a title & more")
    ax.legend()
    canvas.savefig(buffer, format="svg")
    svg, _ = inline_svg(buffer.getvalue().replace("title &", "title \x01 &"), "A line.", "f-")
    tags = Reader(svg)
    ids = {attributes["id"] for _, attributes in tags.tags if "id" in attributes}
    assert ids and all(name.startswith("f-") for name in ids)
    assert {use["href"][1:] for use in tags.all("use")} <= ids and tags.all("use")
    assert tags.all("image")[0]["href"].startswith("data:image/png") and "<script" not in svg and " style=" not in svg


def test_a_notebook_shows_the_page_in_a_closed_frame(html):
    frame = Reader(notebook_frame(html, height=500))
    [(tag, attributes)] = frame.tags
    assert tag == "iframe" and attributes["srcdoc"] == html
    assert attributes["sandbox"] == "allow-scripts" and attributes["height"] == "500"
