"""Coordinates come in a named datum and leave as WGS-84 (law 11): in China the datums differ by 300 to 700 metres.

WGS-84 is what satellites, LoRa and most gateways speak. CGCS2000 (EPSG 4490), the national system of official Chinese
data, differs from it by centimetres and is taken as the same. GCJ-02 is what Amap, Tencent and most Chinese
applications speak, BD-09 is Baidu's further shift of GCJ-02. Neither of the last two is published; the formulas are the
ones that every open library has agreed upon.
"""

from __future__ import annotations

from enum import StrEnum
from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import Final

from ingest.events import InvalidEvent, Point

_AXIS: Final = 6378245.0  # semi-major axis of the Krasovsky 1940 ellipsoid, metres
_ECCENTRICITY: Final = 0.00669342162296594323  # its first eccentricity squared
_BD_TURN: Final = pi * 3000.0 / 180.0
_CHINA_LON: Final = (72.004, 137.8347)  # the box in which GCJ-02 shifts at all; outside it is WGS-84
_CHINA_LAT: Final = (0.8293, 55.8271)
_ENOUGH: Final = 1e-9  # degrees, a tenth of a millimetre
_ROUNDS: Final = 30  # each round gains about two digits; five are enough everywhere in China


class Datum(StrEnum):
    """What a pair of degrees is measured in."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"

    @classmethod
    def named(cls, text: str) -> Datum:
        """The datum that a file or a payload names: `GCJ-02`, `EPSG:4490`, `urn:ogc:def:crs:OGC:1.3:CRS84`, 国家2000.

        Raises `InvalidEvent` for anything that is not a datum in degrees, projected systems included.
        """
        key = "".join(c for c in text.lower() if c.isalnum())
        found = _NAMES.get(key) or _NAMES.get(key.removeprefix("urnogcdefcrs"))
        if found is None:
            raise InvalidEvent(
                f"{text!r} is no datum we know: write wgs84, cgcs2000, gcj02 or bd09 (degrees, not a projection)"
            )
        return found


_NAMES: Final[dict[str, Datum]] = {
    **dict.fromkeys(("wgs84", "wgs1984", "epsg4326", "4326", "gps", "crs84", "ogc13crs84", "ogccrs84"), Datum.WGS84),
    **dict.fromkeys(("cgcs2000", "cgcs", "epsg4490", "4490", "2000国家大地坐标系", "国家2000"), Datum.CGCS2000),
    **dict.fromkeys(
        ("gcj02", "gcj", "amap", "gaode", "tencent", "mars", "火星坐标", "火星坐标系", "高德"), Datum.GCJ02
    ),
    **dict.fromkeys(("bd09", "bd09ll", "bd", "baidu", "百度", "百度坐标", "百度坐标系"), Datum.BD09),
}


def to_wgs84(lat: float, lon: float, datum: Datum) -> Point:
    """The WGS-84 point of a pair in any datum, good to better than a centimetre.

    Raises `InvalidEvent` when it is no position on earth.
    """
    checked = Point(lat, lon)
    if datum is Datum.GCJ02:
        return _gcj02_to_wgs84(lat, lon)
    if datum is Datum.BD09:
        return _gcj02_to_wgs84(*_bd09_to_gcj02(lat, lon))
    return checked


def from_wgs84(point: Point, datum: Datum) -> tuple[float, float]:
    """Latitude and longitude of a WGS-84 point in any datum."""
    if datum is Datum.GCJ02:
        return _wgs84_to_gcj02(point.lat, point.lon)
    if datum is Datum.BD09:
        return _gcj02_to_bd09(*_wgs84_to_gcj02(point.lat, point.lon))
    return point.lat, point.lon


def metres_between(a: Point, b: Point) -> float:
    """The distance of two points near each other, on a sphere of 6,371 km: good to half a percent."""
    east = radians((b.lon - a.lon + 180) % 360 - 180) * cos(radians((a.lat + b.lat) / 2))
    return 6_371_000 * hypot(east, radians(b.lat - a.lat))


def _in_china(lat: float, lon: float) -> bool:
    return _CHINA_LAT[0] <= lat <= _CHINA_LAT[1] and _CHINA_LON[0] <= lon <= _CHINA_LON[1]


def _shift(lat: float, lon: float) -> tuple[float, float]:
    """How far GCJ-02 moves a WGS-84 position, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    xy, root = x * y, sqrt(abs(x))
    ripple = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * xy + 0.2 * root + ripple
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y / 30.0 * pi)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * xy + 0.1 * root + ripple
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    phi = radians(lat)
    bulge = 1.0 - _ECCENTRICITY * sin(phi) ** 2
    meridian = _AXIS * (1.0 - _ECCENTRICITY) / (bulge * sqrt(bulge))
    return north * 180.0 / (meridian * pi), east * 180.0 / (_AXIS / sqrt(bulge) * cos(phi) * pi)


def _wgs84_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    if not _in_china(lat, lon):
        return lat, lon
    north, east = _shift(lat, lon)
    return lat + north, lon + east


def _gcj02_to_wgs84(lat: float, lon: float) -> Point:
    """The shift has no closed inverse: guess, shift, correct by what is left. It contracts a hundredfold a round."""
    if not _in_china(lat, lon):
        return Point(lat, lon)
    at_lat, at_lon = lat, lon
    for _ in range(_ROUNDS):
        north, east = _shift(at_lat, at_lon)
        off_lat, off_lon = at_lat + north - lat, at_lon + east - lon
        at_lat, at_lon = at_lat - off_lat, at_lon - off_lon
        if abs(off_lat) < _ENOUGH and abs(off_lon) < _ENOUGH:
            break
    return Point(at_lat, at_lon)


def _gcj02_to_bd09(lat: float, lon: float) -> tuple[float, float]:
    radius = hypot(lon, lat) + 0.00002 * sin(lat * _BD_TURN)
    angle = atan2(lat, lon) + 0.000003 * cos(lon * _BD_TURN)
    return radius * sin(angle) + 0.006, radius * cos(angle) + 0.0065


def _bd09_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """Inverse by correction as well: the one-step formula in circulation is off by up to half a metre."""
    at_lat, at_lon = lat - 0.006, lon - 0.0065
    for _ in range(_ROUNDS):
        said_lat, said_lon = _gcj02_to_bd09(at_lat, at_lon)
        off_lat, off_lon = said_lat - lat, said_lon - lon
        at_lat, at_lon = at_lat - off_lat, at_lon - off_lon
        if abs(off_lat) < _ENOUGH and abs(off_lon) < _ENOUGH:
            break
    return at_lat, at_lon
