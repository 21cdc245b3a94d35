"""What a quiet rule is about, and which bells no rule may touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import evidence
from alerts.alert import Alert
from alerts.quiet.bell import LIFE_SAFETY, NAMED, Bell, Matcher, bell_of
from ingest.events import Place
from ingest.registry import Device, Registry
from streams.signal import Level
from tests.alerts.quiet.bells import bell
from tests.scenarios.timeline import GRIDS

REGISTRY = Registry.of(GRIDS, [Device("d1", "smoke", "gw-1", "g1"), Device("d2", "smoke", "gw-2", "g1")])


def of(*subjects: str, kind: str = "fire", grid: str = "g1") -> Bell:
    return bell_of(Alert("a", "i", kind, Level.RED, Place(grid, "t1"), subjects=subjects), REGISTRY)


@pytest.mark.parametrize(
    ("says", "found", "gateways"),
    [
        ("a device comes through its gateway", of("d1"), {"gw-1"}),
        ("devices of two gateways come through both", of("d1", "d2"), {"gw-1", "gw-2"}),
        ("a gateway comes through itself", of("gw-1", kind="gateway_silent"), {"gw-1"}),
        ("a caller comes through none", of("call-7"), {""}),
    ],
)
def test_the_gateways_of_a_bell(says: str, found: Bell, gateways: set[str]) -> None:
    assert set(found.gateways) == gateways, says


def test_a_bell_is_within_its_grid_and_all_above_it() -> None:
    assert of("d1").within == {"g1", "v1", "t1", "c"}
    assert of("d1", grid="").within == {"t1"}, "what no grid covers is still in the township that was found for it"


@pytest.mark.parametrize(
    ("says", "matcher", "matches"),
    [
        ("its kind", Matcher(kinds=("water", "gas")), True),
        ("another kind", Matcher(kinds=("gas",)), False),
        ("its level", Matcher(levels=(Level.YELLOW,)), True),
        ("another level", Matcher(levels=(Level.BLUE,)), False),
        ("its grid", Matcher(grids=("g1",)), True),
        ("the township above it", Matcher(grids=("t1",)), True),
        ("another village", Matcher(grids=("v2",)), False),
        ("its device", Matcher(subjects=("w-1", "w-2")), True),
        ("another device", Matcher(subjects=("w-2",)), False),
        ("its rule", Matcher(rules=("water_level",)), True),
        ("its gateway", Matcher(gateways=("gw-1",)), True),
        ("another gateway", Matcher(gateways=("gw-2",)), False),
        ("its kind on another gateway", Matcher(kinds=("water",), gateways=("gw-2",)), False),
    ],
)
def test_a_matcher_is_about(says: str, matcher: Matcher, matches: bool) -> None:
    assert matcher.matches(bell()) is matches, says


def test_a_rule_about_one_device_never_silences_what_another_one_says() -> None:
    both = bell(subjects=("w-1", "w-2"), gateways=("gw-1", "gw-2"), rules=("a", "b"))
    assert not Matcher(subjects=("w-1",)).matches(both)
    assert not Matcher(gateways=("gw-1",)).matches(both)
    assert not Matcher(rules=("a",)).matches(both)
    assert Matcher(subjects=("w-1", "w-2")).matches(both)


def test_an_alert_with_more_devices_than_it_names_is_not_matched_by_a_list_of_them() -> None:
    assert NAMED == evidence.LISTED
    many = tuple(f"w-{n}" for n in range(NAMED))
    assert not Matcher(subjects=many).matches(bell(subjects=many))


def test_a_matcher_that_says_nothing_is_empty() -> None:
    assert Matcher().empty
    assert not Matcher(levels=(Level.RED,)).empty


@given(st.sampled_from(["fire", "gas", "sos", "water", "trapped"]), st.sampled_from(list(Level)))
def test_red_life_safety_is_spared_and_nothing_else(kind: str, level: Level) -> None:
    one = bell(kind=kind, level=level)
    assert one.spared() is (level is Level.RED and kind in LIFE_SAFETY)
    assert one.spared(frozenset({"trapped"})) is (level is Level.RED and kind != "water")
