"""What people are told, in which words, over which channel."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import AFTERWARDS, Alert, Entry, Handling, Notice, NoticeState, Reason
from alerts.moves import Move
from alerts.notices import (
    MOVES,
    Telling,
    channels_for,
    compose,
    episode,
    moved,
    notice,
    notice_key,
    place_name,
)
from alerts.outcome import Why
from alerts.transitions import TABLE
from alerts.words import LANGUAGES, load_words
from ingest.events import Place
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level, Origin
from tests.scenarios.timeline import GRIDS, person

WORDS = load_words()
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
REGISTRY = Registry.of(GRIDS, ())
LONG = Registry.of(
    [
        Grid("t", "达尔罕茂明安联合旗百灵庙镇", GridLevel.TOWNSHIP),
        Grid("v", "巴音花嘎查社区居民委员会", GridLevel.VILLAGE, "t"),
        Grid("g", "第一百二十三综合网格", GridLevel.GRID, "v"),
    ],
    (),
)
ALERT = Alert(
    id="a1",
    identity="fire|g1",
    kind="fire",
    level=Level.RED,
    place=Place("g1", "t1"),
    origins=tuple(Origin),
    text="我家着火了，电话 13800000000 http://x",
    stages={"event_at": NOW, "raised_at": NOW, "rung_at": NOW},
)


def said(language: str, channel: str, reason: Reason, alert: Alert = ALERT, registry: Registry = REGISTRY) -> str:
    place = place_name(registry, alert.place.grid, WORDS.text(language, "place", "unknown"))
    return compose(WORDS, language, channel, Telling(reason, 0, "e"), alert, place)


def test_a_first_text_says_how_bad_what_where_when_and_who_noticed() -> None:
    assert said("zh", "sms", Reason.FIRST) == (
        "【红色预警】清溪镇杏花村第一网格：火警，16:00，传感器、摄像头、热线等报告。请立即核实处置并接警。"
    )
    few = replace(ALERT, origins=("sensor", "patrol", "resident"))
    assert "传感器、巡查、群众报告" in said("zh", "sms", Reason.FIRST, few)


# A whistle says many things (tests/alerts/whistle/test_whistle_notices.py), and what a platform hears is no text for people (test_orders.py).
SAID_BY_REASON = frozenset(Reason) - {Reason.WHISTLE, Reason.ORDER}
KINDS = [*WORDS.tables["zh"]["kind"], "a_kind_nobody_wrote_words_for"]


@pytest.mark.parametrize("reason", sorted(SAID_BY_REASON))
@pytest.mark.parametrize("channel", ["sms", "voice", "log"])
def test_every_text_is_whole_short_and_says_nothing_about_residents(channel: str, reason: Reason) -> None:
    for language, kind, level, registry in product(LANGUAGES, KINDS, Level, (REGISTRY, LONG, Registry())):
        for handling in (Handling.CLOSED, Handling.FALSE_ALARM, Handling.VOID):
            place = Place("g" if registry is LONG else "g1", "t1")
            alert = replace(ALERT, kind=kind, level=level, place=place, handling=handling)
            text = said(language, channel, reason, alert, registry)
            assert "{" not in text, "no placeholder is left"
            assert "http" not in text
            assert "着火了" not in text
            assert "1380" not in text
            if language == "zh" and kind in WORDS.tables["zh"]["kind"]:
                assert len(text.splitlines()[0]) <= 70, text


def test_a_call_asks_for_the_key_that_is_an_answer() -> None:
    for reason in SAID_BY_REASON - AFTERWARDS - {Reason.WORD}:
        assert "按1键" in said("zh", "voice", reason)
        assert "Press 1" in said("en", "voice", reason)


def test_both_languages_have_every_reason_level_move_and_why() -> None:
    for language in LANGUAGES:
        table = WORDS.tables[language]
        assert set(table["sms"]) == set(table["voice"]) == SAID_BY_REASON
        assert set(Level) == set(table["level"])
        assert set(Origin) == set(table["origin"])
        assert set(Why) <= set(table["why"]), set(Why) - set(table["why"])
        assert {Handling.CLOSED, Handling.FALSE_ALARM, Handling.VOID, Handling.MERGED} == set(table["outcome"])
        assert set(NoticeState) <= set(table["what"])


def test_both_languages_fill_the_same_placeholders() -> None:
    for section in ("sms", "voice"):
        for key in WORDS.tables["zh"][section]:
            names = [
                {n for _, n, _, _ in string.Formatter().parse(WORDS.tables[x][section][key]) if n} for x in LANGUAGES
            ]
            assert names[0] - {"outcome"} == names[1] - {"outcome"}, f"{section}.{key}"


def test_a_line_of_the_timeline_is_a_sentence_in_both_languages() -> None:
    line = Entry("a1", NOW, "worse", why="same_grid", detail={"from": "orange", "to": "red"})
    assert WORDS.explain("zh", line) == "升级为红色：同一网格、时间相近"
    assert WORDS.explain("en", line) == "Now RED: the same grid at about the same time"
    note = Entry("a1", NOW, "note", by="王 {0}", detail={"text": "{level} {"})
    assert WORDS.explain("zh", note) == "王 {0}：{level} {"


@pytest.mark.parametrize(
    ("sentence", "own", "wanted", "used", "channels", "skipped"),
    [
        ("the chain's channels", (), ("sms", "voice"), ("sms", "voice"), ("sms", "voice"), 0),
        (
            "the person's own order comes first",
            ("voice", "sms"),
            ("sms", "voice"),
            ("sms", "voice"),
            ("voice", "sms"),
            0,
        ),
        ("a person of one channel is told on it", ("voice",), ("sms",), ("sms", "voice"), ("voice",), 0),
        ("log stands in for both and is one", (), ("sms", "voice"), ("log",), ("log",), 2),
        ("log stands in for what is not in use", (), ("sms", "voice"), ("log", "sms"), ("sms", "log"), 1),
        ("nobody is left out for want of a channel", (), ("voice",), ("sms",), ("sms",), 1),
        ("no channel at all", (), ("voice",), (), (), 1),
    ],
)
def test_the_channels_on_which_a_person_is_told(
    sentence: str,
    own: tuple[str, ...],
    wanted: tuple[str, ...],
    used: tuple[str, ...],
    channels: tuple[str, ...],
    skipped: int,
) -> None:
    found, unused = channels_for(person("p", "g1", "leader", channels=own), wanted, used)
    assert (found, len(unused)) == (channels, skipped), sentence


def made(state: NoticeState = NoticeState.QUEUED) -> Notice:
    telling = Telling(Reason.FIRST, 0, episode(ALERT))
    return replace(notice(ALERT, person("p1", "g1", "leader"), "sms", telling, "text", NOW), state=state)


def test_the_same_decision_gives_the_same_key_and_another_another() -> None:
    telling = Telling(Reason.FIRST, 0, episode(ALERT))
    key = notice_key(ALERT, telling, "p1", "sms")
    assert key == made().key
    others = [
        notice_key(replace(ALERT, id="a2"), telling, "p1", "sms"),
        notice_key(ALERT, replace(telling, reason=Reason.WORSE), "p1", "sms"),
        notice_key(ALERT, replace(telling, step=1), "p1", "sms"),
        notice_key(ALERT, replace(telling, episode="later"), "p1", "sms"),
        notice_key(ALERT, telling, "p2", "sms"),
        notice_key(ALERT, telling, "p1", "voice"),
    ]
    assert len({key, *others}) == 7


@given(st.lists(st.sampled_from(list(NoticeState)), max_size=12))
def test_receipts_in_any_order_never_take_an_answer_or_a_delivery_back(states: list[NoticeState]) -> None:
    one = made()
    for i, state in enumerate(states):
        after = moved(one, state, NOW + timedelta(seconds=i))
        assert moved(after or one, state, NOW) is None, "a repeat changes nothing"
        if one.state in {NoticeState.ANSWERED, NoticeState.DELIVERED}:
            assert after is None or after.state is NoticeState.ANSWERED
        if after is not None:
            assert after.sent_at is not None or after.state in {
                NoticeState.SENDING,
                NoticeState.FAILED,
                NoticeState.CANCELLED,
            }
            assert one.sent_at is None or after.sent_at == one.sent_at
        one = after or one


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(NoticeState)
    assert moved(made(NoticeState.CANCELLED), NoticeState.SENT, NOW) is not None, "what was on the wire is the truth"
    assert moved(made(NoticeState.CANCELLED), NoticeState.FAILED, NOW) is None


def test_the_timeline_of_the_table_has_words() -> None:
    silent = {Move.JOIN, Move.WORSEN, Move.RETURN, Move.CLEAR, Move.ESCALATE}
    assert {m for _, m in TABLE} - silent
    for what in ("raised", "joined", "worse", "returned", "recorded", "cleared", "told", "not_told", "hurried"):
        assert what in WORDS.tables["zh"]["what"]
