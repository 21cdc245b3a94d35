"""Silence is a signal (law 9): once per outage, also without a first word, and the gateway before its devices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.events import Mark, Presence, Standing
from ingest.frames import FrameBuilder, Origin
from ingest.registry import Device, Grid, GridLevel, Registry
from streams.detectors.registry import Detectors
from streams.rules import parse_rules
from streams.signal import Level, Signal

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
BASE = int(START.timestamp()) * SECOND
RULES = parse_rules("""
[[rule]]
id = "silence"
kind = "device_silent"
metrics = ["*"]
detector = "silence"
level = "blue"
gateway_level = "yellow"
factor = 3
least = 5
offline_after = 20
""")
GRIDS = [Grid("t", "t", GridLevel.TOWNSHIP), Grid("g", "g", GridLevel.GRID, "t"), Grid("u", "u", GridLevel.TOWNSHIP)]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def device(name: str, *, gateway: str = "", every: float | None = 10, grid: str = "g") -> Device:
    return Device(name, "smoke", gateway, grid, interval=timedelta(seconds=every) if every else None)


class Town:
    """Some devices on a time line of seconds."""

    def __init__(self, *devices: Device) -> None:
        self.registry = Registry.of(GRIDS, devices)
        self.detectors = Detectors(RULES)
        assert self.detectors.enrol(self.registry, START) == []

    def speaks(self, name: str, seconds: float, *, marks: Mark = Mark.NONE) -> list[tuple[str, bool]]:
        builder, micros = FrameBuilder(), BASE + round(seconds * SECOND)
        builder.add(Origin(name, "smoke", "g", "t"), "any", int(marks), micros - 40 * SECOND, micros, 1.0)
        return said(self.detectors.update(builder.close()))

    def presence(
        self, name: str, standing: Standing, seconds: float, marks: Mark = Mark.NONE
    ) -> list[tuple[str, bool]]:
        return said(self.detectors.presence(Presence(name, standing, at(seconds), at(seconds), marks=marks)))

    def until(self, seconds: float) -> list[tuple[float, str, bool]]:
        """Ring every timer up to an instant, each on time: (when, subject, active)."""
        rang: list[tuple[float, str, bool]] = []
        while (due := self.detectors.due_at()) is not None and due <= at(seconds):
            rang += [((s.raised_at - START).total_seconds(), s.subject, s.active) for s in self.detectors.on_due(due)]
        return rang

    def restart(self, seconds: float) -> None:
        raw, self.detectors = self.detectors.snapshot(), Detectors(RULES)
        self.detectors.restore(raw)
        self.detectors.enrol(self.registry, at(seconds))


def said(signals: list[Signal]) -> list[tuple[str, bool]]:
    return [(s.subject, s.active) for s in signals]


def test_a_silent_device_rings_once_per_outage_and_its_first_word_ends_it() -> None:
    town = Town(device("a"))
    town.speaks("a", 10)
    assert town.until(39) == []
    assert town.until(500) == [(40, "a", True)]
    assert town.speaks("a", 501) == [("a", False)]
    assert town.until(600) == [(531, "a", True)]


def test_the_signal_says_since_when_and_where() -> None:
    town = Town(device("a"))
    town.speaks("a", 10)
    (signal,) = town.detectors.on_due(at(45))
    assert (signal.kind, signal.level, signal.event_at, signal.raised_at) == (
        "device_silent",
        Level.BLUE,
        at(10),
        at(40),
    )
    assert (signal.place.grid, signal.place.township) == ("g", "t")


def test_a_device_that_never_spoke_rings_too() -> None:
    assert Town(device("a")).until(100) == [(30, "a", True)]


def test_a_device_without_an_interval_may_be_silent() -> None:
    assert Town(device("a", every=None)).until(10_000) == []


def test_a_restart_neither_forgets_nor_forgives() -> None:
    town = Town(device("a"), device("b"))
    town.speaks("b", 5)
    town.restart(20)
    assert town.until(100) == [(30, "a", True), (35, "b", True)], "not 50: the first time counts"
    town.restart(100)
    assert town.until(1000) == [], "it does not ring twice"
    assert town.speaks("b", 1001) == [("b", False)]


def test_devices_that_are_first_heard_between_a_restart_and_its_enrolment_have_room() -> None:
    # a snapshot's columns are as long as they were; those worked out anew must grow with them, not by their own measure
    for before, after in ((97, 98), (60, 65), (1, 200), (0, 1), (64, 64)):
        town = Town()
        for n in range(before):
            town.speaks(f"early-{n}", 1)
        raw, town.detectors = town.detectors.snapshot(), Detectors(RULES)
        town.detectors.restore(raw)
        for n in range(after):
            town.speaks(f"late-{n}", 2)
        assert town.detectors.due_at() is None, (before, after)
        town.detectors.enrol(town.registry, at(3))
        assert town.detectors.due_at() is None, (before, after)


def test_a_silent_gateway_rings_instead_of_its_devices() -> None:
    town = Town(*(device(n, gateway="gw") for n in "abc"), device("other"))
    for second in range(0, 61, 10):
        for offset, name in enumerate("abc"):
            assert town.speaks(name, second + offset) == []
        town.speaks("other", second)
    for second in range(70, 301, 10):
        town.speaks("other", second)
    assert town.until(300) == [(92, "gw", True)]
    assert town.speaks("a", 301) == [("gw", False)]
    town.speaks("a", 310)
    town.speaks("a", 320)
    town.speaks("a", 330)
    town.speaks("other", 330)
    assert town.until(331) == [(331, "b", True), (331, "c", True)], (
        "those still missing ring for themselves, with fresh time"
    )


def test_one_silent_device_behind_a_living_gateway_rings() -> None:
    town = Town(*(device(n, gateway="gw") for n in "ab"))
    for second in range(0, 101, 5):
        town.speaks("a", second)
        assert town.until(second) == ([(30, "b", True)] if second == 30 else [])


def test_a_device_waits_while_its_gateway_is_in_doubt() -> None:
    town = Town(device("a", gateway="gw"), device("b", gateway="gw", every=20))
    town.speaks("b", 1)
    for second in range(2, 50, 6):
        town.speaks("a", second)
    assert town.until(62) == [], "b would be due at 61, but its gateway was last heard at 44 and is in doubt since 59"
    assert town.speaks("a", 63) == []
    assert town.until(63) == [(61, "b", True)], "the gateway lives, so b is silent"


def test_a_gateway_that_says_it_goes_mutes_its_devices_at_once() -> None:
    town = Town(*(device(n, gateway="gw") for n in "ab"))
    town.speaks("a", 10)
    town.speaks("b", 35)
    assert town.presence("gw", Standing.OFFLINE, 36) == []
    assert town.until(200) == [(56, "gw", True)]
    assert town.presence("gw", Standing.ONLINE, 201) == [("gw", False)]
    assert town.until(300) == [(231, "gw", True)]


def test_a_device_that_is_said_to_be_offline_and_comes_back_does_not_ring() -> None:
    town = Town(device("a", every=None))
    town.presence("a", Standing.OFFLINE, 10)
    town.presence("a", Standing.ONLINE, 25)
    assert town.until(100) == []
    town.presence("a", Standing.OFFLINE, 110)
    assert town.until(200) == [(130, "a", True)]
    assert town.speaks("a", 201) == [("a", False)]


def test_a_retained_word_is_no_sign_of_life_and_a_test_is() -> None:
    town = Town(device("a"), device("b"))
    for second in range(0, 40, 5):
        town.speaks("a", second, marks=Mark.RETAINED)
        town.speaks("b", second, marks=Mark.TEST)
    assert town.until(40) == [(30, "a", True)]
    assert town.presence("a", Standing.ONLINE, 41, Mark.RETAINED) == []


def test_a_device_that_left_the_registry_ends_its_silence() -> None:
    town = Town(device("a"), device("b"))
    town.until(100)
    gone = Registry.of(GRIDS, [device("b")])
    assert said(town.detectors.enrol(gone, at(101))) == [("a", False)]
    assert town.until(1000) == []


def test_a_partition_expects_only_the_townships_it_holds() -> None:
    detectors = Detectors(RULES)
    registry = Registry.of(GRIDS, [device("a"), device("z", grid="u")])
    detectors.enrol(registry, START, lambda township: township == "u")
    assert said(detectors.on_due(at(100))) == [("z", True)]


def test_the_end_of_an_outage_that_nobody_here_rang_for_is_said() -> None:
    """After a kill, the process that reads on may not be the one that rang: what it left standing is ended."""
    town = Town(device("a"))
    town.speaks("a", 0)
    assert town.speaks("a", 100) == [("a", False)]
