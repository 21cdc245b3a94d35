"""Whole stories about bells that stay shut, on the virtual time line: through the conductor, with every timer at its own instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.alert import Condition, Handling, NoticeState, Reason
from alerts.commands import Acknowledge, Dispatch, FalseAlarm, Handle, Reopen
from alerts.conduct import Conductor
from alerts.escalation import RINGING
from alerts.hushing import kept
from alerts.metrics import response
from alerts.policy import load_policies
from alerts.quiet.bell import Matcher
from alerts.quiet.drill import MARK
from alerts.quiet.hours import Hours, daytime
from alerts.quiet.hush import Quiet
from alerts.quiet.terms import NotQuiet
from alerts.timings import timings_of
from ingest.events import Mark
from streams.signal import Level
from tests.alerts.quiet.quiet_line import QuietLine, until, whats
from tests.scenarios.timeline import START, WORDS

MINUTES = 60


def test_a_silenced_alert_is_open_and_visible_and_says_why_and_until_when() -> None:
    line = QuietLine()
    silence = line.silence()
    line.water()
    alert = line.only()
    assert (alert.handling, alert.condition, line.notices()) == (Handling.NEW, Condition.ACTIVE, [])
    (entry,) = line.lines("hushed")
    assert (entry.why, entry.detail["id"], until(entry)) == ("silenced", silence.id, START + timedelta(hours=1))
    held = kept(alert)
    assert held is not None
    assert (held.why, held.id, held.until) == (Quiet.SILENCED, silence.id, START + timedelta(hours=1))
    for language in ("zh", "en"):
        assert WORDS.explain(language, entry) != "hushed"


def test_an_alert_held_by_a_silence_rings_at_its_end() -> None:
    line = QuietLine()
    line.silence()
    line.water().at(59 * MINUTES)
    assert line.notices() == []
    line.at(60 * MINUTES)
    assert line.told() == ["leader1/sms"]
    assert line.notices()[0].created_at == START + timedelta(hours=1), "at its very end"
    assert line.notices()[0].reason is Reason.FIRST
    assert whats(line) == ["raised", "hushed", "quiet_ends_soon", "quiet_over", "told", "held", "bundled"]
    assert [n.sent_at for n in line.notices()] == [START + timedelta(hours=1)], (
        "raised long ago: its group waits no more"
    )
    assert line.lines("quiet_ends_soon")[0].at == START + timedelta(minutes=50)
    assert kept(line.only()) is None
    line.at(91 * MINUTES)
    assert line.told(Reason.ESCALATE) == ["head1/sms"], "and it climbs from there: half an hour after it rang"


def test_a_clear_during_a_silence_leaves_no_ghost() -> None:
    line = QuietLine()
    line.silence()
    line.water(began=0).at(10).water(active=False, began=0).at(3 * 60 * MINUTES)
    alert = line.only()
    assert (alert.condition, alert.handling, line.notices()) == (Condition.CLEARED, Handling.NEW, [])
    assert line.why("stays_quiet") == ["returned_to_normal"]
    assert "quiet_ends_soon" not in whats(line), "there is nothing to warn of"
    assert kept(alert) is None
    assert not {"quiet", "quiet_warning"} & set(alert.timers)
    line.water(began=20_000)
    assert line.told() == [], "it looks at once whether it may ring, with the next tick"
    line.at(3 * 60 * MINUTES + 1)
    assert line.told() == ["leader1/sms"], "what comes back after the silence rings"


def test_a_silence_that_is_ended_early_releases_at_once() -> None:
    line = QuietLine()
    silence = line.silence()
    line.water().at(5 * MINUTES)
    line.quieting.end(silence.id, "乙", line.now)
    assert line.told() == ["leader1/sms"]
    line.quieting.end(silence.id, "乙", line.now)
    assert line.told() == ["leader1/sms"], "once"
    assert [(c.what, c.by) for c in line.ledger.quiet.changes(silence.id)] == [("created", "甲"), ("ended", "乙")]


def test_a_silence_over_a_ringing_alert_stops_its_chain_and_calls_back_what_is_queued() -> None:
    line = QuietLine()
    line.provider = lambda _: None
    line.water()
    line.silence()
    assert [n.state for n in line.notices()] == [NoticeState.CANCELLED]
    assert line.why("cancelled") == ["silenced"]
    line.provider = lambda _: NoticeState.DELIVERED
    line.at(59 * MINUTES)
    assert line.told() == ["leader1/sms"], "its second step was due after half an hour"
    line.at(60 * MINUTES)
    assert line.told()[1:] == ["head1/sms"], "and goes on where it was"


def test_a_long_silence_counts_two_hours_until_somebody_else_approves_it() -> None:
    line = QuietLine()
    silence = line.silence(minutes=24 * 60)
    line.water().at(60 * MINUTES)
    assert until(line.lines("hushed")[-1]) == START + timedelta(hours=2)
    with pytest.raises(NotQuiet):
        line.quieting.approve(silence.id, "甲", line.now)
    line.quieting.approve(silence.id, "主任", line.now)
    assert until(line.lines("hushed")[-1]) == START + timedelta(hours=24), "and the timeline says so"
    line.at(24 * 60 * MINUTES - 1)
    assert line.notices() == []
    assert line.at(24 * 60 * MINUTES).told() == ["leader1/sms"]


def test_two_silences_hold_until_the_later_one_ends() -> None:
    line = QuietLine()
    line.silence(30)
    line.water()
    line.silence(60, Matcher(grids=("v1",)), by="乙")
    line.at(45 * MINUTES)
    assert line.notices() == []
    assert line.at(60 * MINUTES).told() == ["leader1/sms"]


@pytest.mark.parametrize("kind", ["fire", "gas", "sos", "trapped"])
def test_red_life_safety_rings_through_everything(kind: str) -> None:
    line = QuietLine()
    line.silence(60, Matcher(grids=("c",)))
    line.silence(60, Matcher(kinds=(kind,)))
    line.maintain("00:00-23:59", kind)
    line.drill(60, approved=False)
    line.signal("x-1", "red", kind="water").signal("s-1", "red", kind=kind)
    assert [n.alert for n in line.notices()] == [line.of(kind).id] * 2, "and nothing else did"
    assert line.told() == ["leader1/sms", "leader1/voice"]


def test_what_is_silenced_rings_the_moment_it_turns_red_life_safety() -> None:
    line = QuietLine()
    line.silence(60, Matcher(kinds=("fire",)))
    line.signal("s-1", "orange", began=0)
    assert line.notices() == []
    line.at(10).signal("s-1", "red", began=0)
    assert line.told(Reason.WORSE) == ["leader1/sms", "leader1/voice"]
    assert kept(line.only()) is None
    assert line.at(61 * MINUTES).only().work.hush is None


def test_an_answer_during_a_silence_is_an_answer() -> None:
    line = QuietLine()
    line.silence()
    line.water().at(60).say(Acknowledge("乙")).at(70).say(Dispatch("乙", "leader1"))
    assert line.told(Reason.INSTRUCTION) == ["leader1/sms"], "what a person asks of a person goes"
    line.at(2 * 60 * MINUTES)
    assert not [n for n in line.notices() if n.reason in RINGING], "and the bell has nothing to say at its end"
    assert "quiet_over" not in whats(line)


def test_who_reopens_a_silenced_case_finds_its_bell_shut() -> None:
    line = QuietLine()
    line.water().say(FalseAlarm("乙"))
    line.silence()
    line.say(Reopen("乙"))
    assert kept(line.only()) is not None
    assert line.told(Reason.REPEAT) == []
    assert line.at(60 * MINUTES).told(Reason.REPEAT) == ["leader1/sms"]


def test_maintenance_opens_and_closes_by_itself_and_holds_what_it_is_about() -> None:
    line = QuietLine()
    line.maintain("16:00-18:00", "water")  # 08:00 to 10:00 UTC
    line.water().signal("p-1", "yellow", kind="power")
    assert [n.alert for n in line.notices()] == [line.of("power").id]
    assert line.why("hushed") == ["maintenance"]
    line.say(Acknowledge("乙"), line.of("power")).at(2 * 60 * MINUTES)
    assert [n.alert for n in line.notices()][1:] == [line.of("water").id]


def test_a_drill_rings_the_listed_people_marked_as_one_and_stands_in_no_figure() -> None:
    line = QuietLine()
    line.drill(60, "worker1")
    line.signal("s-1", "red").at(70)
    assert set(line.told()) == {"worker1/sms", "worker1/voice"}
    assert all(n.text.startswith(MARK) for n in line.notices())
    alert = line.only()
    assert alert.marks & Mark.DRILL
    assert line.why("rehearsed") == ["drill"], "said once, however often it rings"
    assert response([alert], line.now, targets=line.policies.targets) == []
    assert timings_of(alert) == []
    line.say(Acknowledge("员")).say(Handle("员")).say(FalseAlarm("员"))
    assert all(n.text.startswith(MARK) for n in line.notices(Reason.RESOLVED))
    assert set(line.told()) == {"worker1/sms", "worker1/voice"}


def test_nobody_but_the_listed_people_hears_of_a_drill_whatever_happens_to_it() -> None:
    line = QuietLine()
    line.drill(60, "worker1")
    line.signal("s-1", "red").at(5).say(Dispatch("乙", "leader1"))
    assert {n.person for n in line.notices()} == {"worker1"}
    assert ("drill", "leader1") in [(e.why, e.detail["what"]) for e in line.lines("skipped")]
    line.at(24 * 60 * MINUTES)
    assert {n.person for n in line.notices()} == {"worker1"}, "its clocks tell nobody else either, also after the drill"
    assert line.only().marks & Mark.DRILL


def test_a_fire_that_rang_before_a_drill_goes_on_ringing_for_real() -> None:
    line = QuietLine()
    line.signal("s-1", "red").at(30)
    line.drill(60, "worker1")
    line.at(5 * MINUTES)
    assert not line.only().marks & Mark.DRILL
    assert "head1" in {n.person for n in line.notices()}, "and climbs"
    assert not [n for n in line.notices() if n.text.startswith(MARK)]


def test_a_drill_that_is_ended_early_rings_what_is_still_open_at_once() -> None:
    line = QuietLine()
    ident = line.drill(60)
    line.signal("s-1", "red").at(2 * MINUTES)
    line.quieting.end(ident, "乙", line.now)
    real = {f"{n.person}/{n.channel}" for n in line.notices() if not n.text.startswith(MARK)}
    assert real == {"leader1/sms", "leader1/voice"}


def test_a_fire_that_outlasts_a_drill_rings_for_real_at_its_end() -> None:
    line = QuietLine()
    line.drill(30)
    line.signal("s-1", "red").at(30 * MINUTES)
    real = [n for n in line.notices() if not n.text.startswith(MARK)]
    assert {f"{n.person}/{n.channel}" for n in real} == {"leader1/sms", "leader1/voice"}
    assert {n.created_at for n in real} == {START + timedelta(minutes=30)}
    assert not line.only().marks & Mark.DRILL


def test_a_worse_alert_in_the_grid_keeps_a_lesser_one_shut_until_it_is_over() -> None:
    line = QuietLine()
    line.signal("s-1", "red").at(1).water()
    assert line.why("hushed") == ["inhibited"]
    assert line.lines("hushed")[0].detail["id"] == line.of("fire").id
    line.say(Acknowledge("乙"), line.of("fire")).at(10 * MINUTES)
    assert line.why("hushed") == ["inhibited"], "looked at again every two minutes, said once"
    line.say(FalseAlarm("乙"), line.of("fire")).at(13 * MINUTES)
    assert [n.alert for n in line.notices(Reason.FIRST)][-1] == line.of("water").id
    assert line.why("quiet_over") == ["inhibited"]


def test_what_one_transaction_opens_inhibits_within_it() -> None:
    line = QuietLine()
    line.conductor.signals([line.made("s-1", "red"), line.made("w-1", "yellow", kind="water")], line.now)
    assert {n.alert for n in line.notices()} == {line.of("fire").id}


def test_a_restart_does_not_fire_what_is_inhibited_or_silenced() -> None:
    line = QuietLine()
    line.silence(60, Matcher(kinds=("power",)))
    line.signal("s-1", "red").water().signal("p-1", "yellow", kind="power", grid="g4")
    before = line.told()
    line.conductor = Conductor(
        line.ledger, policies=line.policies, registry=line.ledger.registry, roster=line.ledger.roster, words=WORDS, channels=("sms", "voice")
    )  # fmt: skip
    line.say(Acknowledge("乙"), line.of("fire")).water(subject="w-2").at(10 * MINUTES)
    assert line.told() == before


def test_a_silent_gateway_keeps_the_lesser_alarms_of_its_devices_shut() -> None:
    line = QuietLine()
    line.signal("gw-1", "yellow", kind="gateway_silent", rule="silence", grid="g2")
    line.silence(1, Matcher(kinds=("nothing",)))
    blue = load_policies()
    chains = {**blue.default.chains, Level.BLUE: blue.default.chains[Level.YELLOW]}
    line.conductor._policies = replace(blue, default=replace(blue.default, chains=chains), kinds={})
    line.signal("w-1", "blue", kind="device_silent", rule="silence").signal(
        "x-9", "blue", kind="device_silent", rule="silence"
    )
    (held,) = line.lines("hushed")
    assert line.ledger.alert(held.alert).subjects == ("w-1",), "x-9 did not come through that gateway"


def test_a_flapping_device_says_start_and_stop_once_and_opens_no_new_bell_meanwhile() -> None:
    line = QuietLine()
    for n in range(12):
        line.at(20 * n).water(began=20 * n).at(20 * n + 10).water(active=False, began=20 * n)
        (alert, *_) = [a for a in line.alerts() if not a.handling.over]
        line.say(FalseAlarm("乙"), alert)  # somebody closes it each time, so that each time a new one opens
    assert len(line.alerts()) == 12
    assert whats(line).count("flapping_started") == 1
    rung = [n for n in line.notices() if n.reason is Reason.FIRST]
    assert 4 <= len(rung) < 8, "it rang until it flapped, and not since"
    assert "flapping" in line.why("hushed")
    line.at(60 * MINUTES)
    assert len([n for n in line.notices() if n.reason is Reason.FIRST]) == len(rung)


def test_a_device_that_flaps_under_one_open_alert_says_start_and_stop_once() -> None:
    line = QuietLine()
    for n in range(20):
        line.at(20 * n).water(began=20 * n).at(20 * n + 10).water(active=False, began=20 * n)
    line.at(60 * MINUTES)
    said = [e.what for e in line.lines() if e.what.startswith("flapping")]
    assert said == ["flapping_started", "flapping_stopped"]
    assert line.only().count == 20
    assert line.lines("flapping_stopped")[0].at < START + timedelta(minutes=30)


def test_flapping_does_not_stop_the_climb_of_a_bell_that_rang() -> None:
    line = QuietLine()
    line.water("orange", began=0)
    for n in range(1, 12):
        line.at(10 * n).water("orange", active=False, began=10 * (n - 1)).water("orange", began=10 * n)
    assert whats(line).count("flapping_started") == 1
    line.at(6 * MINUTES)
    assert "leader1/voice" in line.told(Reason.REPEAT)
    assert "head1/sms" in line.told(Reason.ESCALATE)


def test_quiet_hours_delay_yellow_for_one_person_and_an_answer_takes_it_away() -> None:
    shipped = load_policies()
    hours = Hours(None, {"leader1": daytime("16:00-17:00")})  # 08:00 to 09:00 UTC
    line = QuietLine(policies=replace(shipped, quiet=replace(shipped.quiet, hours=hours)))
    line.water().signal("w-9", "orange", kind="power", grid="g1").water(subject="w-2", grid="g2")
    line.at(1 * MINUTES)
    waits = [n for n in line.notices() if n.state is NoticeState.HELD]
    assert [(n.person, n.due_at) for n in waits] == [("leader1", START + timedelta(hours=1))]
    assert "leader1 17:00" in [e.detail["what"] for e in line.lines("skipped") if e.why == "quiet_hours"]
    first = next(a for a in line.alerts() if a.subjects == ("w-1",))
    line.say(Acknowledge("乙"), first)
    assert [n.state for n in line.notices() if n.alert == first.id] == [NoticeState.CANCELLED]


def test_quiet_hours_end_and_the_notice_goes() -> None:
    shipped = load_policies()
    hours = Hours(daytime("16:00-16:20"), {})
    line = QuietLine(policies=replace(shipped, quiet=replace(shipped.quiet, hours=hours)))
    line.water().at(19 * MINUTES)
    assert [n.state for n in line.notices()] == [NoticeState.HELD]
    line.at(21 * MINUTES)
    assert [n.state for n in line.notices()] == [NoticeState.DELIVERED]


def test_a_preview_counts_what_it_would_keep_shut_and_changes_nothing() -> None:
    line = QuietLine()
    line.signal("s-1", "red", grid="g2").water().water(subject="w-2", grid="g4")
    before = (line.alerts(), line.lines())
    found, truncated = line.quieting.preview(Matcher(grids=("t1",)))
    assert (found.held, found.spared, truncated) == (
        (line.ledger.tables.alerts[found.held[0]].id,),
        (line.of("fire").id,),
        False,
    )
    assert line.ledger.tables.alerts[found.held[0]].subjects == ("w-1",)
    assert (line.alerts(), line.lines()) == before
    with pytest.raises(NotQuiet):
        line.quieting.preview(Matcher())


def test_the_auditor_leaves_a_bell_that_is_kept_shut_alone() -> None:
    line = QuietLine()
    line.silence()
    line.water()
    assert line.conductor.audit([line.only().id], line.now) == []
    assert "missed" not in whats(line)


def test_the_chain_ends_when_its_last_step_has_really_rung() -> None:
    line = QuietLine()
    line.water().at(1900 * 1)
    line.at(3599).silence(minutes=60)
    line.at(2 * 60 * MINUTES - 60)
    assert line.lines("chain_ended") == [], "its last step is kept shut"
    line.at(2 * 60 * MINUTES)
    (end,) = line.lines("chain_ended")
    assert end.at == START + timedelta(seconds=3599 + 3600)
    assert line.told()[-1] == "duty1/sms"
