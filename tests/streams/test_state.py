"""Exact state over a log that is played in memory: every kill, hole, repeat and broken record gives the same signals as none of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import Clock
from ingest.events import Call, Place, Presence, Reading, Sighting, Standing, decode, encode
from ingest.frames import Frame
from ingest.log import Record
from ingest.registry import Device, Registry
from ingest.topics import Topic, partition_of
from streams import signal as signals
from streams import state as states
from streams.calls import load_keywords
from streams.detectors.pack import BrokenSnapshot
from streams.recovery import Reach
from streams.rules import Rules, parse_rules
from streams.shelf import CHUNK, Entry, joined, pieces
from streams.signal import Signal
from streams.state import Wards
from streams.ward import Ward

RULES = parse_rules("""
[[rule]]
id = "smoke"
kind = "fire"
metrics = ["smoke"]
detector = "threshold"
levels = [{ level = "red", set = 0.5, reset = 0.4, hold = 3 }]

[[rule]]
id = "silent"
kind = "device_silent"
detector = "silence"
level = "yellow"
gateway_level = "orange"

[sightings]
labels = { fire = "fire" }
""")
TOWN, PARTITIONS = "town", 12
NUMBER = partition_of(TOWN, PARTITIONS)
T0 = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
KEYWORDS = load_keywords()


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def frame(*rows: tuple[float, float], device: str = "s1") -> bytes:
    place = Place("g1", TOWN)
    return Frame.of([Reading(device, "smoke", v, at(s), at(s), place, "smoke", "gw") for s, v in rows]).encode()


class Log:
    """The log in memory: partitions of records, and a broker that can be away."""

    def __init__(self) -> None:
        self.records: dict[tuple[Topic, int], list[bytes]] = defaultdict(list)
        self.committed: dict[tuple[Topic, int], int] = {}
        self.begin: dict[tuple[Topic, int], int] = defaultdict(int)
        self.away = False
        self.minute = 0  # records that the log took in the last minute
        self.read_again: list[tuple[Topic, int, int]] = []

    def put(self, topic: Topic, *values: bytes) -> None:
        self.records[topic, NUMBER] += values

    def signals(self) -> list[Signal]:
        return [
            signals.decode(raw) for (topic, _), raws in self.records.items() if topic is Topic.SIGNALS for raw in raws
        ]

    # as a writer
    async def write(self, records: Sequence[Record]) -> None:
        if self.away:
            raise ConnectionError("away")
        for r in records:
            self.records[r.topic, r.partition].append(r.value)

    # as a shelf
    async def ends(self, places: Iterable[tuple[Topic, int]]) -> dict[tuple[Topic, int], int]:
        return {place: len(self.records[place]) for place in places}

    async def reach(
        self, group: str, places: Sequence[tuple[Topic, int]], back: float
    ) -> dict[tuple[Topic, int], Reach]:
        earlier = {p: max(self.committed.get(p, len(self.records[p])) - self.minute, 0) for p in places}
        return {p: Reach(self.begin[p], len(self.records[p]), self.committed.get(p, -1), earlier[p]) for p in places}

    async def newest(self, numbers: Sequence[int]) -> dict[int, bytes]:
        found = {n: joined(self.records[Topic.SNAPSHOTS, n]) for n in numbers}
        return {n: raw for n, raw in found.items() if raw is not None}

    async def spans(
        self, wanted: Mapping[tuple[Topic, int], tuple[int, int]]
    ) -> AsyncIterator[tuple[Topic, int, Entry]]:
        for (topic, number), (start, stop) in wanted.items():
            self.read_again.append((topic, start, stop))
            for offset in range(max(start, self.begin[topic, number]), stop):
                yield topic, number, Entry(offset, self.records[topic, number][offset])


async def wards_over(log: Log, rules: Rules = RULES) -> Wards:
    wards = Wards(log, log, partitions=PARTITIONS, rules=rules, keywords=KEYWORDS, clock=Clock(T0, 1e-9))  # type: ignore[arg-type]
    wards.assign([NUMBER])
    await wards.ready(NUMBER)
    return wards


async def deliver(wards: Wards, log: Log, offsets: Iterable[int], topic: Topic = Topic.READINGS) -> None:
    for offset in offsets:
        await wards.take(topic, NUMBER, offset, log.records[topic, NUMBER][offset])
    await wards.settled()


def distinct(said: list[Signal]) -> list[tuple[str, bool]]:
    return list(dict.fromkeys((s.key, s.active) for s in said))


STORY = [frame((s, 0.9 if 10 <= s % 40 < 25 else 0.1)) for s in range(120)]


@cache
def told_straight() -> list[tuple[str, bool]]:
    async def scene() -> list[Signal]:
        log = Log()
        log.put(Topic.READINGS, *STORY)
        await deliver(await wards_over(log), log, range(len(STORY)))
        return log.signals()

    return distinct(asyncio.run(scene()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30), st.booleans()), min_size=1, max_size=8))
def test_kills_repeats_and_snapshots_at_any_time_give_the_same_signals(lives: list[tuple[int, int, bool]]) -> None:
    """Each life reads some records, is or is not snapshotted, and is killed; the next begins at an older committed offset."""

    async def scene() -> list[Signal]:
        log, reached = Log(), 0
        log.put(Topic.READINGS, *STORY)
        for steps, back, saves in [*lives, (len(STORY), 0, False)]:
            start = log.committed[Topic.READINGS, NUMBER] = max(reached - back, 0)
            wards = await wards_over(log)
            reached = max(reached, min(start + steps, len(STORY)))
            await deliver(wards, log, range(start, min(start + steps, len(STORY))))
            if saves:
                await wards.save_all(within=5)
        return log.signals()

    expected = told_straight()
    assert len(expected) == 6
    assert distinct(asyncio.run(scene())) == expected


def test_a_hole_is_read_from_the_log_before_going_on() -> None:
    async def scene() -> Log:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        await deliver(wards, log, [*range(5), *range(60, 120)])
        return log

    log = asyncio.run(scene())
    assert log.read_again == [(Topic.READINGS, 5, 60)]
    assert distinct(log.signals()) == told_straight()


def test_rows_at_or_below_the_applied_offset_are_passed_over() -> None:
    async def scene() -> tuple[Log, Wards]:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        await deliver(wards, log, [*range(80), *range(40, 120)])
        return log, wards

    log, wards = asyncio.run(scene())
    assert wards.applier.counts["records"] == len(STORY)
    assert distinct(log.signals()) == told_straight()


def test_what_was_said_while_the_log_was_away_is_written_when_it_is_back() -> None:
    async def scene() -> Log:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        await deliver(wards, log, range(13))
        log.away = True
        with pytest.raises(ConnectionError):
            await deliver(wards, log, [13])  # the row that ends the hold
        assert log.signals() == []
        log.away = False
        await deliver(wards, log, [13])
        return log

    assert len(asyncio.run(scene()).signals()) == 1


def test_a_record_that_cannot_be_digested_goes_to_the_dead_letters_and_the_others_go_on() -> None:
    async def scene() -> tuple[Log, Wards]:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY[:20])
        log.records[Topic.READINGS, NUMBER][3] = b"not a frame at all"
        await deliver(wards, log, range(20))
        return log, wards

    log, wards = asyncio.run(scene())
    (letter,) = [decode(raw) for raw in log.records[Topic.DEADLETTERS, NUMBER]]
    assert (letter.reason, letter.raw, letter.topic) == (
        "undigested",
        b"not a frame at all",
        f"tocsin.readings/{NUMBER}",
    )
    assert "offset 3" in letter.detail
    assert len(log.signals()) == 1
    assert wards.applier.counts["undigested"] == 1


def test_a_dead_letter_stays_small_enough_for_the_log() -> None:
    async def scene() -> Record:
        return (await wards_over(Log())).applier.dead_letter(Topic.READINGS, 1, b"x" * 2_000_000, "too much")

    letter = asyncio.run(scene())
    assert len(letter.value) < 900_000
    assert "first 300000 of 2000000 bytes" in decode(letter.value).detail


def test_a_hold_that_spans_a_kill_rings_once_and_on_time() -> None:
    async def scene() -> list[Signal]:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, frame((0, 0.9)), frame((1, 0.9)))
        await deliver(wards, log, [0])
        await wards.save_all(within=5)
        await deliver(wards, log, [1])
        log.committed[Topic.READINGS, NUMBER] = 2  # the consumer was further than the snapshot when it was killed
        again = await wards_over(log)
        held = again.held[NUMBER]
        assert held.ward.due_at() == at(3)
        for now in (at(2.9), at(3), at(3.1)):
            await again.say(held, lambda now=now: held.ward.on_due(now))
        await again.settled()
        return log.signals()

    (only,) = asyncio.run(scene())
    assert (only.event_at, only.raised_at) == (at(0), at(3))


def test_the_first_snapshot_is_there_before_the_first_record_is_done() -> None:
    async def scene() -> Log:
        log = Log()
        await wards_over(log)
        return log

    raw = joined(asyncio.run(scene()).records[Topic.SNAPSHOTS, NUMBER])
    assert raw is not None


def test_a_partition_that_is_not_ours_is_left_alone() -> None:
    async def scene() -> tuple[Log, Wards]:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        wards.assign([])
        await deliver(wards, log, range(30))
        return log, wards

    log, wards = asyncio.run(scene())
    assert wards.applier.counts["records"] == 0
    assert log.signals() == []


def test_rows_that_the_log_has_let_go_of_do_not_stop_what_follows() -> None:
    async def scene() -> Wards:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        log.begin[Topic.READINGS, NUMBER] = 50
        await deliver(wards, log, range(60, 70))
        return wards

    wards = asyncio.run(scene())
    assert wards.held[NUMBER].ward.applied[Topic.READINGS] == 69


def test_new_rules_take_effect_and_unchanged_ones_keep_their_state() -> None:
    more = parse_rules(
        "[[rule]]\nid = 'hot'\nkind = 'fire'\nmetrics = ['temperature']\ndetector = 'threshold'\n"
        "levels = [{ level = 'red', set = 57, reset = 45 }]\n"
    )
    known = {rule.id: rule for rule in (*RULES.rule, *more.rule)}
    known.pop("canary")  # the system's own, which nobody writes down
    both = Rules(rule=tuple(known.values()), sightings=RULES.sightings)

    async def scene() -> Wards:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, frame((0, 0.9)))
        await deliver(wards, log, [0])
        await wards.under(both)
        return wards

    ward = asyncio.run(scene()).held[NUMBER].ward
    assert ward.due_at() == at(3)
    assert len(ward.detectors.rules.rule) == 3


def test_all_four_topics_of_a_township_meet_in_one_ward_and_survive_its_snapshot() -> None:
    ward = Ward(NUMBER, PARTITIONS, RULES, KEYWORDS)
    place = Place("g1", TOWN)
    said: list[Signal] = []
    takes: list[tuple[Topic, bytes]] = [
        (Topic.READINGS, frame((0, 0.9))),
        (Topic.SIGHTINGS, encode(Sighting("i1", "cam", "fire", 0.99, at(0), at(0), place))),
        (Topic.CALLS, encode(Call("c1", "厨房着火了", at(1), at(1), place=place))),
        (Topic.PRESENCE, encode(Presence("s1", Standing.ONLINE, at(1), at(1), place))),
    ]
    for topic, raw in takes:
        said += ward.take(topic, 0, raw)
    other = Ward(NUMBER, PARTITIONS, RULES, KEYWORDS)
    other.restore(ward.snapshot())

    assert [s.origin.value for s in said] == ["camera", "hotline"]
    assert other.applied == dict.fromkeys((t for t, _ in takes), 0)
    assert other.due_at() == ward.due_at()
    assert [s.key for s in other.on_due(at(3))] == [s.key for s in ward.on_due(at(3))] != []


def test_a_device_that_never_spoke_is_missed_by_its_own_ward_only() -> None:
    registry = Registry.of([], [Device("s9", "smoke", grid="", interval=timedelta(seconds=60))], version=1)
    mine, number = [], partition_of("", PARTITIONS)
    for n in range(PARTITIONS):
        ward = Ward(n, PARTITIONS, RULES, KEYWORDS)
        ward.enrol(registry, T0)
        if any(s.kind == "device_silent" for s in ward.on_due(at(3600))):
            mine.append(n)

    assert mine == [number]


@pytest.mark.parametrize("raw", [b"", b"TW1\n", b"TW1\nnonsense", b"something else"])
def test_a_broken_snapshot_is_said_to_be_one_and_changes_nothing(raw: bytes) -> None:
    ward = Ward(NUMBER, PARTITIONS, RULES, KEYWORDS)
    ward.take(Topic.READINGS, 0, frame((0, 0.9)))

    with pytest.raises(BrokenSnapshot):
        ward.restore(raw)
    assert ward.due_at() == at(3)


@pytest.mark.parametrize(
    ("sentence", "cut", "expected"),
    [
        ("all pieces give the newest", lambda a, b: [*a, *b], "b"),
        ("a newest one with a piece missing gives the one before", lambda a, b: [*a, *b[:-1]], "a"),
        ("pieces of two writers may lie between one another", lambda a, b: [a[0], b[0], *a[1:], *b[1:]], "b"),
        ("nothing whole is nothing", lambda a, b: [a[0], b[-1]], None),
        ("no pieces are nothing", lambda _a, _b: [], None),
    ],
)
def test_a_snapshot_larger_than_a_record_is_put_together_again(
    sentence: str, cut: Callable[[list[bytes], list[bytes]], list[bytes]], expected: str | None
) -> None:
    whole = {"a": b"a" * (2 * CHUNK + 5), "b": b"b" * (CHUNK + 1)}
    a, b = ([r.value for r in pieces(3, whole[name], serial)] for serial, name in enumerate("ab"))

    assert joined(cut(a, b)) == (whole[expected] if expected else None), sentence


def test_a_state_our_own_code_cannot_go_on_from_does_not_stop_the_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> tuple[int, list[Signal]]:
        log = Log()
        first = await wards_over(log)
        log.put(Topic.READINGS, frame((0, 0.1)))
        await first.take(Topic.READINGS, NUMBER, 0, log.records[Topic.READINGS, NUMBER][0])
        await first.save(first.held[NUMBER])
        log.committed[Topic.READINGS, NUMBER] = 1
        tried = 0

        def broken(_ward: Ward, _raw: bytes) -> None:
            nonlocal tried
            tried += 1
            raise IndexError("a bug of ours")

        monkeypatch.setattr(Ward, "restore", broken)
        second = await wards_over(log)
        log.put(Topic.READINGS, frame((1, 0.9), (5, 0.9)))
        await second.take(Topic.READINGS, NUMBER, 1, log.records[Topic.READINGS, NUMBER][1])
        await second.settled()
        return tried, log.signals()

    tried, said = asyncio.run(asyncio.wait_for(story(), 20))
    assert tried > 1, "it does not give up a state at the first difficulty"
    assert [s.level.value for s in said] == ["red"]


@pytest.mark.parametrize("saved", [False, True])
def test_what_was_said_but_not_written_before_a_kill_is_said_again(saved: bool) -> None:
    """The consumer has committed the record, the signal never reached the log: the snapshot is older, so it is read again."""

    class Stuck(Log):
        stuck = False

        async def write(self, records: Sequence[Record]) -> None:
            while self.stuck:
                await asyncio.sleep(3600)
            await super().write(records)

    async def scene() -> tuple[list[Signal], list[Signal]]:
        log = Stuck()
        first = await wards_over(log)
        log.put(Topic.READINGS, frame((0, 0.1)), frame((1, 0.9), (5, 0.9)), frame((6, 0.9)))
        await deliver(first, log, [0])
        if saved:
            await first.save_all(within=5)
        log.stuck = True
        for offset in (1, 2):
            await first.take(Topic.READINGS, NUMBER, offset, log.records[Topic.READINGS, NUMBER][offset])
        await first._drain(first.held[NUMBER])
        with contextlib.suppress(TimeoutError):  # no snapshot may claim what the log does not have
            await asyncio.wait_for(first.save(first.held[NUMBER]), 0.05)
        log.committed[Topic.READINGS, NUMBER] = 3
        before = log.signals()
        shipping = first.held[NUMBER].shipping
        assert shipping is not None
        shipping.cancel()
        log.stuck = False
        await (await wards_over(log)).settled()
        return before, log.signals()

    before, after = asyncio.run(asyncio.wait_for(scene(), 20))
    assert before == []
    assert [s.level.value for s in after] == ["red"]


def test_a_reader_without_a_state_goes_back_and_says_what_may_not_have_been_written() -> None:
    """Committed, but its signal never reached the log, and the snapshot cannot be used: only going back finds the alarm."""

    async def scene() -> list[Signal]:
        log = Log()
        log.put(Topic.READINGS, frame((0, 0.1)), frame((1, 0.9), (5, 0.9)), frame((6, 0.9)))
        log.put(Topic.SNAPSHOTS, *(r.value for r in pieces(NUMBER, b"rubbish", 1)))
        log.committed[Topic.READINGS, NUMBER], log.minute = 3, 3
        await (await wards_over(log)).settled()
        return log.signals()

    assert [s.level.value for s in asyncio.run(scene())] == ["red"]


def test_a_log_that_came_back_shorter_is_read_from_its_beginning() -> None:
    """Offsets at or below the applied one are passed over: with another log behind them that would be every new alarm."""

    async def scene() -> list[Signal]:
        log = Log()
        log.put(Topic.READINGS, *(frame((n, 0.1)) for n in range(50)))
        first = await wards_over(log)
        await deliver(first, log, range(50))
        await first.save_all(within=5)
        log.records[Topic.READINGS, NUMBER] = []
        log.committed[Topic.READINGS, NUMBER] = 50
        second = await wards_over(log)
        log.put(Topic.READINGS, frame((60, 0.1)), frame((61, 0.9), (65, 0.9)))
        await deliver(second, log, range(2))
        return log.signals()

    assert [s.level.value for s in asyncio.run(scene())] == ["red"]


def test_frames_that_wait_are_applied_together_and_one_that_is_broken_spoils_nothing() -> None:
    async def scene(broken: bool) -> tuple[list[tuple[str, bool]], int, int]:
        log = Log()
        wards = await wards_over(log)
        story = list(STORY)
        if broken:
            story.insert(60, b"no frame")
        log.put(Topic.READINGS, *story)
        updates, one_by_one = 0, wards.held[NUMBER].ward.detectors.update

        def counted(frame: Frame) -> list[Signal]:
            nonlocal updates
            updates += 1
            return one_by_one(frame)

        wards.held[NUMBER].ward.detectors.update = counted
        for offset, raw in enumerate(story):
            await wards.take(Topic.READINGS, NUMBER, offset, raw)
        await wards.settled()
        return distinct(log.signals()), updates, wards.applier.counts["undigested"]

    said, updates, undigested = asyncio.run(scene(broken=False))
    assert (said, undigested) == (told_straight(), 0)
    assert updates < len(STORY) / 10
    said, _, undigested = asyncio.run(scene(broken=True))
    assert (said, undigested) == (told_straight(), 1)


def test_what_waits_while_the_log_is_away_is_applied_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole has to be read from a log that does not answer: the records behind it wait, and nothing is passed over."""
    monkeypatch.setattr(states, "_PAUSE", 0.01)

    async def scene() -> list[tuple[str, bool]]:
        log = Log()
        wards = await wards_over(log)
        log.put(Topic.READINGS, *STORY)
        spans, asked = log.spans, asyncio.Event()

        async def away(_wanted: object) -> AsyncIterator[tuple[Topic, int, Entry]]:
            asked.set()
            raise ConnectionError("away")
            yield

        monkeypatch.setattr(log, "spans", away)
        for offset in range(40, len(STORY)):
            await wards.take(Topic.READINGS, NUMBER, offset, STORY[offset])
        await asked.wait()
        assert wards.held[NUMBER].ward.applied[Topic.READINGS] == -1
        monkeypatch.setattr(log, "spans", spans)
        await wards.settled()
        return distinct(log.signals())

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == told_straight()
