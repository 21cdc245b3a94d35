"""Missing messages of a gateway become a signal once an episode, and their end ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.events import Lapse, Loss, Place, decode, encode
from ingest.topics import Topic
from streams.calls import load_keywords
from streams.lapses import signal_of
from streams.rules import LapseRule, load_rules
from streams.signal import Level, Origin
from streams.ward import Ward

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
GAP = Lapse("gw-1", Loss.GAP, AT, AT + timedelta(seconds=10), False, (("b", 3, 5), ("b", 9, 9)), 4, Place("g", "t"))
END = Lapse("gw-1", Loss.GAP, AT, AT + timedelta(seconds=60), True, place=Place("g", "t"))


NOISE = Lapse("hj212:192.0.2.7", Loss.NOISE, AT, AT, why="16 connections within 60 s")


@pytest.mark.parametrize("event", [GAP, END, NOISE, Lapse("tocsin-gateway", Loss.SESSION, AT, AT)])
def test_a_lapse_travels_without_loss(event: Lapse) -> None:
    assert decode(encode(event)) == event


def test_a_gap_and_its_end_are_one_episode() -> None:
    begun, over = signal_of(GAP, LapseRule()), signal_of(END, LapseRule())
    assert (begun.kind, begun.origin, begun.subject, begun.level) == (
        "gateway_gap",
        Origin.SYSTEM,
        "gw-1",
        Level.YELLOW,
    )
    assert begun.evidence == {
        "boot": "b", "count": 4, "missing": [{"boot": "b", "first": 3, "last": 5}, {"boot": "b", "first": 9, "last": 9}],
    }  # fmt: skip
    assert begun.active
    assert not over.active
    assert begun.key == over.key
    assert begun.place == Place("g", "t")
    assert (begun.event_at, begun.raised_at, over.event_at) == (
        AT,
        AT + timedelta(seconds=10),
        AT + timedelta(seconds=60),
    )


def test_another_episode_another_gateway_and_another_loss_have_keys_of_their_own() -> None:
    others = [
        Lapse("gw-1", Loss.GAP, AT + timedelta(seconds=1), AT, False),
        Lapse("gw-2", Loss.GAP, AT, AT, False),
        Lapse("gw-1", Loss.SESSION, AT, AT, False),
    ]
    assert len({signal_of(e, LapseRule()).key for e in (GAP, *others)}) == 4


def test_a_source_that_is_kept_out_is_one_episode_and_says_why() -> None:
    begun = signal_of(NOISE, LapseRule())
    over = signal_of(replace(NOISE, over=True, received_at=AT + timedelta(seconds=360)), LapseRule())
    assert (begun.kind, begun.level, begun.subject) == ("noisy_source", Level.YELLOW, "hj212:192.0.2.7")
    assert begun.evidence == {"why": "16 connections within 60 s"}
    assert (begun.active, over.active) == (True, False)
    assert begun.key == over.key
    assert signal_of(NOISE, LapseRule(noise=Level.RED)).level is Level.RED


def test_the_rules_say_how_bad_it_is() -> None:
    rule = LapseRule(gap=Level.ORANGE, session=Level.BLUE)
    lost = signal_of(Lapse("tocsin-gateway", Loss.SESSION, AT, AT), rule)
    assert (signal_of(GAP, rule).level, lost.level, lost.kind) == (Level.ORANGE, Level.BLUE, "gateway_session_lost")


def test_a_ward_takes_lapses_from_the_topic_of_presence() -> None:
    ward = Ward(0, 1, load_rules(), load_keywords())
    said = ward.take(Topic.PRESENCE, 0, encode(GAP)) + ward.take(Topic.PRESENCE, 1, encode(GAP))
    said += ward.take(Topic.PRESENCE, 2, encode(END))
    assert [(s.kind, s.active) for s in said] == [("gateway_gap", True), ("gateway_gap", True), ("gateway_gap", False)]
    assert len({s.key for s in said}) == 1
