"""The laws of an alert (docs/laws.md), one claim each, told on a virtual time line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alert import Condition, Handling, NoticeState, Reason
from alerts.commands import Acknowledge, Close, FalseAlarm, Handle, Reopen, Verify
from alerts.lifecycle import NotAllowed
from ingest.events import Mark, Place, Point
from streams.signal import Level, Origin
from tests.scenarios.timeline import START, Line, placed


def test_law_3_a_signal_that_comes_twice_is_told_once() -> None:
    line = Line().at(0)
    signal = line.made("smoke-1", "red")
    for _ in range(3):
        line.conductor.signals([signal, signal], line.now)
    assert line.only().count == 1
    assert line.told() == ["leader1/sms", "leader1/voice"]
    assert [e.what for e in line.lines()].count("raised") == 1


def test_law_3_a_whole_replayed_story_changes_nothing_and_sends_nothing() -> None:
    line = Line().at(0)
    story = [line.made("smoke-1"), line.made("smoke-1", "red"), line.made("cam-1", origin=Origin.CAMERA)]
    story.append(line.made("smoke-1", active=False))
    line.conductor.signals(story, line.now)
    line.at(5).say(Acknowledge("值班员"))
    before = (line.alerts(), line.notices(), line.lines())
    line.conductor.signals(story, line.now)
    assert (line.alerts(), line.notices(), line.lines()) == before


def test_law_4_alert_timeline_and_outbox_change_together_or_not_at_all() -> None:
    line = Line().at(0)
    line.ledger.conflicts = 1
    line.conductor.signals([line.made(level="red")], line.now)
    assert line.ledger.transactions == 1, "the lost try left nothing behind, the second wrote everything at once"
    assert line.only().version == 1
    assert len(line.notices()) == 2
    assert {e.what for e in line.lines()} == {"raised", "told"}


@pytest.mark.parametrize(
    ("sentence", "what", "why"),
    [
        ("a level whose policy rings nobody is said so", "not_told", "policy_silent"),
        ("a vacant grid that was passed over is said so", "skipped", "vacant"),
        ("evidence that did not ring because it rings already is said so", "joined", "already_ringing"),
        ("evidence that did not ring because somebody has it is said so", "joined", "acknowledged"),
        ("a step that was not rung because it is over is said so", "not_escalated", "returned_to_normal"),
        ("a queued notice that was called back is said so", "cancelled", "acknowledged"),
        ("a test that rang nobody is said so", "recorded", "test"),
        ("late truth that rang nobody is said so", "recorded", "late"),
    ],
)
def test_law_5_every_decision_not_to_ring_is_on_the_timeline(sentence: str, what: str, why: str) -> None:
    line = Line().at(0)
    line.provider = lambda _: None
    line.signal("door-1", "blue", kind="door", grid="g2")
    line.signal("smoke-9", "yellow", grid="vacant", began=1).signal("smoke-9", active=False, grid="vacant", began=1)
    line.signal("smoke-1", "red").signal("smoke-2", "red")
    line.signal("smoke-3", "red", marks=Mark.TEST).signal("smoke-4", "red", marks=Mark.LATE)
    ringing = next(a for a in line.alerts() if "smoke-1" in a.subjects)
    line.say(Acknowledge("值班员"), ringing).signal("smoke-5", "red").at(3600)
    found = [e for e in line.lines(what) if why in {e.why, e.detail.get("quiet")}]
    assert found, f"{sentence}: {[(e.what, e.why) for e in line.lines()]}"


def test_law_6_an_answer_cancels_every_notice_that_has_not_left() -> None:
    line = Line().at(0)
    line.provider = lambda n: NoticeState.DELIVERED if n.channel == "sms" else None
    line.signal(level="red").at(70).say(Acknowledge("值班员"))
    waiting = [n for n in line.notices() if n.state in {NoticeState.QUEUED, NoticeState.SENDING}]
    cancelled = [n for n in line.notices() if n.state is NoticeState.CANCELLED]
    assert waiting == []
    assert {n.channel for n in cancelled} == {"voice"}
    assert all(n.error == "acknowledged" for n in cancelled)
    assert len(line.lines("cancelled")) == len(cancelled)
    told = len(line.notices())
    line.at(900)  # as long as the answer lasts
    assert len(line.notices()) == told, "nothing rings after an answer"


def test_law_6_a_key_press_on_the_telephone_is_an_answer() -> None:
    line = Line().at(0)
    line.provider = lambda _: None
    line.signal(level="red")
    call = next(n for n in line.notices() if n.channel == "voice")
    alert = line.conductor.answered(call.key, line.now, "1")
    assert alert.handling is Handling.ACKNOWLEDGED
    assert {n.channel: n.state for n in line.notices()} == {"voice": NoticeState.ANSWERED, "sms": NoticeState.CANCELLED}
    said = line.lines("acknowledged")[0]
    assert (said.by, said.detail["via"]) == ("人leader1", "voice")


@pytest.mark.parametrize("digit", ["", "2", "9"])
def test_law_6_only_the_right_key_is_an_answer(digit: str) -> None:
    line = Line().at(0)
    line.provider = lambda n: NoticeState.SENT
    line.signal(level="red")
    call = next(n for n in line.notices() if n.channel == "voice")
    assert line.conductor.answered(call.key, line.now, digit).handling is Handling.NEW
    assert line.only().escalate_at is not None


def test_law_6_everybody_who_was_told_hears_once_that_it_is_over() -> None:
    line = Line().signal(level="red").at(200)
    assert set(line.told()) >= {"leader1/sms", "worker1/sms", "head1/voice"}
    line.say(Acknowledge("值班员")).say(Handle("网格长"))
    line.say(Verify("值班员", "已到场看过", "带班")).say(Close("值班员", "扑灭"))
    assert sorted(line.told(Reason.RESOLVED)) == ["head1/sms", "leader1/sms", "worker1/sms"]
    assert all("处置完毕" in n.text for n in line.notices(Reason.RESOLVED))


def test_law_6_nobody_hears_that_it_is_over_who_never_heard_of_it() -> None:
    line = Line().at(0)
    line.provider = lambda n: NoticeState.FAILED if n.person == "leader1" else None
    line.signal(level="red").say(FalseAlarm("值班员"))
    assert line.told(Reason.RESOLVED) == []


def test_law_6_a_notice_that_could_not_be_called_back_is_followed_by_the_all_clear() -> None:
    line = Line().at(0)
    line.provider = lambda _: None
    line.signal(level="red").say(FalseAlarm("值班员"))
    gone = line.notices(Reason.FIRST)[0]
    assert gone.state is NoticeState.CANCELLED
    for _ in range(2):
        line.conductor.receipt(gone.key, NoticeState.SENT, line.now)
    line.conductor.receipt(gone.key, NoticeState.DELIVERED, line.now)
    assert line.told(Reason.RESOLVED) == ["leader1/sms"]


def test_law_7_an_acknowledged_alert_reopens_when_it_worsens() -> None:
    line = Line().signal(level="orange").at(10).say(Acknowledge("值班员"))
    line.at(20).signal("smoke-1", "red", began=0)
    assert (line.only().handling, line.only().level) == (Handling.NEW, Level.RED)
    assert line.told(Reason.WORSE) == ["leader1/sms", "leader1/voice"]
    line.at(90)
    assert "worker1/voice" in line.told(Reason.REPEAT), "it climbs the chain of its new level"


def test_law_7_a_fall_does_not_ring_and_does_not_lower() -> None:
    line = Line().signal(level="red").say(Acknowledge("值班员"))
    told = line.told()
    line.at(30).signal("smoke-2", "yellow", began=30)
    line.at(40).signal(active=False, began=0)
    assert line.told() == told
    assert line.only().level is Level.RED


def test_law_7_two_senses_that_agree_make_a_fire_red() -> None:
    line = Line().signal("smoke-1", "orange").say(Acknowledge("值班员"))
    line.at(5).signal("smoke-2", "orange")
    assert line.only().level is Level.ORANGE, "two of the same sense are no agreement"
    line.at(6).signal("cam-1", "orange", origin=Origin.CAMERA)
    assert line.only().level is Level.RED
    worse = line.lines("worse")[0]
    assert (worse.detail["rule"], worse.detail["origins"]) == ("fused", ("sensor", "camera"))
    assert line.told(Reason.WORSE) == ["leader1/sms", "leader1/voice"]


def test_law_8_a_red_one_is_due_at_once_in_the_middle_of_a_storm() -> None:
    line = Line().at(0)
    line.provider = lambda _: None
    storm = [line.made(f"d-{i}", "yellow", kind="device_silent") for i in range(300)]
    red = [line.made(f"sos-{i}", "red", kind="sos") for i in range(40)]
    line.conductor.signals([*storm[:150], *red, *storm[150:]], line.now)
    notices = [n for n in line.notices() if n.level is Level.RED]
    assert len(notices) == 80, "every one of them, on every channel of its step"
    assert all(n.due_at == START and n.state is NoticeState.QUEUED for n in notices)


def test_law_10_late_truth_corrects_the_record_and_does_not_ring() -> None:
    line = Line().at(0)
    line.signal("smoke-9", "red", grid="g2", marks=Mark.LATE)
    assert (line.only().handling, line.told()) == (Handling.SUPPRESSED, [])
    line.at(1).signal("smoke-1", "orange").say(Acknowledge("值班员"), line.alerts()[1])
    told = line.told()
    line.at(2).signal("smoke-1", "red", marks=Mark.LATE, began=-3600)
    alert = line.alerts()[1]
    assert (alert.level, alert.handling, line.told()) == (Level.ORANGE, Handling.ACKNOWLEDGED, told)
    assert [e.alert for e in line.lines("recorded")] == [line.alerts()[0].id, alert.id]


@pytest.mark.parametrize(
    ("sentence", "place", "told", "why"),
    [
        ("its own grid's leader is asked first", placed("g1"), "leader1", "registry"),
        ("a vacant grid goes to the lowest staffed level above", placed("vacant"), "head1", "registry"),
        ("a township without people goes to the county", placed("t2"), "county", "registry"),
        ("what no grid covers goes to the catcher", Place("", "", Point(30.5, 112.5)), "catcher", "catcher"),
        ("a grid that nobody knows goes to the catcher", Place("??", "??", None, "address"), "catcher", "address"),
    ],
)
def test_law_11_the_right_grid_or_the_catcher(sentence: str, place: Place, told: str, why: str) -> None:
    line = Line().signal(level="red", place=place)
    assert {n.person for n in line.notices()} == {told}, sentence
    assert line.lines("raised")[0].detail["place"] == why, "the timeline says how the place was found"


def test_law_11_somebody_is_told_even_where_nobody_was_enrolled_as_catcher() -> None:
    people = [p for p in Line().ledger.roster().people["c"] if p.role != "catcher"]
    line = Line(people=people).signal(level="red", place=Place())
    assert {n.person for n in line.notices()} == {"county"}


def test_law_11_an_empty_roster_is_said_aloud() -> None:
    line = Line(people=()).signal(level="red")
    assert line.told() == []
    assert [e.why for e in line.lines("not_told")] == ["nobody"]


def test_law_12_three_clocks_stay_apart() -> None:
    line = Line().at(30).signal(began=10)
    stages = line.only().stages
    assert (stages["raised_at"] - stages["event_at"]).total_seconds() == 20
    assert (stages["rung_at"] - START).total_seconds() == 30


def test_law_12_an_alert_counts_as_raised_when_it_exists_not_when_a_detector_could_know() -> None:
    line = Line().at(30)
    stages = line.signal(began=10, raised_at=START + timedelta(seconds=12)).only().stages
    assert (stages["raised_at"] - START).total_seconds() == 30


@pytest.mark.parametrize("mark", [Mark.TEST, Mark.DRILL, Mark.SIMULATED, Mark.RETAINED, Mark.HISTORICAL])
def test_law_13_a_test_is_not_a_fire(mark: Mark) -> None:
    line = Line().signal(level="red", marks=mark).at(7200)
    assert line.told() == []
    assert line.only().handling.over
    assert line.lines("recorded")[0].detail["marks"] == mark
    line.signal("cam-1", "orange", origin=Origin.CAMERA)
    assert line.alerts()[1].level is Level.ORANGE, "it is no evidence for a real one either"


def test_law_13_a_test_of_a_burning_house_changes_nothing_about_the_fire() -> None:
    line = Line().signal(level="orange").say(Acknowledge("值班员"))
    fire = line.only()
    line.at(5).signal("cam-1", "red", origin=Origin.CAMERA, marks=Mark.TEST)
    assert line.alerts()[0] == fire
    assert not [e for e in line.ledger.timeline(fire.id) if e.what == "recorded"], "the test has a record of its own"


def test_law_14_what_a_caller_said_is_not_in_a_notice() -> None:
    line = Line().signal("call-1", "red", origin=Origin.HOTLINE, text="我是王五，电话 13800000000，着火了")
    assert line.notices()
    assert not any("王五" in n.text or "1380" in n.text for n in line.notices())


def test_a_sensor_returning_to_normal_never_closes_a_case() -> None:
    line = Line().signal(level="red").at(30).signal(active=False, began=0)
    assert (line.only().condition, line.only().handling) == (Condition.CLEARED, Handling.NEW)
    line.at(200)
    assert "head1/voice" in line.told(), "a red one that nobody looked at goes on ringing"


def test_an_illegal_move_is_refused_in_one_sentence_and_changes_nothing() -> None:
    line = Line().signal(level="red")
    before = (line.alerts(), line.lines(), line.notices())
    with pytest.raises(NotAllowed, match="is new, so it cannot close"):
        line.say(Close("值班员", "?"))
    assert (line.alerts(), line.lines(), line.notices()) == before


def test_law_8_a_late_red_that_a_person_takes_in_earnest_rings() -> None:
    line = Line().signal(level="red", marks=Mark.LATE)
    assert (line.only().handling, line.told()) == (Handling.SUPPRESSED, [])
    line.at(5).say(Reopen("值班员"))
    assert line.told() == ["leader1/sms", "leader1/voice"]
    assert line.only().escalate_at == START + timedelta(seconds=65)


def test_law_7_a_batch_that_makes_it_worse_twice_rings_for_the_worst() -> None:
    line = Line().signal(level="blue")
    line.at(60).conductor.signals([line.made(level=level, began=0) for level in ("yellow", "orange", "red")], line.now)
    line.send()
    said = [(n.channel, n.level, n.state) for n in line.notices(Reason.WORSE) if n.state is not NoticeState.CANCELLED]
    assert sorted(said) == [("sms", "red", "delivered"), ("voice", "red", "delivered")]
