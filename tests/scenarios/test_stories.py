"""Whole stories from the first smoke to the closed case."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alerts.alert import Condition, Handling, NoticeState, Reason
from alerts.commands import Acknowledge, Arrive, Close, Handle, Verify
from alerts.metrics import Span, response
from alerts.policy import load_policies
from ingest.events import Point
from streams.signal import Level, Origin
from tests.scenarios.timeline import START, Line, placed

DEMO = load_policies(Path(__file__).parents[2] / "api" / "county" / "policies.toml")


def test_a_kitchen_fire_from_the_first_smoke_to_the_closed_case() -> None:
    line = Line(policies=DEMO)
    line.at(6).signal("smoke-1", "orange")
    line.at(7).signal("cam-1", "orange", origin=Origin.CAMERA)
    line.at(8).signal("call-1", "orange", origin=Origin.HOTLINE)
    alert = line.only()
    assert (alert.level, alert.origins) == (Level.RED, ("sensor", "camera", "hotline"))
    line.at(12)
    assert line.told() == ["leader1/sms", "leader1/sms", "leader1/voice"]
    line.at(16)
    assert line.told(Reason.ESCALATE) == ["head1/sms", "head1/voice"]
    line.at(17).say(Acknowledge("值班员"))
    quiet = line.told()
    line.at(40).signal("smoke-1", active=False, began=6).signal("cam-1", active=False, began=7, origin=Origin.CAMERA)
    assert (line.only().condition, line.only().handling) == (Condition.CLEARED, Handling.ACKNOWLEDGED)
    line.at(60).say(Arrive("人leader1")).at(90).say(Handle("人leader1")).at(95).say(Verify("值班员", "看过", "带班"))
    assert line.told() == quiet
    line.at(100).say(Close("值班员", "已扑灭"))
    assert sorted(line.told(Reason.RESOLVED)) == ["head1/sms", "leader1/sms"]
    stages = line.only().stages
    order = ["event_at", "raised_at", "acked_at", "on_scene_at", "handled_at", "verified_at", "closed_at"]
    assert [stages[name] for name in order] == sorted(stages[name] for name in order)
    whats = [e.what for e in line.lines() if e.what not in {"sent", "delivered"}]
    assert whats[:4] == ["raised", "told", "worse", "told"]
    assert whats[-2:] == ["closed", "told"]
    figures = {f.span: f.p50 for f in response(line.alerts(), line.now, targets=DEMO.targets)}
    assert (figures[Span.TOLD], figures[Span.ACKNOWLEDGED], figures[Span.CLOSED]) == (0, 11, 94)


def test_a_fire_seen_across_a_grid_border_is_one_case_and_its_first_leader_has_it() -> None:
    line = Line()
    line.at(0).signal("smoke-1", "red", place=placed("g1", Point(30.5, 112.4)))
    line.at(5).signal("smoke-2", "red", place=placed("g2", Point(30.501, 112.4)))
    line.at(6).signal("smoke-3", "red", place=placed("g2", Point(30.51, 112.4)))
    first, second = line.alerts()
    assert (first.subjects, second.subjects) == (("smoke-1", "smoke-2"), ("smoke-3",))
    assert {n.person for n in line.notices()} == {"leader1", "leader2"}


def test_two_fires_in_two_grids_are_two_cases_with_two_leaders() -> None:
    line = Line().signal("smoke-1", "red").signal("smoke-4", "red", grid="g4")
    assert [n.person for n in line.notices(Reason.FIRST) if n.channel == "sms"] == ["leader1", "leader4"]
    line.say(Acknowledge("值班员"), line.alerts()[0])
    assert [a.handling for a in line.alerts()] == [Handling.ACKNOWLEDGED, Handling.NEW], "an answer is for one case"


def test_a_fire_after_a_closed_fire_is_a_new_case() -> None:
    line = Line().signal(level="red").at(60).say(Handle("甲")).say(Verify("乙", "看过", "带班")).say(Close("甲", "好"))
    line.at(120).signal("smoke-1", "red")
    assert len({a.id for a in line.alerts()}) == 2
    assert line.alerts()[1].handling is Handling.NEW


def test_a_flapping_detector_is_one_case_and_rings_once() -> None:
    line = Line().at(0)
    for turn in range(10):
        line.at(turn * 20).signal("smoke-1", "orange").at(turn * 20 + 10)
        line.signal("smoke-1", active=False, began=turn * 20)
        if turn == 0:
            line.say(Acknowledge("值班员"))
    assert line.only().count == 10
    assert line.told() == ["leader1/sms"]


def test_a_provider_that_is_away_is_not_an_answer_and_does_not_burn_the_chain() -> None:
    line = Line()
    line.provider = lambda _: NoticeState.FAILED
    line.signal(level="red").at(1)
    assert {n.person for n in line.notices()} == {"leader1", "worker1"}, "one step is brought forward, not all"
    line.at(310)
    assert {n.person for n in line.notices()} >= {"head1", "duty1"}
    line.provider = lambda _: NoticeState.DELIVERED
    before = len(line.notices())
    line.at(1300)
    assert len(line.notices()) > before, "it still rings when the provider is back"


def test_a_worker_that_was_away_for_an_hour_still_rings_for_what_it_missed() -> None:
    line = Line().at(0)
    missed = line.made(level="red")
    line.at(3600).conductor.signals([missed], line.now)
    line.send()
    assert line.told() == ["leader1/sms", "leader1/voice"]
    assert line.only().escalate_at == START + timedelta(seconds=3660), "the chain starts when the bell opens"


def test_an_old_replayed_story_of_the_log_rings_nobody_a_second_time() -> None:
    line = Line().signal(level="red").at(60).say(Handle("甲")).say(Verify("乙", "看过", "带班")).say(Close("甲", "好"))
    story = [line.made(level="red", began=0), line.made(level="red", began=0, active=False)]
    before = (len(line.notices()), line.only().handling)
    line.at(4000).conductor.signals(story, line.now)
    assert (len(line.notices()), line.only().handling) == before
