"""Whoever is alone at a scene says from time to time that they are well, or the level above hears of it. Over the whole conducting path."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alert import Handling, NoticeState, Reason
from alerts.commands import (
    Acknowledge,
    Arrive,
    CheckIn,
    Command,
    Dispatch,
    FalseAlarm,
    GiveBack,
    Handle,
    Merge,
    Void,
)
from alerts.dispatch.on_scene import ASK, MISS, silence
from alerts.elapsed import Band, band_at
from alerts.outcome import NotAllowed
from alerts.whistle.commands import Attend, Blow
from tests.scenarios.test_whistle_stories import CREW, POLICIES
from tests.scenarios.timeline import START, Line, person

MINUTE = 60
ASKED, MISSED = 20, 30  # minutes, at red as shipped
ABOUT = (Reason.CHECK_IN, Reason.NO_WORD, Reason.WORD)


def there(level: str = "red", arrival: Command | None = None, **but: object) -> Line:
    """A case that leader1 was sent to, and is at from minute 0 on."""
    line = Line(**but).signal(level=level).say(Dispatch("值班员", "leader1"))
    return line.say(arrival or Arrive("人leader1"))


def minute(line: Line, number: float) -> Line:
    return line.at(number * MINUTE)


def heard(line: Line) -> list[str]:
    """Who was told what about the scene, oldest first."""
    return [f"{n.person}/{n.channel}: {n.reason}" for n in line.notices() if n.reason in ABOUT]


def whats(line: Line) -> list[str]:
    said = {"checked_in", "check_in_due", "check_in_missed", "not_watched"}
    return [e.what for e in line.lines() if e.what in said]


def test_a_silence_is_seen_and_asked_about_and_then_the_level_above_hears_once() -> None:
    line = minute(there(), ASKED - 0.1)
    assert whats(line) == []
    assert heard(line) == []
    minute(line, ASKED)
    assert whats(line) == ["check_in_due"]
    assert heard(line) == ["leader1/sms: check_in", "leader1/voice: check_in"]
    minute(line, MISSED)
    assert heard(line)[2:] == ["head1/sms: no_word", "head1/voice: no_word"]
    assert all("人leader1" in n.text for n in line.notices(Reason.NO_WORD)), "who is missed is named"
    minute(line, 600)
    assert whats(line) == ["check_in_due", "check_in_missed"], "once for each silence"
    assert [e.detail["silent_s"] for e in line.lines("check_in_missed")] == [MISSED * MINUTE]


def test_a_word_begins_the_time_anew_and_whoever_was_told_hears_of_it() -> None:
    line = minute(there(), MISSED + 1).say(CheckIn("值班员", "desk", "电话联系上"))
    assert heard(line)[-2:] == ["head1/sms: word", "head1/voice: word"]
    assert line.only().timers[ASK] == line.now + timedelta(minutes=ASKED)
    minute(line, MISSED + 1 + ASKED)
    assert whats(line) == ["check_in_due", "check_in_missed", "checked_in", "check_in_due"]


def test_those_who_were_told_hear_that_a_word_has_come_whoever_stands_above_by_then() -> None:
    line = minute(there(), MISSED)
    line.ledger.replace_place((), (), (person("newcomer", "v1", "village_head", -1),))
    line.say(CheckIn("人leader1", "page"))
    assert heard(line)[-2:] == ["head1/sms: word", "head1/voice: word"]


def test_who_was_never_reached_need_not_hear_that_it_was_nothing() -> None:
    line = there()
    line.provider = lambda _: None
    minute(line, MISSED).say(CheckIn("人leader1", "page"))
    assert {n.state for n in line.notices(Reason.NO_WORD)} == {NoticeState.CANCELLED}
    assert line.notices(Reason.WORD) == []


def test_who_says_so_in_time_is_never_asked_and_nobody_else_hears_anything() -> None:
    line = there()
    for turn in range(1, 6):
        minute(line, turn * (ASKED - 1)).say(CheckIn("人leader1", "page"))
    assert heard(line) == []
    assert whats(line) == ["checked_in"] * 5


def test_pressing_1_at_the_call_is_a_word_and_not_an_answer_to_the_bell() -> None:
    line = minute(there(), ASKED)
    call = next(n for n in line.notices(Reason.CHECK_IN) if n.channel == "voice")
    line.conductor.answered(call.key, line.now, "1")
    assert whats(line) == ["check_in_due", "checked_in"]
    assert line.lines("checked_in")[0].detail["via"] == "voice"
    assert line.only().handling is Handling.ON_SCENE


def test_the_level_above_that_presses_1_does_not_take_the_case() -> None:
    line = there("orange")
    line.signal("smoke-2", "red")  # it got worse: the bell rings again while somebody is there
    minute(line, MISSED)
    call = next(n for n in line.notices(Reason.NO_WORD) if n.channel == "voice")
    line.conductor.answered(call.key, line.now, "1")
    assert line.only().handling is Handling.NEW


def test_an_answer_to_the_bell_calls_nothing_back_that_is_about_the_scene_and_a_word_does() -> None:
    line = there("orange")
    line.provider = lambda _: None  # nothing leaves for now
    line.signal("smoke-2", "red")
    minute(line, ASKED).say(Acknowledge("值班员"))
    about = {n.state for n in line.notices(Reason.CHECK_IN)}
    assert about == {NoticeState.QUEUED}
    assert {n.state for n in line.notices(Reason.WORSE)} == {NoticeState.CANCELLED}
    line.say(CheckIn("人leader1", "page"))
    assert {n.state for n in line.notices(Reason.CHECK_IN)} == {NoticeState.CANCELLED}


@pytest.mark.parametrize(
    ("says", "level", "arrival"),
    [
        ("who has company is not waited for", "red", Arrive("人leader1", company=True)),
        ("a level without such a rule waits for nobody", "yellow", Arrive("人leader1")),
    ],
)
def test_nobody_is_waited_for_without_need(says: str, level: str, arrival: Arrive) -> None:
    line = minute(there(level, arrival), 300)
    assert (whats(line), heard(line)) == ([], []), says
    assert not {ASK, MISS} & set(line.only().timers), says


@pytest.mark.parametrize(
    ("says", "ending"),
    [
        ("it is handled", Handle("人leader1")),
        ("it was a false alarm", FalseAlarm("值班员")),
        ("it is void", Void("值班员", "重复录入", "带班")),
    ],
)
def test_nobody_is_asked_any_more_once_the_work_is_over(says: str, ending: Command) -> None:
    line = minute(there(), 10).say(ending)
    assert line.only().work.scene is None, says
    assert not {ASK, MISS} & set(line.only().timers), says
    assert (whats(minute(line, 300)), heard(line)) == ([], []), says


def test_what_is_queued_about_the_scene_is_called_back_when_the_case_is_handled() -> None:
    line = there()
    line.provider = lambda _: None
    minute(line, ASKED).say(Handle("人leader1"))
    assert {(n.state, n.error) for n in line.notices(Reason.CHECK_IN)} == {(NoticeState.CANCELLED, "left")}


def test_somebody_stays_watched_when_the_case_gets_worse_around_them() -> None:
    line = there("yellow")
    assert not {ASK, MISS} & set(line.only().timers)
    line.signal("smoke-2", "red")
    assert line.only().timers[MISS] == START + timedelta(minutes=MISSED), "red waits for words, from the arrival on"
    minute(line, MISSED)
    assert "check_in_missed" in whats(line)


def test_a_second_one_who_arrives_is_company() -> None:
    line = there("orange").signal("smoke-2", "red")
    line.say(Dispatch("值班员", "leader2")).say(Arrive("人leader2"))
    assert line.only().work.scene.company
    assert (whats(minute(line, 300)), heard(line)) == ([], [])


def test_a_unit_that_was_whistled_for_and_has_come_is_company_and_the_timeline_says_so() -> None:
    line = there(people=CREW, policies=POLICIES)
    line.say(Blow("清溪镇", "stalls")).say(Attend("城管", "roads"))
    minute(line, 300)
    assert whats(line) == ["not_watched"]
    assert heard(line) == []
    assert not {ASK, MISS} & set(line.only().timers)


def test_who_gives_the_case_back_is_not_there_any_more() -> None:
    line = there("orange").signal("smoke-2", "red")
    line.say(Dispatch("值班员", "leader1")).say(GiveBack("人leader1", "须专业队伍"))
    assert line.only().work.scene is None


def test_a_case_that_is_taken_in_brings_whoever_is_at_its_scene() -> None:
    line = there().signal("smoke-9", "red", grid="g4")
    one, other = sorted(line.alerts(), key=lambda a: a.place.grid)
    line.say(Merge("值班员", other.id), one)
    into = next(a for a in line.alerts() if a.id == other.id)
    assert into.work.scene.person == "leader1"
    minute(line, MISSED)
    assert [e.alert for e in line.lines("check_in_missed")] == [other.id]


def test_nobody_can_check_in_where_nobody_is() -> None:
    with pytest.raises(NotAllowed, match="nobody is known to be at the scene"):
        Line().signal().say(CheckIn("值班员"))


def test_the_bands_of_a_silence_are_the_two_times_of_the_rules() -> None:
    alert = there().only()
    at = [band_at(silence(alert), START + timedelta(minutes=m)) for m in (0, ASKED - 1, ASKED, MISSED - 1, MISSED)]
    assert at == [Band.GREEN, Band.GREEN, Band.WARN, Band.WARN, Band.CRITICAL]


def test_said_again_at_the_same_instant_changes_nothing() -> None:
    line = minute(there(), 5).say(CheckIn("人leader1", "page"))
    before = line.only()
    line.say(CheckIn("人leader1", "page"))
    assert line.only() == before
    assert whats(line) == ["checked_in"]
