"""Three datums, one place on earth."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.coordinates import Datum, from_wgs84, metres_between, to_wgs84
from ingest.events import InvalidEvent, Point

# Worked out with the coordtransform package (C extension), which shares no code with ours.
GOLDEN = [
    ("a county in the western mountains", (30.05, 101.96), (30.04717375, 101.9615135), (30.05304578, 101.96806419)),
    ("a county in the southern delta", (22.84, 113.25), (22.83719861, 113.25530474), (22.84329545, 113.26180419)),
    ("a county on the northern border", (49.6, 117.43), (49.60196256, 117.43830485), (49.60776635, 117.44490531)),
    ("a city on the coast", (36.07, 120.38), (36.07027464, 120.38513224), (36.07636275, 120.39159514)),
    ("a city on an island", (18.25, 109.5), (18.24833152, 109.50411844), (18.25401201, 109.51068026)),
]
# Well inside the box in which GCJ-02 is defined: at its edge the shift begins at once and has no inverse there.
IN_CHINA = st.builds(Point, lat=st.floats(1, 55), lon=st.floats(73, 137))


@pytest.mark.parametrize(("_what", "wgs", "gcj", "bd"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_every_datum_agrees_with_an_independent_library(_what, wgs, gcj, bd):
    point = Point(*wgs)
    assert from_wgs84(point, Datum.GCJ02) == pytest.approx(gcj, abs=2e-8)
    assert from_wgs84(point, Datum.BD09) == pytest.approx(bd, abs=2e-8)
    assert metres_between(to_wgs84(*gcj, Datum.GCJ02), point) < 0.01
    assert metres_between(to_wgs84(*bd, Datum.BD09), point) < 0.01


@given(IN_CHINA, st.sampled_from(Datum))
@example(Point(55, 73), Datum.BD09)
def test_there_and_back_ends_within_a_centimetre(point, datum):
    assert metres_between(to_wgs84(*from_wgs84(point, datum), datum), point) < 0.01


@given(IN_CHINA)
def test_the_datums_differ_by_enough_to_ring_the_wrong_grid(point):
    # 1.3 km at the far corners of the box; 300 to 900 m where people live
    gcj, bd = Point(*from_wgs84(point, Datum.GCJ02)), Point(*from_wgs84(point, Datum.BD09))
    assert 5 < metres_between(point, gcj) < 3000
    assert 500 < metres_between(gcj, bd) < 1500


def test_outside_china_gcj02_is_wgs84():
    london = Point(51.5, -0.12)
    assert from_wgs84(london, Datum.GCJ02) == (51.5, -0.12)
    assert to_wgs84(51.5, -0.12, Datum.GCJ02) == london


def test_the_national_system_is_taken_as_wgs84():
    assert to_wgs84(29.01, 118.9, Datum.CGCS2000) == Point(29.01, 118.9)


SPELLINGS = [
    ("as we write it", "gcj02", Datum.GCJ02),
    ("as a person writes it", "GCJ-02", Datum.GCJ02),
    ("as a map service is called", "amap", Datum.GCJ02),
    ("with a space", "WGS 84", Datum.WGS84),
    ("as EPSG numbers it", "EPSG:4490", Datum.CGCS2000),
    ("as GeoJSON 2008 names it", "urn:ogc:def:crs:OGC:1.3:CRS84", Datum.WGS84),
    ("as an OGC name of an EPSG number", "urn:ogc:def:crs:EPSG::4490", Datum.CGCS2000),
    ("as Baidu abbreviates it", "bd09ll", Datum.BD09),
    ("in Chinese", "国家2000", Datum.CGCS2000),
]


@pytest.mark.parametrize(("_what", "text", "datum"), SPELLINGS, ids=[row[0] for row in SPELLINGS])
def test_a_datum_is_known_by_its_names(_what, text, datum):
    assert Datum.named(text) is datum


@pytest.mark.parametrize("text", ["", "EPSG:3857", "EPSG:4549", "mercator", "wgs72"])
def test_an_unknown_datum_is_refused_with_what_to_write(text):
    with pytest.raises(InvalidEvent, match="wgs84, cgcs2000, gcj02 or bd09"):
        Datum.named(text)


@pytest.mark.parametrize("datum", Datum)
@pytest.mark.parametrize("pair", [(91, 0), (0, 181), (float("nan"), 0), (117.3, 29.0)])
def test_what_is_no_position_is_refused_in_every_datum(datum, pair):
    with pytest.raises(InvalidEvent):
        to_wgs84(*pair, datum)


def test_distances_are_right_to_half_a_percent_also_across_the_date_line():
    assert metres_between(Point(29, 118), Point(30, 118)) == pytest.approx(111_195, rel=0.005)
    assert metres_between(Point(0, 179.5), Point(0, -179.5)) == pytest.approx(111_195, rel=0.005)
