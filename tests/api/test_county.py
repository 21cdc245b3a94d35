"""The simulated county and its story: what a demo, a drill and the end-to-end tests lean on."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime

import pytest
import shapely

from alerts.people.roster import Part, Roster
from alerts.policy import load_policies
from api.command.demo import POLICIES
from api.county.county import COUNTY, HOTLINE, county
from api.county.story import fire_of, story
from ingest.registry import GridLevel
from streams.signal import Level

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SEEDS = (1, 7, 12345)


@pytest.fixture(params=SEEDS)
def place(request):
    return county(request.param)


def shape(grid):
    return shapely.Polygon(grid.rings[0])


def test_the_same_seed_gives_the_same_county_and_story():
    assert county(7) == county(7)
    first, second = (tuple(story(county(7), 7, until=70, fire=fire_of(county(7), 7))) for _ in range(2))
    assert first == second
    assert [m.body for m in first] == [m.body for m in second]


def test_another_seed_gives_another_county_and_story():
    assert county(1) != county(2)
    one, other = (
        tuple(m.body for m in story(county(1), seed, until=15, fire=fire_of(county(1), seed))) for seed in (1, 2)
    )
    assert one != other


def test_a_county_has_the_promised_counts(place):
    levels = [g.level for g in place.grids]
    assert [
        levels.count(level) for level in (GridLevel.COUNTY, GridLevel.TOWNSHIP, GridLevel.VILLAGE, GridLevel.GRID)
    ] == [1, 5, 10, 40]
    assert levels.count(GridLevel.MICRO) == 8
    cameras = place.of_kind("camera")
    assert (len(cameras), len(place.devices) - len(cameras)) == (2, 400)


def test_every_grid_hangs_on_a_higher_one_up_to_the_county(place):
    for grid in place.grids:
        line = place.registry.ancestors(grid.code)
        assert line[-1].code == COUNTY
        assert all(below.level.height < above.level.height for below, above in itertools.pairwise(line))


def test_grids_tile_the_county_without_gap_or_overlap(place):
    whole = next(shape(g) for g in place.grids if g.level is GridLevel.COUNTY)
    parts = [shape(g) for g in place.grids if g.level is GridLevel.GRID]
    assert all(part.is_valid for part in parts)
    assert shapely.union_all(parts).symmetric_difference(whole).area < whole.area * 1e-9
    assert sum(part.area for part in parts) == pytest.approx(whole.area)


def test_micro_grids_tile_their_grid(place):
    for grid in place.grids:
        halves = [shape(g) for g in place.grids if g.level is GridLevel.MICRO and g.parent == grid.code]
        if halves:
            assert sum(half.area for half in halves) == pytest.approx(shape(grid).area)
            assert shapely.union_all(halves).symmetric_difference(shape(grid)).area < 1e-12


def test_every_device_stands_inside_its_grid(place):
    for device in place.devices:
        assert device.point is not None
        assert shape(place.registry.grids[device.grid]).contains(shapely.Point(device.point.lon, device.point.lat)), (
            device
        )


def test_two_grids_are_vacant_and_every_other_place_has_people(place):
    staffed = {p.grid for p in place.people}
    vacant = [g for g in place.grids if g.code not in staffed]
    assert [g.level for g in vacant if not any(m.parent == g.code for m in place.grids)] == [GridLevel.GRID] * 2
    assert len(vacant) == 2


def test_telephone_numbers_are_impossible_and_nobody_shares_one(place):
    phones = [p.phone for p in place.people]
    assert all(re.fullmatch(r"\+861000000\d{4}", phone) for phone in phones)
    assert len(set(phones)) == len(phones)


def test_people_have_one_id_each_and_the_county_has_a_catcher(place):
    assert len({p.id for p in place.people}) == len(place.people)
    at_the_county = [p.role for p in place.people if p.grid == COUNTY]
    assert at_the_county[:3] == ["duty_officer", "catcher", "duty_officer"]


@pytest.mark.parametrize("hour", range(0, 24, 4))
def test_somebody_has_duty_in_the_county_by_day_and_by_night_and_a_deputy_stands_in(place, hour):
    roster, now = Roster.of(place.people, place.duties), START.replace(hour=hour)
    officers = [p for p in roster.on_duty(COUNTY, now) if p.role == "duty_officer"]
    assert len(officers) == 1
    assert roster.on_duty(COUNTY, now)[0] == officers[0]
    (deputy,) = roster.on_duty(f"{COUNTY}001", now)
    assert deputy.part is Part.DEPUTY


def test_every_department_that_a_whistle_of_the_demo_calls_has_somebody(place):
    whistle = load_policies(POLICIES).whistle
    roles = {p.role for p in place.people}
    assert whistle.departments
    assert all(set(unit.roles) & roles for unit in whistle.departments.values())


@pytest.mark.parametrize(
    ("claim", "kind", "level", "origins", "expected"),
    [
        ("a fire has a clock to its end", "fire", Level.RED, ("sensor",), {"accept", "close"}),
        ("a call is to be answered as well", "flood", Level.YELLOW, ("hotline",), {"contact", "accept", "close"}),
        ("equipment has none to its end", "battery", Level.BLUE, ("sensor",), {"accept"}),
    ],
)
def test_the_demo_has_clocks(claim, kind, level, origins, expected):
    policy = load_policies(POLICIES).policy(kind)
    assert {clock.name for clock in policy.clocks.clocks(kind, level, origins)} == expected, claim


def test_a_resident_calls_about_what_nobody_in_the_county_settles(place):
    called = [m for m in story(place, place.seed, until=20, stalls_at=12.0) if m.topic == f"tocsin/{HOTLINE}/call"]
    (call,) = called
    (grid,) = [g for g in place.grids if call.body["address"] == f"{g.name}夜市街"]
    assert place.registry.township_of(grid.code) == f"{COUNTY}001"
    assert shape(grid).contains(shapely.Point(call.body["lon"], call.body["lat"]))
    assert not [m for m in story(place, place.seed, until=20) if m.topic == f"tocsin/{HOTLINE}/call"]


def test_the_story_is_told_in_order_of_time():
    place = county(7)
    offsets = [m.offset for m in story(place, 7, until=90, fire=fire_of(place, 7))]
    assert offsets == sorted(offsets)
    assert offsets[-1] <= 90


def test_a_calm_county_speaks_thirty_to_sixty_times_a_second_and_stays_below_every_threshold():
    messages = list(story(county(3), 3, until=120))
    assert 30 <= len(messages) / 120 <= 60
    bodies = [m.body for m in messages]
    assert max(b["smoke"] for b in bodies if "smoke" in b) < 0.02
    assert max(b["temperature"] for b in bodies if "temperature" in b) < 30
    assert not any(b.get("alarm") for b in bodies)


def test_every_calm_device_keeps_its_interval():
    place = county(3)
    last = dict.fromkeys((d.id for d in place.devices if d.interval), 0.0)
    for message in story(place, 3, until=60, fire=fire_of(place, 3)):
        device = message.topic.split("/")[2]
        if message.topic.endswith("/telemetry"):
            assert message.offset - last[device] < 30, device
            last[device] = message.offset


def test_detector_camera_and_caller_see_the_fire_in_one_grid_within_fifteen_seconds(place):
    fire = fire_of(place, place.seed)
    early = list(story(place, place.seed, until=15, fire=fire))
    smoky = {m.topic.split("/")[2] for m in early if m.body.get("smoke", 0) > 0.15}
    assert smoky
    assert {place.registry.devices[d].grid for d in smoky} == {fire.grid}
    sightings = [m.body for m in early if m.topic.endswith("/sighting")]
    assert {"smoke", "fire"} == {s["label"] for s in sightings}
    call = next(m.body for m in early if m.topic == f"tocsin/{HOTLINE}/call")
    here = shape(place.registry.grids[fire.grid])
    assert here.contains(shapely.Point(call["lon"], call["lat"]))
    assert call["address"].startswith(place.registry.grids[fire.grid].name)


def test_the_fire_is_in_a_grid_with_people_and_without_micro_grids(place):
    fire = fire_of(place, place.seed)
    assert any(p.grid == fire.grid for p in place.people)
    assert not any(g.parent == fire.grid for g in place.grids)


def test_the_fire_climbs_steeper_than_a_heat_detector_allows_and_falls_back():
    place = county(7)
    fire = fire_of(place, 7)
    warm = {
        m.offset: m.body["temperature"]
        for m in story(place, 7, until=120, fire=fire)
        if fire.heat and fire.heat.id in m.topic
    }
    assert max(warm.values()) > 57
    assert warm[max(warm)] < 30
    smoke = [m.body["smoke"] for m in story(place, 7, until=130, fire=fire) if fire.smoke[0].id in m.topic]
    assert max(smoke) > 0.5
    assert smoke[-1] < 0.02


def test_a_payload_carries_its_time_and_telling_the_story_twice_makes_two_incidents():
    place = county(7)
    call = next(m for m in story(place, 7, until=20, fire=fire_of(place, 7)) if m.topic.endswith("/call"))
    first = json.loads(call.payload(START))
    assert first["at"] == round((START.timestamp() + call.offset) * 1000)
    assert first["id"] != json.loads(call.payload(START.replace(hour=9)))["id"]
    assert first == json.loads(call.payload(START))
