"""Frigate: one incident an id, seconds as floats, alarms that are heard, counts, and everything personal left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.frigate import ENTRIES, Frigate
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
S = NOW.timestamp()
ID = f"{S - 9:.6f}-abc123"
(ENTRY,) = ENTRIES


def event(stage: str = "new", **after: Any) -> dict[str, Any]:
    said = {"id": ID, "camera": "yard", "frame_time": S - 2.5, "label": "fire", "sub_label": ["Wang Wei", 0.8], "top_score": 0.9, "score": 0.7,
            "false_positive": False, "start_time": S - 9, "end_time": None, "current_zones": ["gate"], "entered_zones": ["gate", "hall"],
            "recognized_license_plate": "A12345", "stationary": False, "active": True, "attributes": {"face": 0.6}} | after  # fmt: skip
    return {"type": stage, "before": {}, "after": said}


def review(stage: str = "new", severity: str = "alert", **after: Any) -> dict[str, Any]:
    data = {"detections": [ID], "objects": ["person", "fire"], "sub_labels": ["Bob"], "zones": ["gate"], "audio": []}
    return {"type": stage, "before": {}, "after": {"id": "r-1", "camera": "yard", "start_time": S - 60, "end_time": None, "severity": severity, "data": data | after.pop("data", {})} | after}  # fmt: skip


def decode(body: Any, topic: str = "frigate/events", decoder: Frigate | None = None) -> Decoding:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    return decode_safely(decoder or Frigate(), Message(topic, payload, NOW))


def one(body: Any, topic: str = "frigate/events", decoder: Frigate | None = None) -> Observation:
    decoding = decode(body, topic, decoder)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


def test_an_event_is_a_sighting() -> None:
    found = one(event())
    assert (found.kind, found.device, found.gateway, found.metric, found.value) == (
        Kind.SIGHTING,
        "yard",
        "frigate",
        "fire",
        0.7,
    )
    assert {k: found.attributes[k] for k in ("ident", "label", "score", "ended", "camera")} == {
        "ident": ID,
        "label": "fire",
        "score": 0.7,
        "ended": False,
        "camera": "yard",
    }
    assert (found.attributes["zones"], found.attributes["entered_zones"]) == ("gate", "gate,hall")
    assert (found.device_at, found.warnings) == (NOW - timedelta(seconds=2.5), ())
    assert found.key == f"frigate:{ID}:new:{S - 2.5}"  # fmt: skip


def test_one_incident_from_new_to_end() -> None:
    decoder = Frigate()
    found = [
        one(event(stage, frame_time=S + i), decoder=decoder)
        for i, stage in enumerate(["new", "update", "update", "end"])
    ]
    assert {o.attributes["ident"] for o in found} == {ID}
    assert [o.attributes["ended"] for o in found] == [False, False, False, True]
    assert len({o.key for o in found}) == 4
    assert one(event("update")).key == one(event("update")).key


def test_nothing_personal_is_taken() -> None:
    for body, topic in ((event(), "frigate/events"), (review(), "frigate/reviews")):
        said = repr(one(body, topic))
        assert not any(word in said for word in ("Wang", "A12345", "Bob", "face"))
    for kind in ("face", "lpr", "description", "classification"):
        update = {"type": kind, "id": ID, "name": "Wang", "plate": "A12345"}
        decoding = decode(update, "frigate/tracked_object_update")
        assert decoding.verdict is Verdict.IGNORED
        assert "personal" in decoding.reason
    assert decode(b"help me", "frigate/yard/audio/transcription").verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "change", "value", "at", "warnings"),
    [
        ("no score: the best so far", {"score": None}, 0.9, NOW - timedelta(seconds=2.5), ()),
        ("no score at all", {"score": None, "top_score": 7}, None, NOW - timedelta(seconds=2.5), ("no_score",)),
        ("a truth value is no score", {"score": True}, 0.9, NOW - timedelta(seconds=2.5), ()),
        ("no frame: the start", {"frame_time": None}, 0.7, NOW - timedelta(seconds=9), ()),
        ("no time", {"frame_time": None, "start_time": 0}, 0.7, None, ("zero_time",)),
        ("a time in words", {"frame_time": "now"}, 0.7, None, ("bad_time",)),
        ("a clock ahead", {"frame_time": S + 3600}, 0.7, NOW + timedelta(hours=1), ("clock_skew",)),
    ],
)  # fmt: skip
def test_scores_and_times(
    why: str, change: dict[str, Any], value: float | None, at: datetime | None, warnings: tuple[str, ...]
) -> None:
    found = one(event(**change))
    assert (found.value, found.attributes["score"], found.device_at, found.warnings) == (value, value, at, warnings), why  # fmt: skip


def test_a_false_positive_is_no_sighting() -> None:
    decoding = decode(event(false_positive=True))
    assert (decoding.verdict, decoding.observations) == (Verdict.IGNORED, ())


def test_labels_are_mapped_and_others_keep_their_names() -> None:
    decoder = Frigate({"yanhuo": "fire", "flame": "fire"})
    assert one(event(label="YanHuo"), decoder=decoder).metric == "fire"
    assert one(event(label="person"), decoder=decoder).metric == "person"
    assert one(event(label="Flame")).metric == "flame"


def test_a_review_names_its_fire_and_has_the_score_of_its_events() -> None:
    decoder = Frigate()
    without = one(review(), "frigate/reviews", decoder)
    assert (without.metric, without.value, without.warnings) == ("fire", None, ("no_score",))
    one(event(score=0.95), decoder=decoder)
    one(event("end", score=0.3), decoder=decoder)
    found = one(review("update"), "frigate/reviews", decoder)
    assert (found.kind, found.device, found.value, found.warnings) == (Kind.SIGHTING, "yard", 0.95, ())
    assert found.attributes["ident"] == "r-1"
    assert (found.attributes["severity"], found.attributes["objects"], found.attributes["detections"]) == (
        "alert",
        "person,fire",
        ID,
    )


@pytest.mark.parametrize(
    ("why", "body", "at"),
    [
        ("a new one: its start", review(data={"detections": []}), NOW - timedelta(seconds=60)),
        ("a change: when the newest thing in it was first seen", review("update"), NOW - timedelta(seconds=9)),
        ("its end", review("end", end_time=S - 1), NOW - timedelta(seconds=1)),
        ("an end without a time", review("end"), NOW - timedelta(seconds=9)),
        ("ids of another form", review("update", data={"detections": ["x", "1-2", 5]}), NOW - timedelta(seconds=60)),
    ],
)
def test_the_time_of_a_review(why: str, body: dict[str, Any], at: datetime) -> None:
    found = one(body, "frigate/reviews")
    assert (found.device_at, found.attributes["ended"]) == (at, body["type"] == "end"), why


def test_a_review_of_sounds_and_of_nothing() -> None:
    assert one(review(data={"objects": [], "audio": ["fire_alarm"]}), "frigate/reviews").metric == "fire_alarm"
    assert one(review(data={"objects": ["person-verified"]}), "frigate/reviews").metric == "person"
    assert decode(review(data={"objects": []}), "frigate/reviews").reason.startswith("missing_field")


def test_a_severity_that_rises_is_another_message() -> None:
    assert one(review(severity="detection"), "frigate/reviews").key != one(review(), "frigate/reviews").key


def test_what_is_remembered_is_bounded() -> None:
    decoder = Frigate()
    for i in range(5000):
        one(event(id=f"{i}-x"), decoder=decoder)
    assert len(decoder._scores) == 4096


@pytest.mark.parametrize(
    ("why", "topic", "payload", "kind", "device", "metric", "value"),
    [
        ("Frigate is there", "frigate/available", b"online", Kind.ONLINE, "frigate", "availability", "online"),
        ("Frigate stops", "frigate/available", b"stopped", Kind.OFFLINE, "frigate", "availability", "stopped"),
        ("its last will", "frigate/available", b"offline", Kind.OFFLINE, "frigate", "availability", "offline"),
        ("a camera's role", "frigate/yard/status/detect", b"offline", Kind.OFFLINE, "yard", "availability", "offline"),
        ("a role switched off", "frigate/yard/status/audio", b"disabled", Kind.STATE, "yard", "availability", "disabled"),
        ("a fire alarm is heard", "frigate/yard/audio/fire_alarm", b"ON", Kind.ALARM, "yard", "fire_alarm", True),
        ("and no longer", "frigate/yard/audio/fire_alarm", b"OFF", Kind.CLEAR, "yard", "fire_alarm", False),
        ("a smoke detector is heard", "frigate/yard/audio/smoke_detector", b"ON", Kind.ALARM, "yard", "fire_alarm", True),
        ("a dog barks", "frigate/yard/audio/bark", b"ON", Kind.STATE, "yard", "audio_bark", True),
        ("how loud it is", "frigate/yard/audio/dBFS", b"-32.5", Kind.TELEMETRY, "yard", "audio_dbfs", -32.5),
        ("motion", "frigate/yard/motion", b"ON", Kind.STATE, "yard", "motion", True),
        ("a count of smoke is no optical density", "frigate/yard/smoke", b"1", Kind.TELEMETRY, "yard", "smoke_count", 1),
        ("a count in a zone", "frigate/gate/person/active", b"2", Kind.TELEMETRY, "gate", "person_active_count", 2),
        ("another prefix", "frigate-north/yard/person", b"0", Kind.TELEMETRY, "yard", "person_count", 0),
        ("how a review stands", "frigate/yard/review_status", b"ALERT", Kind.STATE, "yard", "review_status", "ALERT"),
    ],
)  # fmt: skip
def test_plain_topics(
    why: str, topic: str, payload: bytes, kind: Kind, device: str, metric: str, value: object
) -> None:
    found = one(payload, topic)
    assert (found.kind, found.device, found.metric, found.value) == (kind, device, metric, value), why
    assert ENTRY.fits(Message(topic, payload, NOW)) is Fit.TOPIC


def test_a_trigger_is_a_notice() -> None:
    found = one({"name": "smoke plume", "camera": "yard", "event_id": ID, "type": "thumbnail", "score": 0.8}, "frigate/triggers")  # fmt: skip
    assert (found.kind, found.device, found.metric, found.value) == (Kind.NOTICE, "yard", "smoke plume", 0.8)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("frigate/yard/person/snapshot", b"\xff\xd8\xff\xe0" + bytes(1000)),
        ("frigate/yard/detect/set", b"ON"),
        ("frigate/yard/detect/state", b"ON"),
        ("frigate/yard/audio/state", b"ON"),
        ("frigate/stats", b"{}"),
        ("frigate/notifications/suspend", b"5"),
        ("frigate/model_state", b"{}"),
    ],
)
def test_what_is_understood_and_not_kept(topic: str, payload: bytes) -> None:
    decoding = decode(payload, topic)
    assert (decoding.verdict, decoding.observations) == (Verdict.IGNORED, ())
    assert decoding.reason


@pytest.mark.parametrize(
    ("why", "topic", "body", "reason"),
    [
        ("no camera", "frigate/events", event(camera=None), "no_device"),
        ("no id", "frigate/events", event(id=""), "missing_field"),
        ("an unknown stage", "frigate/events", event("begin"), "missing_field"),
        ("no after", "frigate/events", {"type": "new"}, "missing_field"),
        ("a list", "frigate/events", [1], "missing_field"),
        ("not JSON", "frigate/events", b"{", "bad_json"),
        ("an unknown word", "frigate/available", b"maybe", "bad_value"),
        ("an unknown switch", "frigate/yard/audio/fire_alarm", b"1", "bad_value"),
        ("bytes where a word stands", "frigate/yard/motion", b"\xff", "bad_text"),
        ("an unknown topic", "frigate/yard/x/y", b"7", "unknown_topic"),
        ("no number", "frigate/yard/audio/rms", b"nan", "bad_value"),
    ],
)
def test_what_is_refused(why: str, topic: str, body: Any, reason: str) -> None:
    assert decode(body, topic).reason.startswith(reason), why


def test_a_file_is_known_by_its_content() -> None:
    assert ENTRY.fits(Message("", orjson.dumps(event()), NOW)) is Fit.MARKED
    assert one(event(), "").metric == "fire"
    assert one(review(), "").attributes["review"] is True
    assert ENTRY.fits(Message("", b"{}", NOW)) is Fit.NO


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3), max_leaves=5)  # fmt: skip
FIELDS = ["id", "camera", "label", "score", "top_score", "frame_time", "start_time", "end_time", "data", "severity", "current_zones", "false_positive", "active"]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(FIELDS), JSON, st.sampled_from(["frigate/events", "frigate/reviews"]))
def test_any_value_anywhere_never_faults(name: str, value: Any, topic: str) -> None:
    try:
        payload = orjson.dumps(event(**{name: value}))
    except TypeError:  # an integer that JSON cannot hold
        return
    assert not decode(payload, topic).reason.startswith("fault")


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from(["events", "reviews", "available", "triggers", "yard/person", "yard/audio/rms", "yard/status/x", "//", ""]))  # fmt: skip
def test_any_bytes_never_fault(payload: bytes, path: str) -> None:
    assert not decode(payload, f"frigate/{path}").reason.startswith("fault")
