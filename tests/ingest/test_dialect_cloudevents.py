"""CloudEvents: structured, batched and binary say the same, and an event is a notice and never an alarm."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.cloudevents import ENTRIES
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely

(ENTRY,) = ENTRIES
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
CONTEXT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/plant/7",
    "type": "org.example.alarm",
    "time": "2026-03-01T08:00:00Z",
}


def take(body: Any = b"", content_type: str = "", **properties: str) -> Decoding:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in properties.items()}
    return decode_safely(ENTRY.open(), Message("any", raw, NOW, content_type=content_type, properties=named))


def test_an_event_is_a_notice_of_its_source() -> None:
    (seen,) = take(
        {**CONTEXT, "comexampleextension": 5, "data": {"nested": {"a": 1}}},
        "application/cloudevents+json; charset=utf-8",
    ).observations
    assert (seen.kind, seen.device, seen.gateway, seen.metric, seen.value) == (
        Kind.NOTICE,
        "/plant/7",
        "/plant/7",
        "org.example.alarm",
        None,
    )
    assert (seen.device_at, seen.server_at, seen.key) == (NOW, None, "cloudevents:/plant/7:e-1")
    assert seen.attributes == {"id": "e-1", "type": "org.example.alarm", "source": "/plant/7", "comexampleextension": 5}


def test_a_subject_is_the_device_and_the_source_its_gateway() -> None:
    (seen,) = take({**CONTEXT, "subject": "pump3"}).observations
    assert (seen.device, seen.gateway, seen.device_at, seen.server_at) == ("pump3", "/plant/7", None, NOW)


@pytest.mark.parametrize(
    ("why", "data", "fields"),
    [
        ("named numbers are telemetry", {"temperature": 21.5, "n": 3}, [(Kind.TELEMETRY, "temperature", 21.5), (Kind.TELEMETRY, "n", 3)]),
        ("a boolean beside them is a state", {"level": 1.5, "door": True}, [(Kind.TELEMETRY, "level", 1.5), (Kind.STATE, "door", True)]),
        ("time and name may stand beside", {"level": 1.5, "ts": 1, "device": "x"}, [(Kind.TELEMETRY, "level", 1.5)]),
        ("a text makes it something else", {"level": 1.5, "note": "x"}, []),
        ("a nested value makes it something else", {"level": 1.5, "more": {}}, []),
        ("a null makes it something else", {"level": 1.5, "more": None}, []),
        ("booleans alone are no telemetry", {"door": True}, []),
        ("nothing", {}, []),
        ("a list", [1, 2], []),
        ("a number", 5, []),
        ("a name that cannot be kept", {"a\nb": 1}, []),
    ],
)  # fmt: skip
def test_data_of_nothing_but_numbers_is_telemetry_too(why: str, data: Any, fields: list[Any]) -> None:
    notice, *found = take({**CONTEXT, "data": data}).observations
    assert notice.kind is Kind.NOTICE, why
    assert [(o.kind, o.metric, o.value) for o in found] == fields, why
    assert all(o.key == "cloudevents:/plant/7:e-1" and o.device_at == NOW for o in found), why


def test_binary_over_mqtt_and_http_say_what_structured_says() -> None:
    structured = take({**CONTEXT, "datacontenttype": "application/json", "data": {"t": 1, "level": 2}}).observations
    mqtt = take({"t": 1, "level": 2}, "application/json", **CONTEXT).observations
    http = take(
        {"t": 1, "level": 2}, "application/json", **{f"ce-{k}": v for k, v in CONTEXT.items()}, host="x"
    ).observations
    assert structured == mqtt == http
    assert structured[1].metric == "level"


def test_http_attributes_are_percent_encoded_and_mqtt_s_are_not() -> None:
    encoded = {"specversion": "1.0", "id": "a%20b", "source": "/x", "type": "t"}
    assert take(b"", **{f"ce-{k}": v for k, v in encoded.items()}).observations[0].attributes["id"] == "a b"
    assert take(b"", **encoded).observations[0].attributes["id"] == "a%20b"


def test_text_and_bytes() -> None:
    assert take("水位".encode(), "text/plain", **CONTEXT).observations[0].value == "水位"
    assert take(b"\xff\x00\x01", "application/octet-stream", **CONTEXT).observations[0].attributes["bytes"] == 3
    wrapped = {**CONTEXT, "datacontenttype": "application/json", "data_base64": b64encode(b'{"level":2}').decode()}
    assert take(wrapped).observations[1].value == 2
    assert take({**CONTEXT, "datacontenttype": "application/json", "data_base64": "AAAA"}).observations[0].warnings == (
        "bad_data",
    )
    assert take({**CONTEXT, "data_base64": "AAAA"}).observations[0].attributes["bytes"] == 3


def test_a_batch_is_events_in_a_row() -> None:
    batch = take([CONTEXT, {**CONTEXT, "id": "e-2"}], "application/cloudevents-batch+json")
    assert [o.key for o in batch.observations] == ["cloudevents:/plant/7:e-1", "cloudevents:/plant/7:e-2"]


@pytest.mark.parametrize(
    ("why", "change", "warning", "at"),
    [
        ("a naive time is not guessed at", {"time": "2026-03-01T08:00:00"}, ("bad_time",), None),
        ("a time in words", {"time": "yesterday"}, ("bad_time",), None),
        ("a clock that was never set", {"time": "1970-01-01T00:00:00Z"}, ("zero_time",), None),
        ("no time", {"time": None}, (), None),
        ("an offset", {"time": "2026-03-01T16:00:00+08:00"}, (), NOW),
        ("nanoseconds", {"time": "2026-03-01T08:00:00.000000123Z"}, (), NOW),
        ("an older version", {"specversion": "0.3"}, ("version_unexpected",), NOW),
    ],
)  # fmt: skip
def test_breaches_are_named(why: str, change: dict[str, Any], warning: tuple[str, ...], at: datetime | None) -> None:
    (seen,) = take({**CONTEXT, **change}).observations
    assert (seen.warnings, seen.device_at) == (warning, at), why


@pytest.mark.parametrize(
    ("why", "body", "content_type", "reason"),
    [
        *((f"without its {name}", {k: v for k, v in CONTEXT.items() if k != name}, "", "missing_field") for name in ("specversion", "id", "source", "type")),
        ("an id that is no text", {**CONTEXT, "id": 7}, "", "missing_field"),
        ("an empty id", {**CONTEXT, "id": ""}, "", "missing_field"),
        ("an id that cannot be printed", {**CONTEXT, "id": "a\u0007"}, "", "bad_value"),
        ("a source beyond measure", {**CONTEXT, "source": "/" + "a" * 200}, "", "no_device"),
        ("both kinds of data", {**CONTEXT, "data": 1, "data_base64": "AAAA"}, "", "bad_value"),
        ("data that is not base64", {**CONTEXT, "data_base64": "!"}, "", "bad_value"),
        ("data that is no text", {**CONTEXT, "data_base64": 5}, "", "bad_value"),
        ("no object", 5, "application/cloudevents+json", "missing_field"),
        ("an empty batch", [], "application/cloudevents-batch+json", "missing_field"),
        ("a batch without end", [CONTEXT] * 300, "application/cloudevents-batch+json", "too_big"),
        ("broken JSON", b'{"specversion"', "application/cloudevents+json", "bad_json"),
        ("another format", b"\x00", "application/cloudevents+avro", "bad_value"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(why: str, body: Any, content_type: str, reason: str) -> None:
    decoding = take(body, content_type)
    assert decoding.verdict is Verdict.REJECTED, why
    assert decoding.reason.startswith(reason), why


@pytest.mark.parametrize(
    ("why", "message", "fit"),
    [
        ("by content type", Message("x", b"", NOW, content_type="Application/CloudEvents+json"), Fit.TOPIC),
        ("by MQTT user properties", Message("x", b"", NOW, properties=CONTEXT), Fit.TOPIC),
        ("by HTTP headers", Message("x", b"", NOW, properties={"ce-specversion": "1.0"}), Fit.TOPIC),
        ("by content", Message("x", orjson.dumps(CONTEXT), NOW), Fit.MARKED),
        ("JSON of another", Message("x", b'{"id":1}', NOW), Fit.NO),
        ("user properties of another", Message("x", b"", NOW, properties={"id": "1"}), Fit.NO),
        ("nothing", Message("", b"", NOW), Fit.NO),
    ],
)  # fmt: skip
def test_whose_a_message_is(why: str, message: Message, fit: Fit) -> None:
    assert ENTRY.fits(message) is fit, why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*CONTEXT, "data", "data_base64", "subject", "datacontenttype", "x"]), JSON),
    st.booleans(),
)
def test_no_json_makes_a_fault(body: dict[str, Any], whole: bool) -> None:
    raw = (
        orjson.dumps({**CONTEXT, **body} if whole else body, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)
        if _fits_orjson(body)
        else b"{"
    )
    assert not take(raw).reason.startswith("fault")


def _fits_orjson(body: Any) -> bool:
    try:
        orjson.dumps(body)
    except (orjson.JSONEncodeError, TypeError):
        return False
    return True
