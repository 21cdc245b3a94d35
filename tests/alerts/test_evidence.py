"""What a signal adds to a case."""

from __future__ import annotations

import json

from alerts.alert import Condition, Handling
from alerts.commands import Acknowledge, Close, Handle
from alerts.ledger.port import Filter
from alerts.work import VERSIONS, of_plain, to_json
from ingest.events import Mark
from streams.signal import VERSION
from tests.scenarios.timeline import Line


def test_a_case_names_the_form_of_every_rule_that_spoke_of_it() -> None:
    line = Line().signal("smoke-1", evidence={VERSION: "aaaa0001"})
    line.signal("smoke-2", evidence={VERSION: "aaaa0001"}).signal("smoke-3", "red", evidence={VERSION: "aaaa0002"})
    line.signal("heat-1", rule="heat").signal("smoke-1", active=False, began=0, evidence={VERSION: "aaaa0002"})
    assert line.only().work.versions == ("smoke@aaaa0001", "smoke@aaaa0002")
    said = [(e.what, e.detail.get(VERSION)) for e in line.lines() if "signal" in e.detail]
    assert said == [("raised", "aaaa0001"), ("joined", "aaaa0001"), ("worse", "aaaa0002"), ("joined", None)]
    assert of_plain(json.loads(to_json(line.only().work))) == line.only().work


def test_a_case_that_got_worse_says_from_what_to_what_and_who_had_it() -> None:
    line = Line().signal(level="yellow").say(Acknowledge("值班员")).at(5).signal(level="orange", began=0)
    (worse,) = line.lines("worse")
    assert (worse.detail["from"], worse.detail["to"], worse.detail["was"]) == ("yellow", "orange", "acknowledged")
    assert len(line.alerts()) == 1, "in place"


def test_a_repeat_is_counted_and_seen_and_tells_nobody() -> None:
    line = Line().signal("smoke-1", "yellow", began=0).at(31)  # its group is told
    told, said = line.told(), len(line.lines())
    line.at(40).signal("smoke-1", "yellow", began=0).signal("smoke-1", "yellow", began=0)
    assert (line.only().count, len(line.lines())) == (1, said), "the same episode again is nothing at all"
    line.at(60).signal("smoke-1", "yellow", active=False, began=0).at(90).signal("smoke-1", "yellow", began=90)
    assert (line.only().count, line.only().last_seen) == (2, line.now)
    assert (line.told(), [e.detail["quiet"] for e in line.lines("joined")]) == (told, ["already_ringing"])


def test_what_returned_to_normal_before_anybody_answered_stays_in_the_queue() -> None:
    line = Line().signal(level="yellow").at(10).signal(level="yellow", active=False, began=0).at(50_000)
    (seen,) = line.ledger.page(Filter(open_only=True), limit=10, cursor="").alerts
    assert (seen.condition, seen.handling) == (Condition.CLEARED, Handling.NEW), "beside those that are still so"
    line.say(Acknowledge("值班员")).say(Handle("值班员")).say(Close("值班员"))
    assert line.ledger.page(Filter(open_only=True), limit=10, cursor="").alerts == ()


def test_a_record_of_a_test_names_its_rule_s_form_as_well() -> None:
    line = Line().signal(marks=Mark.TEST, evidence={VERSION: "aaaa0001"})
    assert line.only().work.versions == ("smoke@aaaa0001",)


def test_a_case_of_a_thousand_forms_stays_small() -> None:
    line = Line()
    for number in range(VERSIONS + 5):
        line.signal(began=number, evidence={VERSION: f"v{number}"})
    assert len(line.only().work.versions) == VERSIONS
