"""Grids and devices out of files: everything wrong is told at once, with its line, and nothing is guessed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from ingest.coordinates import Datum, from_wgs84, metres_between
from ingest.enrol import check_devices, check_grids
from ingest.events import Point
from ingest.outlines import BadOutline, read_outline
from ingest.places import Places, outline
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.sheets import Severity, Sheet

NOWHERE = Registry()
SQUARE = "POLYGON((118 29, 118.01 29, 118.01 29.01, 118 29.01, 118 29))"


def table(text: str, name: str = "grids.csv", encoding: str = "utf-8") -> Sheet:
    return Sheet(name, text.encode(encoding))


def grids(text: str, *, known: Registry = NOWHERE, datum: Datum | None = None):
    return check_grids(table("code,parent,level,name,polygon,datum\n" + text), known, datum)


def told(problems, severity: Severity = Severity.ERROR) -> list[tuple[int, str]]:
    return [(p.line, p.what) for p in problems if p.severity is severity]


def test_a_tree_with_outlines_is_read_whole():
    found, problems = grids(f'C,,county,县,,\nT,C,township,镇,,\nG,T,grid,一网格,"{SQUARE}",wgs84\n')
    assert not problems
    assert [g.code for g in Registry.of(found.values(), []).ancestors("G")] == ["G", "T", "C"]
    assert found["G"] == Grid(
        "G", "一网格", GridLevel.GRID, "T", (tuple((x, y) for x, y in shapely.from_wkt(SQUARE).exterior.coords),)
    )


BAD_GRIDS = [
    ("a code that stands twice", "A,,grid,a,,\nA,,grid,b,,", 3, "'A' stands in line 2 already"),
    (
        "a code that stands twice, once in a broken row",
        "A,,nonsense,a,,\nA,,grid,b,,",
        3,
        "'A' stands in line 2 already",
    ),
    ("a parent that nobody has", "A,B,grid,a,,", 2, "parent 'B' is neither in the file nor known"),
    ("a circle", "A,B,grid,a,,\nB,A,village,b,,", 2, "A → B → A stand above one another in a circle"),
    ("a grid that is its own parent", "A,A,grid,a,,", 2, "its own parent"),
    ("a parent of a lower level", "A,B,township,a,,\nB,,grid,b,,", 2, "a parent is of a higher level"),
    ("a parent of the same level", "A,B,grid,a,,\nB,,grid,b,,", 2, "a parent is of a higher level"),
    (
        "a level that is none",
        "A,,parish,a,,",
        2,
        "level 'parish' is none of micro, grid, village, township, county, city",
    ),
    ("no code", ",,grid,a,,", 2, "has no code"),
    ("no name", "A,,grid,,,", 2, "has no name"),
    ("a code that is too long", "x" * 25 + ",,grid,a,,", 2, "is not 1 to 24 printable characters"),
    ("a code that a spreadsheet turned into a number", "3.30803E+14,,grid,a,,", 2, "format the column as text"),
    ("an outline that is no WKT", 'A,,grid,a,"POLYGON((1 2, 3",wgs84', 2, "cannot be read"),
    (
        "an outline that is a line",
        'A,,grid,a,"LINESTRING(1 2, 3 4)",wgs84',
        2,
        "is a Polygon or MultiPolygon, got LineString",
    ),
    ("an outline that is empty", "A,,grid,a,POLYGON EMPTY,wgs84", 2, "has no corners"),
    ("an outline without area", 'A,,grid,a,"POLYGON((1 1,2 2,3 3,1 1))",wgs84', 2, "encloses nothing"),
    ("a figure of eight", 'A,,grid,a,"POLYGON((0 0,2 2,2 0,0 2,0 0))",wgs84', 2, "crosses itself"),
    (
        "a projection",
        'A,,grid,a,"POLYGON((500000 3200000,500100 3200000,500100 3200100,500000 3200000))",wgs84',
        2,
        "convert the projection",
    ),
    (
        "latitude before longitude",
        'A,,grid,a,"POLYGON((29 118,29.1 118,29.1 118.1,29 118))",wgs84',
        2,
        "longitude first",
    ),
    ("an unknown datum", f'A,,grid,a,"{SQUARE}",EPSG:3857', 2, "is no datum we know"),
    ("an outline without a datum", f'A,,grid,a,"{SQUARE}",', 2, "names no datum"),
    ("a cell too many", "A,,grid,a,,wgs84,what", 2, "has 7 cells under 6 headings"),
    ("a quote that is never closed", 'A,,grid,"a,,', 2, "is no CSV from here on"),
]


@pytest.mark.parametrize(("_what", "text", "line", "said"), BAD_GRIDS, ids=[row[0] for row in BAD_GRIDS])
def test_a_broken_grid_is_an_error_with_its_line(_what, text, line, said):
    _, problems = grids(text)
    assert any(at == line and said in what for at, what in told(problems)), [str(p) for p in problems]


def test_all_errors_are_told_in_one_run():
    _, problems = grids("A,B,grid,a,,\nC,,parish,c,,\nD,,grid,,,\n")
    assert [line for line, _ in told(problems)] == [3, 4, 2]


def test_what_follows_from_a_broken_parent_is_not_told_as_well():
    _, problems = grids("A,B,grid,a,,\nB,,parish,b,,\n")
    assert [line for line, _ in told(problems)] == [3]


def test_a_circle_through_what_is_in_force_is_found():
    known = Registry.of([Grid("B", "b", GridLevel.VILLAGE, "A")], [])
    _, problems = grids("A,B,grid,a,,", known=known)
    assert any("in a circle" in what for _, what in told(problems))


def test_what_is_in_force_counts_as_known_and_keeps_its_outline():
    ring = ((118.0, 29.0), (118.1, 29.0), (118.1, 29.1), (118.0, 29.0))
    known = Registry.of([Grid("T", "t", GridLevel.TOWNSHIP), Grid("G", "old", GridLevel.GRID, "T", (ring,))], [])
    found, problems = grids("G,T,grid,new,,", known=known)
    assert found["G"] == Grid("G", "new", GridLevel.GRID, "T", (ring,))
    assert told(problems) == []
    assert "keep the one in force" in told(problems, Severity.WARNING)[0][1]


@pytest.mark.parametrize("datum", Datum)
def test_an_outline_is_converted_from_the_datum_it_names(datum):
    corners = [from_wgs84(Point(lat, lon), datum) for lon, lat in shapely.from_wkt(SQUARE).exterior.coords]
    shifted = shapely.Polygon([(lon, lat) for lat, lon in corners]).wkt
    found, problems = grids(f'G,,grid,g,"{shifted}",{datum}')
    assert not problems
    wanted = shapely.from_wkt(SQUARE).exterior.coords
    assert all(
        metres_between(Point(b, a), Point(y, x)) < 0.02
        for (a, b), (x, y) in zip(found["G"].rings[0], wanted, strict=True)
    )


def test_the_stated_datum_stands_in_only_where_the_file_names_none():
    text = f'A,,grid,a,"{SQUARE}",wgs84\nB,,grid,b,"{SQUARE}",\nC,,grid,c,"SRID=4490;{SQUARE}",\n'
    found, _ = grids(text, datum=Datum.GCJ02)
    assert found["A"].rings == found["C"].rings != found["B"].rings


def test_a_small_flaw_in_an_outline_is_mended_with_a_warning():
    spike = "POLYGON((0 0,10 0,10 10,0 10,0 5,0.01 5.01,0.01 5,0 5.01,0 0))"
    found, problems = grids(f'G,,grid,g,"{spike}",wgs84')
    assert told(problems) == []
    assert "was mended" in told(problems, Severity.WARNING)[0][1]
    assert outline(found["G"].rings).is_valid
    assert outline(found["G"].rings).area == pytest.approx(100, rel=0.001)


def test_a_multipolygon_keeps_its_parts_and_holes():
    wkt = "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,2 1,2 2,1 2,1 1)),((20 0,21 0,21 1,20 1,20 0)))"
    found, problems = grids(f'G,,grid,g,"{wkt}",wgs84')
    assert not problems
    assert outline(found["G"].rings).equals(shapely.from_wkt(wkt))


def test_an_outline_outside_its_parent_is_a_warning():
    _, problems = grids(
        'T,,township,t,"POLYGON((0 0,1 0,1 1,0 1,0 0))",wgs84\nG,T,grid,g,"POLYGON((1 1,2 1,2 2,1 2,1 1))",wgs84\n'
    )
    assert told(problems) == []
    assert told(problems, Severity.WARNING) == [
        (3, "grid 'G': only 0% of it lies inside its parent 'T'; is the datum right?")
    ]


def test_neighbours_that_overlap_are_a_warning_and_those_that_touch_are_not():
    _, problems = grids(
        'A,,grid,a,"POLYGON((0 0,1 0,1 1,0 1,0 0))",wgs84\nB,,grid,b,"POLYGON((0.5 0,2 0,2 1,0.5 1,0.5 0))",wgs84\n'
        'C,,grid,c,"POLYGON((2 0,3 0,3 1,2 1,2 0))",wgs84\n'
    )
    assert [what.split(":")[0] for _, what in told(problems, Severity.WARNING)] == [
        "50% of grid 'A' lies inside 'B' of the same level"
    ]


def feature(geometry=None, **properties):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features, indent: int | None = None, **more) -> Sheet:
    body = {"type": "FeatureCollection", **more, "features": list(features)}
    return Sheet("grids.geojson", json.dumps(body, ensure_ascii=False, indent=indent).encode())


BOX = shapely.geometry.mapping(shapely.from_wkt(SQUARE))


def test_geojson_is_read_with_the_datum_of_its_collection():
    city = feature(None, adcode=330800.0, name="市", level="city")
    county = feature(BOX, adcode=330803, name="区", level="district", parent={"adcode": 330800})
    for named in ({"datum": "GCJ-02"}, {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}}):
        found, problems = check_grids(collection(city, county, **named), NOWHERE, None)
        assert not problems
        assert (found["330803"].parent, found["330803"].level) == ("330800", GridLevel.COUNTY)
        moved = metres_between(Point(*found["330803"].rings[0][0][::-1]), Point(29, 118))
        assert moved > 300 if "datum" in named else moved == 0


def test_geojson_that_names_no_datum_is_wgs84_with_a_warning():
    found, problems = check_grids(collection(feature(BOX, code="G", name="g", level="grid")), NOWHERE, None)
    assert found["G"].rings[0][0] == (118, 29)
    assert "say --datum" in told(problems, Severity.WARNING)[0][1]
    _, problems = check_grids(collection(feature(BOX, code="G", name="g", level="grid")), NOWHERE, Datum.WGS84)
    assert not problems


def test_a_feature_is_found_by_the_line_it_starts_on():
    good = feature(None, code="A", name="a", level="grid")
    bad = feature(None, code="B", name="b", level="parish")
    for indent in (None, 1):
        sheet = collection(
            good,
            good | {"properties": good["properties"] | {"code": "A2"}},
            bad,
            indent=indent,
            note=["{", {"features": []}],
        )
        _, problems = check_grids(sheet, NOWHERE, None)
        lines = sheet.raw.decode().splitlines()
        before = next(n for n, line in enumerate(lines, 1) if "parish" in line)
        assert len(told(problems)) == 1
        assert told(problems)[0][0] <= before
        assert indent is None or lines[told(problems)[0][0] - 1].strip() == "{"


BAD_FILES = [
    ("a workbook", b"PK\x03\x04whatever", "is a spreadsheet workbook"),
    ("bytes that are no text", b"\xff\xff\xff\x80", "is neither UTF-8 nor GB18030"),
    ("nothing", b"  \n", "is empty"),
    ("headings without rows", b"code,level,name\n", "has headings and no rows"),
    ("a table without a level", b"code,name\nA,a\n", "has no column 'level'"),
    ("a table with a column twice", b"code,code,level,name\nA,A,grid,a\n", "has the column 'code' twice"),
    ("broken JSON", b'{"type": "FeatureCollection",\n "features": [}', "is no JSON"),
    ("JSON that is no map", b'{"type": "Feature"}', "is no GeoJSON FeatureCollection"),
    ("a list of JSON", b"[1, 2]", "is no GeoJSON FeatureCollection"),
    ("a map without features", b'{"features": []}', "has no features"),
    (
        "a map with other properties",
        b'{"features": [{"properties": {"BoroCD": 1}}]}',
        "no feature has a property 'code'; there are: BoroCD",
    ),
    (
        "a feature without properties",
        b'{"features": [{"properties": {"code": 1, "name": 1, "level": 1}}, 7]}',
        "feature 2 has no properties",
    ),
    ("JSON nested without end", b"[" * 100_000, "is no JSON"),
]


@pytest.mark.parametrize(("_what", "raw", "said"), BAD_FILES, ids=[row[0] for row in BAD_FILES])
def test_a_file_that_cannot_be_used_says_why(_what, raw, said):
    _, problems = check_grids(Sheet("f", raw), NOWHERE, None)
    assert any(said in what for _, what in told(problems)), problems


TEXT = "编码,上级,级别,名称\nT,,街道,樟树街道\nG,T,网格,第一网格\n"
ENCODINGS = [
    ("UTF-8", TEXT.encode()),
    ("UTF-8 with its mark", TEXT.encode("utf-8-sig")),
    ("GB18030", TEXT.encode("gb18030")),
    ("UTF-16 as a spreadsheet saves it, with tabs", TEXT.replace(",", "\t").encode("utf-16")),
    ("line ends of Windows", TEXT.replace("\n", "\r\n").encode()),
    ("semicolons", TEXT.replace(",", ";").encode()),
]


@pytest.mark.parametrize(("_what", "raw"), ENCODINGS, ids=[row[0] for row in ENCODINGS])
def test_a_chinese_table_is_read_however_it_was_saved(_what, raw):
    found, problems = check_grids(Sheet("网格.csv", raw), NOWHERE, None)
    assert not problems
    assert found == {
        "T": Grid("T", "樟树街道", GridLevel.TOWNSHIP),
        "G": Grid("G", "第一网格", GridLevel.GRID, "T"),
    }


def test_lines_are_counted_through_cells_that_span_several():
    _, problems = check_grids(table('code,level,name\n\nA,grid,"a\nb\nc"\nB,parish,"b\nc"\n'), NOWHERE, None)
    assert [line for line, what in told(problems) if "parish" in what] == [6]


def test_a_column_that_nobody_uses_is_a_warning_and_an_own_name_wins_over_an_alias():
    found, problems = check_grids(table("code,adcode,level,name,colour\nA,1,grid,a,red\n"), NOWHERE, None)
    assert set(found) == {"A"}
    assert [what.split(" is")[0] for _, what in told(problems, Severity.WARNING)] == [
        "column 'adcode'",
        "column 'colour'",
    ]


# ---- devices

PLACE = Registry.of(
    [
        Grid("T", "t", GridLevel.TOWNSHIP),
        Grid("W", "w", GridLevel.GRID, "T", (((118.0, 29.0), (118.01, 29.0), (118.01, 29.01), (118.0, 29.01), (118.0, 29.0)),)),
        Grid("M", "m", GridLevel.MICRO, "W", (((118.0, 29.0), (118.001, 29.0), (118.001, 29.001), (118.0, 29.001), (118.0, 29.0)),)),
        Grid("E", "e", GridLevel.GRID, "T", (((118.01, 29.0), (118.02, 29.0), (118.02, 29.01), (118.01, 29.01), (118.01, 29.0)),)),
        Grid("N", "no outline", GridLevel.GRID, "T"),
        Grid("P", "p", GridLevel.TOWNSHIP, "", (((120.0, 29.0), (120.1, 29.0), (120.1, 29.1), (120.0, 29.1), (120.0, 29.0)),)),
        Grid("Q", "no outline either", GridLevel.GRID, "P"),
        Grid("X", "under the one without outline", GridLevel.MICRO, "N", (((119.0, 29.0), (119.1, 29.0), (119.1, 29.1), (119.0, 29.0)),)),
    ],
    [],
)  # fmt: skip


def devices(text: str, *, datum: Datum | None = None):
    return check_devices(
        table("id,kind,gateway,grid,lat,lon,datum,interval_s,name\n" + text, "devices.csv"), PLACE, datum
    )


def test_a_device_is_read_with_its_grid_point_and_interval():
    found, problems = devices("d1,smoke,gw1,W,29.005,118.005,wgs84,60,厨房\nd2,water,,E,,,,,\n")
    assert not problems
    assert found["d1"] == Device("d1", "smoke", "gw1", "W", Point(29.005, 118.005), timedelta(seconds=60), "厨房")
    assert found["d2"] == Device("d2", "water", "", "E")


STANDS = [
    ("coordinates alone name the lowest grid", "d,smoke,,,29.0005,118.0005,wgs84,,", "M", ""),
    ("a stated grid above the covering one is right too", "d,smoke,,W,29.0005,118.0005,wgs84,,", "W", ""),
    ("a stated township without an outline is right", "d,smoke,,T,29.0005,118.0005,wgs84,,", "T", ""),
    ("a grid without an outline cannot be contradicted by nothing", "d,smoke,,N,10,10,wgs84,,", "N", ""),
    ("coordinates in what lies above a grid without an outline agree", "d,smoke,,Q,29.05,120.05,wgs84,,", "Q", ""),
    ("coordinates in a micro-grid of it agree", "d,smoke,,N,29.01,119.05,wgs84,,", "N", ""),
    ("a grid without an outline is contradicted by another grid", "d,smoke,,N,29.005,118.015,wgs84,,", "N", "lie in 'E', not in the stated 'N'"),
    ("the stated grid wins over the coordinates, with a warning", "d,smoke,,E,29.005,118.0095,wgs84,,", "E", "lie in 'W' and 49 m outside the stated 'E'"),
    ("coordinates that no grid covers go to the catcher, with a warning", "d,smoke,,,10,10,wgs84,,", "", "go to the catcher"),
    ("a stated grid far from coordinates in no grid is a warning", "d,smoke,,W,29.02,118.005,wgs84,,", "W", "lie in no grid and 1112 m outside"),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "text", "grid", "said"), STANDS, ids=[row[0] for row in STANDS])
def test_a_device_stands_where_its_file_says(_what, text, grid, said):
    found, problems = devices(text)
    assert told(problems) == []
    assert found["d"].grid == grid
    warnings = [what for _, what in told(problems, Severity.WARNING)]
    assert (len(warnings) == 1 and said in warnings[0]) if said else not warnings


def test_a_mistaken_datum_is_recognised_by_the_grid_it_would_fit():
    lat, lon = from_wgs84(Point(29.005, 118.0095), Datum.GCJ02)
    _, problems = devices(f"d,smoke,,W,{lat},{lon},wgs84,,")
    assert "(read as gcj02 they would be inside it)" in told(problems, Severity.WARNING)[0][1]
    found, problems = devices(f"d,smoke,,,{lat},{lon},gcj02,,")
    assert not problems
    assert found["d"].grid == "W"
    assert metres_between(found["d"].point, Point(29.005, 118.0095)) < 0.01


BAD_DEVICES = [
    ("an id that stands twice", "d,smoke,,W,,,,,\nd,smoke,,W,,,,,", 3, "'d' stands in line 2 already"),
    ("no id", ",smoke,,W,,,,,", 2, "id '' is not 1 to 128"),
    ("no kind", "d,,,W,,,,,", 2, "kind '' is not 1 to 128"),
    ("an unknown grid", "d,smoke,,?,,,,,", 2, "grid '?' is neither in the grids file nor known"),
    ("neither grid nor coordinates", "d,smoke,,,,,,,", 2, "neither a grid nor coordinates"),
    ("coordinates without a datum", "d,smoke,,,29,118,,,", 2, "name no datum"),
    ("coordinates in an unknown datum", "d,smoke,,,29,118,beijing54,,", 2, "is no datum we know"),
    ("half a position", "d,smoke,,W,29,,wgs84,,", 2, "not both numbers"),
    ("a latitude that is a word", "d,smoke,,W,north,118,wgs84,,", 2, "not both numbers"),
    ("a latitude that is not a number", "d,smoke,,W,nan,118,wgs84,,", 2, "a point wants latitude"),
    ("latitude and longitude swapped", "d,smoke,,W,118,29,wgs84,,", 2, "look swapped"),
    ("a receiver without a fix", "d,smoke,,W,0,0.0,wgs84,,", 2, "without a fix"),
    ("an interval that is a word", "d,smoke,,W,,,,often,", 2, "interval_s 'often' is not a number of seconds"),
    ("an interval of nothing", "d,smoke,,W,,,,0,", 2, "above 0"),
    ("an interval without end", "d,smoke,,W,,,,inf,", 2, "above 0"),
    ("an id that a spreadsheet turned into a number", "8.6E+14,smoke,,W,,,,,", 2, "format the column as text"),
]


@pytest.mark.parametrize(("_what", "text", "line", "said"), BAD_DEVICES, ids=[row[0] for row in BAD_DEVICES])
def test_a_broken_device_is_an_error_with_its_line(_what, text, line, said):
    _, problems = devices(text)
    assert any(at == line and said in what for at, what in told(problems)), [str(p) for p in problems]


def test_geometries_that_are_nonsense_are_refused_and_never_crash():
    for nonsense in (7, [], {}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": "x"}, {"type": "Polygon", "coordinates": [[1]]},
                     {"type": "Polygon", "coordinates": [[[0, 0], [1, None], [1, 1], [0, 0]]]}, {"type": "Blob", "coordinates": []}):  # fmt: skip
        with pytest.raises(BadOutline):
            read_outline(nonsense, Datum.WGS84)


def test_what_was_read_can_be_asked_for_places():
    found, _ = grids(f'G,,grid,g,"{SQUARE}",wgs84')
    assert Places(Registry.of(found.values(), [])).locate(Point(29.005, 118.005)).grid == "G"


def dated(text: str, *, known: Registry = NOWHERE):
    return check_grids(table("编码,上级,级别,名称,polygon,datum,生效日期,失效日期\n" + text), known, None)


def test_a_code_may_stand_there_once_for_each_time():
    found, problems = dated(
        "T,,township,镇,,,,\nG,T,grid,旧,,,,2026-03-01\nG,T,grid,新,,,2026/3/1,\nG,T,grid,再,,,2026-09-01 08:00,\n".replace(
            "2026/3/1", "2026-03-01"
        )
    )
    assert not problems
    midnight = datetime(2026, 2, 28, 16, tzinfo=UTC)  # a date is its midnight in China
    assert [(g.name, g.valid_from, g.valid_to) for g in found.values() if g.code == "G"] == [
        ("旧", None, midnight),
        ("新", midnight, None),
        ("再", datetime(2026, 9, 1, tzinfo=UTC), None),
    ]


BAD_TIMES = [
    ("a date that is none", "G,,grid,g,,,March,\n", "'March' is no date"),
    ("an end before the beginning", "G,,grid,g,,,2026-03-02,2026-03-01\n", "ends before it begins"),
    ("one code twice for one time", "G,,grid,g,,,2026-03-02,\nG,,grid,h,,,2026-03-02,\n", "stands in line 2 already"),
    (
        "a circle that only one time has",
        "G,H,grid,g,,,2026-03-02,\nH,,village,h,,,,\nH,G,village,h,,,2026-05-01,\n",
        "stand above one another in a circle",
    ),
]


@pytest.mark.parametrize(("_what", "text", "said"), BAD_TIMES, ids=[row[0] for row in BAD_TIMES])
def test_impossible_times_of_grids_are_errors(_what, text, said):
    _, problems = dated(text)
    assert any(said in what for _, what in told(problems)), problems


def test_a_grid_without_its_parent_for_a_while_is_a_warning():
    _, problems = dated("V,,village,v,,,2026-05-01,\nG,V,grid,g,,,2026-03-01,\n")
    assert told(problems) == []
    assert told(problems, Severity.WARNING) == [
        (3, "grid 'G' is in force while its parent 'V' is not: then it has nobody above it")
    ]


def test_outlines_of_one_code_at_two_times_do_not_overlap_one_another():
    known = Registry.of([Grid("G", "old", GridLevel.GRID, "", (((118, 29), (118.01, 29), (118, 29.01)),))], [])
    _, problems = dated(f'G,,grid,g,"{SQUARE}",wgs84,2026-03-01,\n', known=known)
    assert problems == []
