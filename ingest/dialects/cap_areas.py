"""Where a CAP warning holds: polygons, circles and codes of its areas, checked and bounded, as flat text."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from ingest.dialects.markup import children, said
from ingest.dialects.observation import Attribute
from ingest.events import InvalidEvent, Point

AREA_TEXT: Final = 4000  # characters of polygons, of circles, of codes that are kept
_MOST_AREAS: Final = 64
_MOST_SHAPES: Final = 64  # polygons, or circles, of one area
_NEAR: Final = 5.0  # kilometres: a circle no larger says where something is, not only where it matters

Areas = tuple[dict[str, Attribute], Point | None, tuple[str, ...]]


def areas_of(info: Element) -> Areas:
    """Attributes of the areas, the point where there is one small circle and nothing else, and warnings.

    A polygon is `lat,lon` pairs that end where they began, a circle `lat,lon radius` in kilometres. What is neither is left out.
    """
    names: list[str] = []
    polygons: list[str] = []
    circles: list[tuple[Point, float, str]] = []
    codes: list[str] = []
    bad: dict[str, None] = {}
    for area in children(info, "area")[:_MOST_AREAS]:
        names.append(said(area, "areadesc"))
        for text in _texts(area, "polygon"):
            polygon = _polygon(text)
            polygons += [polygon] if polygon else []
            bad |= {} if polygon else {"bad_polygon": None}
        for text in _texts(area, "circle"):
            circle = _circle(text)
            circles += [circle] if circle else []
            bad |= {} if circle else {"bad_circle": None}
        for code in children(area, "geocode")[:_MOST_SHAPES]:
            name, value = said(code, "valuename"), said(code, "value")
            codes += [f"{name}={value}"] if value else _plain((code.text or "").strip())
    found: dict[str, Attribute] = {"polygon_count": len(polygons) or None, "circle_count": len(circles) or None}
    for key, texts, between in (
        ("area_desc", names, "; "), ("polygon", polygons, ";"), ("circle", [c[2] for c in circles], ";"), ("geocode", codes, ","),
    ):  # fmt: skip
        found[key], cut = _joined([t for t in dict.fromkeys(texts) if t], between)
        bad |= {"truncated": None} if cut else {}
    point = circles[0][0] if len(circles) == 1 and not polygons and circles[0][1] <= _NEAR else None
    return found, point, tuple(bad)


def _texts(area: Element, name: str) -> list[str]:
    return [text for e in children(area, name)[:_MOST_SHAPES] if (text := (e.text or "").strip())]


def _plain(text: str) -> list[str]:
    """Codes without a name, as China writes them: several with commas."""
    return [code.strip() for code in text.split(",")[:_MOST_SHAPES] if code.strip()]


def _polygon(text: str) -> str:
    """The polygon with single spaces between its pairs, or nothing when it is none."""
    pairs = text.split()
    if len(pairs) < 4 or pairs[0] != pairs[-1]:
        return ""
    return " ".join(pairs) if all(_pair(p) is not None for p in pairs) else ""


def _circle(text: str) -> tuple[Point, float, str] | None:
    where, _, radius = text.partition(" ")
    point = _pair(where)
    try:
        size = float(radius)
    except ValueError:
        return None
    return (point, size, f"{where} {radius.strip()}") if point is not None and 0 <= size < 20_100 else None


def _pair(text: str) -> Point | None:
    lat, comma, lon = text.partition(",")
    try:
        return Point(float(lat), float(lon)) if comma else None
    except (ValueError, InvalidEvent):
        return None


def _joined(texts: list[str], between: str) -> tuple[str, bool]:
    """As many whole texts as fit, and whether some did not."""
    kept: list[str] = []
    size = 0
    for text in texts:
        size += len(text) + len(between)
        if size > AREA_TEXT:
            return between.join(kept), True
        kept.append(text)
    return between.join(kept), False
