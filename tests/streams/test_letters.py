"""Dead letters go back to where they stood, once and for all readers the same, and what is old by now rings nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.events import (
    Call,
    Event,
    Lapse,
    Loss,
    Mark,
    Place,
    Presence,
    Reading,
    Rejected,
    Sighting,
    Standing,
    decode,
    encode,
)
from ingest.frames import Frame
from ingest.second_look import Fate, Kept
from ingest.topics import Topic
from streams import signal
from streams.letters import Letter, look
from streams.signal import Level, Origin, Signal

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
FRESH, OLD = NOW - timedelta(seconds=30), NOW - timedelta(hours=2)
HERE = Place("G", "T", why="registry")
LATE_AFTER = timedelta(minutes=5)
FIRE = Signal("k", "fire", Level.RED, Origin.SENSOR, "s1", "fire_alarm", OLD, OLD, OLD, HERE)


def letter(topic: str, raw: bytes, **over: str) -> Kept:
    return Kept(1, 9, Rejected("undigested", raw, topic, NOW, "", over.get("detail", "offset 3: fault")))


def looked(kept: Kept) -> Letter:
    return look(kept, 4, NOW, LATE_AFTER)


def test_a_frame_goes_back_with_its_old_rows_marked() -> None:
    frame = Frame.of([Reading("s1", "smoke", 0.4, at, at, HERE, "smoke", "gw", Mark.UNPLACED) for at in (OLD, FRESH)])
    found = looked(letter(f"{Topic.READINGS}/3", frame.encode()))
    assert (found.fate, found.readings, found.events, found.late) == (Fate.UNDERSTOOD, 2, 0, 1)
    assert found.entry is not None
    assert (found.entry.topic, found.entry.partition, found.entry.key) == (Topic.READINGS, 3, None)
    back = list(Frame.decode(found.entry.value).readings())
    assert [r.marks for r in back] == [Mark.UNPLACED | Mark.LATE, Mark.UNPLACED]
    assert [replace(r, marks=Mark.UNPLACED) for r in back] == list(frame.readings())
    assert looked(letter(f"{Topic.READINGS}/3", found.entry.value)).entry == found.entry, (
        "a second replay writes the same"
    )


@pytest.mark.parametrize(
    ("sentence", "topic", "event", "late"),
    [
        ("a sighting that is old", Topic.SIGHTINGS, Sighting("i", "cam", "fire", 0.9, OLD, OLD, HERE), True),
        ("one that is fresh", Topic.SIGHTINGS, Sighting("i", "cam", "fire", 0.9, FRESH, FRESH, HERE), False),
        ("a call", Topic.CALLS, Call("c", "隔壁冒烟", OLD, OLD, place=HERE), True),
        ("a device that went", Topic.PRESENCE, Presence("d", Standing.OFFLINE, FRESH, FRESH, HERE), False),
        ("a lapse that is over", Topic.PRESENCE, Lapse("gw", Loss.NOISE, OLD, OLD, over=True, place=HERE), False),
    ],
)
def test_events_go_back_under_their_township(sentence: str, topic: Topic, event: Event, late: bool) -> None:
    found = looked(letter(f"{topic}/0", encode(event)))
    assert (found.fate, found.events, found.late) == (Fate.UNDERSTOOD, 1, int(late)), sentence
    assert found.entry is not None
    assert (found.entry.topic, found.entry.partition, found.entry.key) == (topic, 0, b"T"), sentence
    back = decode(found.entry.value)
    assert back == (replace(event, marks=Mark.LATE) if late else event), sentence  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("sentence", "said", "late"),
    [
        ("a fire of two hours ago rings nobody", FIRE, True),
        ("one of half a minute ago may", replace(FIRE, event_at=FRESH), False),
        ("the end of an old one is told", replace(FIRE, active=False), False),
    ],
)
def test_signals_go_back_to_whoever_conducts(sentence: str, said: Signal, late: bool) -> None:
    found = looked(letter(f"{Topic.SIGNALS}/2", signal.encode(said)))
    assert found.entry is not None
    assert (found.entry.partition, found.late, found.entry.key) == (2, int(late), b"T"), sentence
    assert signal.decode(found.entry.value) == (replace(said, marks=Mark.LATE) if late else said), sentence


@pytest.mark.parametrize(
    ("sentence", "kept", "fate", "why"),
    [
        ("bytes that are still no frame", letter(f"{Topic.READINGS}/1", b"TF9\n\x00"), Fate.REJECTED, "frame"),
        ("a point that a series would not take", letter(f"{Topic.READINGS}/1", b"smoke,device=s1 value=1"), Fate.REJECTED, "frame"),
        ("an event of a later version", letter(f"{Topic.SIGHTINGS}/1", b'{"v":9,"is":"sighting"}'), Fate.REJECTED, "schema 9"),
        ("a signal that is none", letter(f"{Topic.SIGNALS}/1", b"{}"), Fate.REJECTED, "signal"),
        ("a topic that no worker reads", letter(f"{Topic.SNAPSHOTS}/1", b"{}"), Fate.REJECTED, "no topic"),
        ("a partition that is not there any more", letter(f"{Topic.CALLS}/4", b"{}"), Fate.REJECTED, "log.partitions is 4"),
        ("a partition that is none", letter(f"{Topic.CALLS}/x", b"{}"), Fate.REJECTED, "is not there"),
        ("what was cut", letter(f"{Topic.CALLS}/1", b"{}", detail="offset 3: x (first 2 of 9 bytes)"), Fate.CUT, "first 2 bytes"),
        ("a lapse that began", letter(f"{Topic.PRESENCE}/1", encode(Lapse("gw", Loss.GAP, OLD, OLD))), Fate.SILENT, "may have ended"),
        ("a rejected message", letter(f"{Topic.PRESENCE}/1", encode(Rejected("bad_json", b"{", "t", OLD))), Fate.REJECTED, "replayed from where"),
    ],
)  # fmt: skip
def test_what_does_not_go_back_says_why(sentence: str, kept: Kept, fate: Fate, why: str) -> None:
    found = looked(kept)
    assert (found.fate, found.entry) == (fate, None), sentence
    assert why in found.why, (sentence, found.why)
