"""Alertmanager's webhook: one notice an alert, the same key at every repeat, and an end of the year 1 that is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.alertmanager import ENTRIES, Alertmanager
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
(ENTRY,) = ENTRIES


def alert(**more: Any) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": "SmokeHigh", "grid": "110101001001001", "severity": "critical"}, "annotations": {"summary": "smoke"},
            "startsAt": "2026-03-01T07:50:00.000Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom/g", "fingerprint": "c4a0b1f2e3d4a5b6"} | more  # fmt: skip


def webhook(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "grid", "externalURL": "http://am:9093", "alerts": list(alerts)} | more  # fmt: skip


def decode(body: Any) -> Decoding:
    return decode_safely(Alertmanager(), Message("", orjson.dumps(body), NOW))


def one(body: Any) -> Observation:
    decoding = decode(body)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


def test_a_firing_alert() -> None:
    found = one(webhook(alert()))
    assert (found.kind, found.metric, found.value, found.device, found.gateway) == (Kind.NOTICE, "SmokeHigh", True, "c4a0b1f2e3d4a5b6", "http://am:9093")  # fmt: skip
    assert (found.server_at, found.warnings) == (datetime(2026, 3, 1, 7, 50, tzinfo=UTC), ())
    assert found.key == "alertmanager:c4a0b1f2e3d4a5b6:2026-03-01T07:50:00.000Z:firing"
    assert (found.attributes["label_grid"], found.attributes["severity"], found.attributes["annotation_summary"]) == ("110101001001001", "critical", "smoke")  # fmt: skip
    assert "ends_at" not in found.attributes
    assert ENTRY.fits(Message("", orjson.dumps(webhook(alert())), NOW)) is Fit.MARKED


def test_its_end_is_another_message_of_the_same_episode() -> None:
    firing, over = decode(webhook(alert(), alert(status="resolved", endsAt="2026-03-01T07:59:00Z"))).observations
    assert (over.value, over.server_at, over.attributes["ends_at"]) == (False, datetime(2026, 3, 1, 7, 59, tzinfo=UTC), "2026-03-01T07:59:00Z")  # fmt: skip
    assert over.key != firing.key
    assert one(webhook(alert())).key == firing.key


def test_the_device_is_the_instance_when_it_is_named() -> None:
    assert one(webhook(alert(labels={"alertname": "X", "instance": "pump-7:9100"}))).device == "pump-7:9100"
    assert one(webhook(alert(labels={"alertname": "X", "instance": "a", "device": "d"}))).device == "d"


@pytest.mark.parametrize(
    ("why", "body", "warnings"),
    [
        ("another version", webhook(alert(), version="5"), ("version_unexpected",)),
        ("more alerts than were sent", webhook(alert(), truncatedAlerts=3), ("truncated",)),
        ("no fingerprint", webhook(alert(fingerprint=None)), ("no_fingerprint",)),
        ("no start", webhook(alert(startsAt="0001-01-01T00:00:00Z")), ("zero_time",)),
        ("a status that only the group has", webhook(alert(status=None)), ()),
    ],
)
def test_breaches(why: str, body: Any, warnings: tuple[str, ...]) -> None:
    assert one(body).warnings == warnings, why


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("no alerts", {"version": "4"}, "missing_field"),
        ("a list", [], "missing_field"),
        ("an unknown status", webhook(alert(status="pending")), "bad_value"),
        ("an alert that is none", webhook(7), "bad_value"),
        ("a name with a line break", webhook(alert(labels={"device": "a\nb"})), "no_device"),
    ],
)
def test_what_is_refused(why: str, body: Any, reason: str) -> None:
    assert decode(body).reason.startswith(reason), why


def test_nothing_is_ignored() -> None:
    assert decode(webhook()).verdict is Verdict.IGNORED


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers(-(2**53), 2**53) | st.text(max_size=9), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3), max_leaves=5)  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(sorted(alert())), st.sampled_from(sorted(webhook())), JSON)
def test_any_value_anywhere_never_faults(inner: str, outer: str, value: Any) -> None:
    for body in (webhook(alert(**{inner: value})), webhook(alert(), **{outer: value}), value):
        assert not decode(body).reason.startswith("fault")
