"""What a signal adds to a case."""

from __future__ import annotations

from alerts.work import VERSIONS, as_plain, of_plain
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
    assert of_plain(as_plain(line.only().work)) == line.only().work


def test_a_record_of_a_test_names_its_rule_s_form_as_well() -> None:
    line = Line().signal(marks=Mark.TEST, evidence={VERSION: "aaaa0001"})
    assert line.only().work.versions == ("smoke@aaaa0001",)


def test_a_case_of_a_thousand_forms_stays_small() -> None:
    line = Line()
    for number in range(VERSIONS + 5):
        line.signal(began=number, evidence={VERSION: f"v{number}"})
    assert len(line.only().work.versions) == VERSIONS
