"""Pyronear: only validated wildfire smoke is a sighting; boxes are text and never evaluated; naive times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely
from ingest.dialects.pyronear import ENTRIES, Pyronear
from ingest.events import Point

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
(ENTRY,) = ENTRIES


def alert(sequence: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    said = {"id": 9, "camera_id": 4, "camera_azimuth": 43.7, "sequence_azimuth": 34.6, "cone_angle": 54.8, "is_wildfire": None, "is_validated": True,
            "max_conf": 0.81, "temporal_model_score": 0.7, "detections_count": 3, "started_at": "2026-03-01T07:40:00", "last_seen_at": "2026-03-01T07:59:30.5"}  # fmt: skip
    return {"id": 5, "organization_id": 2, "lat": 48.38, "lon": 2.73, "started_at": "2026-03-01T07:40:00", "last_seen_at": "2026-03-01T07:59:30.5", "sequences": [said | (sequence or {})]} | more  # fmt: skip


def decode(body: Any) -> Decoding:
    return decode_safely(Pyronear(), Message("", orjson.dumps(body), NOW))


def one(body: Any) -> Observation:
    decoding = decode(body)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


def test_a_validated_sequence_is_a_sighting() -> None:
    found = one(alert())
    assert (found.kind, found.device, found.gateway, found.metric, found.value) == (
        Kind.SIGHTING,
        "4",
        "pyronear/2",
        "smoke",
        0.81,
    )
    assert {k: found.attributes[k] for k in ("ident", "label", "score", "ended", "camera", "alert_id")} == {
        "ident": "sequence-9",
        "label": "smoke",
        "score": 0.81,
        "ended": False,
        "camera": "4",
        "alert_id": "5",
    }
    assert (found.server_at, found.device_at, found.point, found.warnings) == (
        NOW - timedelta(seconds=29.5),
        None,
        Point(48.38, 2.73),
        (),
    )
    assert ENTRY.fits(Message("", orjson.dumps(alert()), NOW)) is Fit.MARKED  # fmt: skip


@pytest.mark.parametrize(
    ("why", "validated", "wildfire", "kind"),
    [
        ("validated, not judged", True, None, Kind.SIGHTING),
        ("validated and judged", True, "wildfire_smoke", Kind.SIGHTING),
        ("a chimney", True, "other_smoke", Kind.STATE),
        ("a cloud", True, "other", Kind.STATE),
        ("the model says no", False, None, Kind.STATE),
        ("the model has not spoken", None, None, Kind.STATE),
        ("a person has judged before the model", None, "wildfire_smoke", Kind.SIGHTING),
        ("the model says no, whatever else", False, "wildfire_smoke", Kind.STATE),
        ("an older platform", True, True, Kind.SIGHTING),
        ("an older platform says no", True, False, Kind.STATE),
        ("a word is no truth value", "true", None, Kind.STATE),
    ],
)
def test_the_gate(why: str, validated: object, wildfire: object, kind: Kind) -> None:
    assert one(alert({"is_validated": validated, "is_wildfire": wildfire})).kind is kind, why


def test_scores_places_and_times_that_are_missing() -> None:
    assert one(alert({"max_conf": None})).value == 0.7
    without = one(alert({"max_conf": None, "temporal_model_score": None}))
    assert (without.kind, without.value, without.attributes["score"], without.warnings) == (
        Kind.SIGHTING,
        None,
        None,
        ("no_score",),
    )
    assert one(alert(lat=None, lon=None)).point is None
    assert one(alert(lat=0, lon=0)).warnings == ("bad_position",)
    assert one(alert(lat=91, lon=0)).warnings == ("bad_position",)
    assert one(alert({"last_seen_at": "2026-03-01T10:00:00"})).warnings == ("clock_skew",)
    assert one(alert({"last_seen_at": "2026-03-01T08:00:00+00:00"})).server_at == NOW


def test_a_judgement_is_another_message_and_a_repeat_is_not() -> None:
    assert one(alert()).key == one(alert()).key
    assert one(alert()).key != one(alert({"is_wildfire": "other"})).key


def test_lists_and_empty_alerts() -> None:
    assert len(decode([alert(), alert({"id": 10})]).observations) == 2
    assert decode(alert(sequences=[])).verdict is Verdict.IGNORED
    assert decode([]).verdict is Verdict.IGNORED


def detection(bbox: object, **more: Any) -> dict[str, Any]:
    return {"id": 77, "camera_id": 4, "sequence_id": 9, "azimuth": 43.7, "bbox": bbox, "recorded_at": "2026-03-01T07:59:00", "created_at": "2026-03-01T07:59:04"} | more  # fmt: skip


def test_a_detection_is_a_state_with_two_clocks() -> None:
    found = one(detection("[(.1,.1,.7,.8,.9),(0.2, .2, .3, .3, .4)]"))
    assert (found.kind, found.metric, found.value) == (Kind.STATE, "unconfirmed_smoke", 0.9)
    assert (found.device_at, found.server_at) == (NOW - timedelta(seconds=60), NOW - timedelta(seconds=56))
    assert (found.attributes["boxes"], found.attributes["box"], found.attributes["ident"]) == (2, "0.1,0.1,0.7,0.8", "sequence-9")  # fmt: skip
    assert one(detection("[(.1,.1,.7,.8,5e-05)]")).value == 5e-05
    assert decode(detection("[]")).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    "bbox",
    ["__import__('os')", "[(1,2,3,4)]", "[(.1,.1,.7,.8,9)]", "[(.1,.1,.7,.8,.9]", "[" + "(.1,.1,.1,.1,.1)," * 65 + "]", "x" * 5000, None, 7, "[(.,.,.,.,.)]", "[((((((((((]"],
)  # fmt: skip
def test_boxes_that_are_none_are_refused(bbox: object) -> None:
    assert decode(detection(bbox)).reason.startswith("bad_value")


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("no camera", alert({"camera_id": None}), "no_device"),
        ("no id", alert({"id": None}), "missing_field"),
        ("something else", {"a": 1}, "missing_field"),
        ("a number", 7, "bad_value"),
        ("a sequence that is none", alert(sequences=[7]), "bad_value"),
    ],
)
def test_what_is_refused(why: str, body: Any, reason: str) -> None:
    assert decode(body).reason.startswith(reason), why


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers(-(2**53), 2**53) | st.text(max_size=9), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3), max_leaves=5)  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(sorted(alert()["sequences"][0])), st.sampled_from(sorted(alert())), JSON)
def test_any_value_anywhere_never_faults(inner: str, outer: str, value: Any) -> None:
    for body in (alert({inner: value}), alert(**{outer: value}), detection(value), detection("[]", **{outer: value}), value):  # fmt: skip
        assert not decode(body).reason.startswith("fault")


@settings(deadline=None)
@given(st.text("[]().,0123456789eE- ", max_size=60))
def test_any_boxes_never_fault(text: str) -> None:
    assert not decode(detection(text)).reason.startswith("fault")
