"""A message of several cases over HTTP, how one answer takes them all, and the queue of an upper level."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.people.propagation import Reach
from alerts.policy import load_policies
from streams.signal import Level
from tests.alerts.quiet.held_line import YELLOW, policies
from tests.api.served import Served


@pytest.fixture
def bundled(desk: Served) -> Served:
    """Three yellow cases of one grid that went to their leader as one message."""
    desk.conductor._policies = policies(groups=YELLOW)
    for n in range(3):
        desk.signal("water", subject=f"w-{n}", level=Level.YELLOW)
    desk.conductor.escalate(datetime.now(UTC) + timedelta(seconds=31))
    return desk


def test_the_outbox_names_the_cases_that_a_message_speaks_for(bundled: Served) -> None:
    found = bundled.http.get("/api/v1/notices").json()
    (message,) = [n for n in found if n["cases"]]
    others = [n for n in found if n is not message]
    assert message["text"].startswith("【合并通知】3起黄色预警：")
    assert set(message["cases"]) == {n["alert"] for n in others}
    assert {(n["carrier"], n["state"]) for n in others} == {(message["key"], "held")}


def test_one_word_for_a_message_takes_every_case_of_it(bundled: Served) -> None:
    (message,) = [n for n in bundled.http.get("/api/v1/notices").json() if n["cases"]]
    first = message["cases"][0]
    bundled.http.post(f"/api/v1/alerts/{first}/dispatch", json={"by": "值班员01"}).raise_for_status()
    answer = bundled.http.post(f"/api/v1/notices/{message['key']}/acknowledge", json={"by": "值班员02"})
    assert {r["id"] for r in answer.json()["results"] if r["done"]} == set(message["cases"])
    taken = {a["id"]: a["handling"] for a in bundled.http.get("/api/v1/alerts").json()["alerts"]}
    assert sorted(taken.values()) == ["acknowledged", "acknowledged", "dispatched"]
    assert taken[first] == "dispatched", "what somebody has already is left as it is"


def test_a_message_that_is_none_of_several_cases_is_a_404(desk: Served) -> None:
    desk.signal(level=Level.RED)
    key = desk.ledger.outbox()[0].key
    assert desk.http.post(f"/api/v1/notices/{key}/acknowledge", json={"by": "值班员01"}).status_code == 404


def test_the_queue_of_an_upper_level_has_what_reaches_it(desk: Served) -> None:
    desk.app.state.policies = replace(load_policies(), reach=Reach({Level.YELLOW: 0}))
    yellow, red = desk.signal("water", level=Level.YELLOW), desk.signal(level=Level.RED)

    def seen(level: str) -> set[str]:
        return {a["id"] for a in desk.http.get(f"/api/v1/alerts?seen_from={level}").json()["alerts"]}

    assert seen("990101") == {yellow.id, red.id}
    assert seen("9901") == {red.id}
    assert seen("990102") == set()
    routed = desk.http.get("/api/v1/route?grid=990101&kind=water&level=yellow").json()
    assert [(b["code"], b["why"]) for b in routed["barred"]] == [("9901", "max_levels"), ("99", "max_levels")]
