"""Pictures that matplotlib wrote as SVG files, made part of a page."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

# Nothing that runs, loads or styles what is around it.
_ELEMENTS = frozenset(
    "svg g defs symbol use path rect circle ellipse line polyline polygon text tspan image clipPath mask marker "
    "pattern linearGradient radialGradient stop".split()
)
_ATTRIBUTES = frozenset(
    "id d x y x1 y1 x2 y2 cx cy r rx ry dx dy width height points transform viewBox preserveAspectRatio offset href "
    "clipPathUnits maskUnits gradientUnits gradientTransform patternUnits patternTransform patternContentUnits "
    "markerWidth markerHeight refX refY orient".split()
)
# What a style attribute may say, which the attribute of the same name says as well.
_PRESENTATION = frozenset(
    "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity color clip-path clip-rule mask font-family font-size font-style "
    "font-weight text-anchor dominant-baseline image-rendering stop-color stop-opacity visibility display".split()
)
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*\Z")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_FONT = re.compile(r"(?P<words>[^0-9]*?(?:\b[1-9]00\s+)?)(?P<size>[0-9.]+(?:px|pt)?)\s+(?P<family>.+)")


def inline_svg(svg: str, alt: str, prefix: str) -> tuple[Any, bool]:
    """Return a picture as an element of a page, and whether it is too wide for a small screen.

    Parameters
    ----------
    svg : str
        As matplotlib writes it, with its prolog.
    alt : str
        What there is to see.
    prefix : str
        What to put before its ids, which are unique within the picture alone.
    """
    from markupsafe import Markup

    try:
        root = ElementTree.fromstring(_NOT_XML.sub("\ufffd", svg))
    except ElementTree.ParseError as error:
        raise ValueError(
            f"render: a figure must be SVG as matplotlib writes it. Got {svg[:40]!r} ({error})."
        ) from error
    if _local(root.tag) != "svg":
        raise ValueError(f"render: a figure must be SVG as matplotlib writes it. Got an element {_local(root.tag)!r}.")
    picture = _copy(root, prefix)
    width, height = _pixels(root.get("width", "")), _pixels(root.get("height", ""))
    if width and height:
        if "viewBox" not in picture.attrib:
            picture.set("viewBox", f"0 0 {width:g} {height:g}")
        picture.set("width", f"{width:g}")
        del picture.attrib["height"]
    # What matplotlib's own style element says of everything.
    picture.set("stroke-linejoin", "round")
    picture.set("role", "img")
    picture.set("aria-label", alt)
    return Markup(ElementTree.tostring(picture, encoding="unicode")), width > 480


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _pixels(length: str) -> float:
    found = re.fullmatch(r"\s*([0-9.]+)(pt|px|)\s*", length)
    return float(found[1]) * (4 / 3 if found[2] == "pt" else 1.0) if found else 0.0


def _copy(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    """Return an element without name spaces, styles and whatever is not drawn."""
    copy = ElementTree.Element(_local(element.tag))
    for name, value in element.attrib.items():
        _set(copy, _local(name), value, prefix)
    for declaration in re.split(r";(?![A-Za-z]+,)", element.get("style", "")):
        name, _, value = declaration.partition(":")
        _declare(copy, name.strip(), value.strip(), prefix)
    is_text = copy.tag in ("text", "tspan")
    copy.text = element.text if is_text else None
    for child in element:
        if isinstance(child.tag, str) and _local(child.tag) in _ELEMENTS:
            kept = _copy(child, prefix)
            kept.tail = child.tail if is_text else None
            copy.append(kept)
    return copy


def _set(copy: ElementTree.Element, name: str, value: str, prefix: str) -> None:
    if name == "id":
        copy.set("id", prefix + value)
    elif name == "href":
        if value.startswith("#"):
            copy.set("href", f"#{prefix}{value[1:]}")
        elif copy.tag == "image" and _PICTURE.match(value):
            copy.set("href", value)
    elif name == "d":
        copy.set("d", re.sub(r"(\.\d\d)\d+", r"\1", value))  # a hundredth of a point is finer than any screen
    elif name in _ATTRIBUTES:
        copy.set(name, value)
    else:
        _declare(copy, name, value, prefix)


def _declare(copy: ElementTree.Element, name: str, value: str, prefix: str) -> None:
    """Say by an attribute what a style said: the page's policy allows no style attributes."""
    if name == "font":
        found = _FONT.fullmatch(value)
        if found is None:
            return
        copy.set("font-size", found["size"])
        copy.set("font-family", found["family"])
        for word in found["words"].split():
            copy.set("font-style" if word in ("italic", "oblique") else "font-weight", word)
    elif name in _PRESENTATION:
        if "url(" not in value:
            copy.set(name, value)
        elif (target := re.fullmatch(r"url\(['\"]?#([^'\")]+)['\"]?\)", value)) is not None:
            copy.set(name, f"url(#{prefix}{target[1]})")
