"""Dahua's stream: heads by expression, JSON across chunks and parts, no time of its own, channels from 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.dahua import ENTRIES, Dahua
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
S = int(NOW.timestamp())
(ENTRY,) = ENTRIES


def part(body: str) -> bytes:
    raw = body.encode()
    return b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:%d\r\n\r\n%s\r\n\r\n" % (len(raw), raw)


def decode(payload: bytes, decoder: Dahua | None = None, peer: str = "10.0.0.5") -> Decoding:
    return decode_safely(decoder or Dahua(), Message("", payload, NOW, peer=peer))


def one(payload: bytes, decoder: Dahua | None = None) -> Observation:
    decoding = decode(payload, decoder)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


FIRE = f'Code=FireWarning;action=Start;index=0;data={{\n "Name" : "热点;一",\n "UTC" : {S}, "UTCMS" : 250,\n "List" : [ 1, 2 ]\n}}\n'


@pytest.mark.parametrize(
    ("why", "head", "kind", "metric", "value", "channel"),
    [
        ("fire", "Code=FireWarning;action=Start;index=0", Kind.ALARM, "fire_alarm", True, 1),
        ("fire is over", "Code=FireWarning;action=Stop;index=0", Kind.CLEAR, "fire_alarm", False, 1),
        ("a word about a fire", "Code=FireWarningInfo;action=Pulse;index=3", Kind.ALARM, "fire_alarm", True, 4),
        ("smoke", "Code=SmokeDetection;action=Start;index=1", Kind.ALARM, "fire_alarm", True, 2),
        ("a smoker is no fire", "Code=SmokingDetect;action=Start;index=0", Kind.STATE, "SmokingDetect", True, 1),
        ("too hot", "Code=HeatImagingTemper;action=Start;index=0", Kind.ALARM, "heat_alarm", True, 1),
        ("over a line", "Code=CrossLineDetection;action=Pulse;index=0", Kind.ALARM, "intrusion_alarm", True, 1),
        ("covered", "Code=VideoBlind;action=Start;index=0", Kind.ALARM, "tamper_alarm", True, 1),
        ("an input", "Code=AlarmLocal;action=Start;index=2", Kind.ALARM, "io_alarm", True, 3),
        ("no picture", "Code=VideoLoss;action=Start;index=7", Kind.FAULT, "video_loss", True, 8),
        ("the picture is back", "Code=VideoLoss;action=Stop;index=7", Kind.FAULT, "video_loss", False, 8),
        ("motion is a state", "Code=VideoMotion;action=Start;index=0", Kind.STATE, "motion", True, 1),
        ("an action of its own", "Code=FireWarning;action=State;index=0", Kind.STATE, "fire_alarm", "state", 1),
        ("spaces after the semicolons", "Code=FireWarning; action=Start; index=0", Kind.ALARM, "fire_alarm", True, 1),
    ],
)  # fmt: skip
def test_codes(why: str, head: str, kind: Kind, metric: str, value: object, channel: int) -> None:
    found = one(part(head))
    assert (found.kind, found.metric, found.value) == (kind, metric, value), why
    assert (found.device, found.gateway) == (f"10.0.0.5/{channel}", "10.0.0.5")
    assert (found.attributes["channel"], found.attributes["index"]) == (channel, channel - 1)
    assert ("vendor_type" in found.warnings) == (metric == "SmokingDetect")


def test_data_holds_semicolons_and_gives_the_time() -> None:
    found = one(part(FIRE))
    assert (found.attributes["data_name"], found.device_at) == ("热点;一", NOW + timedelta(milliseconds=250))
    assert found.key == f"dahua:10.0.0.5:0:FireWarning:start:{S}:250"
    assert found.warnings == ()
    assert ENTRY.fits(Message("", part(FIRE), NOW)) is Fit.MARKED


@pytest.mark.parametrize(
    ("why", "data", "at", "warnings"),
    [
        ("local time called UTC is ahead, kept and named", f'{{"UTC":{S + 28800}}}', NOW + timedelta(hours=8), ("clock_skew",)),
        ("no time", "{}", None, ("zero_time",)),
        ("data that is a list", "[1]", None, ("zero_time",)),
        ("a time in words", '{"UTC":"now"}', None, ("bad_time",)),
        ("milliseconds that are none", f'{{"UTC":{S},"UTCMS":5000}}', NOW, ()),
        ("not a number", '{"UTC":NaN}', None, ("bad_time",)),
        ("far too large", '{"UTC":1' + "0" * 400 + "}", None, ("bad_time",)),
        ("no JSON at all costs the data, not the alarm", "{x}", None, ("bad_data", "zero_time")),
        ("digits beyond reading", '{"UTC":' + "9" * 5000 + "}", None, ("bad_data", "zero_time")),
    ],
)  # fmt: skip
def test_times_and_data(why: str, data: str, at: datetime | None, warnings: tuple[str, ...]) -> None:
    found = one(part("Code=FireWarning;action=Start;index=0;data=" + data + "\nHeartless"))
    assert (found.kind, found.device_at, found.warnings) == (Kind.ALARM, at, warnings), why


@settings(deadline=None)
@given(st.integers(1, len(part(FIRE)) - 1))
def test_a_block_may_be_cut_anywhere(at: int) -> None:
    decoder, whole = Dahua(), part(FIRE)
    found = [o for chunk in (whole[:at], whole[at:]) for o in decode(chunk, decoder).observations]
    assert [(o.metric, o.device_at) for o in found] == [("fire_alarm", NOW + timedelta(milliseconds=250))]
    assert found[0].attributes["data_name"] == "热点;一"


@settings(deadline=None)
@given(st.lists(st.integers(0, len(part(FIRE) * 3)), max_size=12))
def test_a_stream_in_any_chunks_says_the_same(cuts: list[int]) -> None:
    stream = (
        part("Heartbeat") + part(FIRE) + part("Code=VideoMotion;action=Stop;index=1") + part("Heartbeat") + part(FIRE)
    )
    edges = sorted({0, *(c for c in cuts if c < len(stream)), len(stream)})
    decoder = Dahua()
    found = [o for a, b in pairwise(edges) for o in decode(stream[a:b], decoder).observations]
    assert [o.metric for o in found if o.kind is not Kind.HEARTBEAT] == ["fire_alarm", "motion", "fire_alarm"]


def test_json_that_spans_two_parts() -> None:
    body = FIRE.encode()
    payload = b"".join(b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:%d\r\n\r\n%s" % (len(p), p) for p in (body[:70], body[70:]))  # fmt: skip
    assert one(payload).attributes["data_name"] == "热点;一"


def test_streams_are_told_apart_and_the_unfinished_is_bounded() -> None:
    decoder = Dahua()
    for i in range(300):
        assert decode(part(FIRE)[:-20], decoder, peer=f"10.0.1.{i}").verdict is Verdict.IGNORED
    assert len(decoder._rest) == 256
    assert decode(part(FIRE)[-20:], decoder, peer="10.0.1.299").observations[0].device == "10.0.1.299/1"
    endless = b'Code=FireWarning;action=Start;index=0;data={"a":"' + b"x" * 60_000
    assert decode(endless, decoder).verdict is Verdict.IGNORED
    found = one(b"x" * 60_000, decoder)
    assert (found.metric, found.warnings) == ("fire_alarm", ("bad_data", "zero_time"))
    assert ("10.0.0.5", "") not in decoder._rest


def test_a_heartbeat_and_several_in_one_chunk() -> None:
    beat, fire, beat2 = decode(part("Heartbeat") + part(FIRE) + part("Heartbeat")).observations
    assert (beat.kind, beat.device, beat2.kind) == (Kind.HEARTBEAT, "10.0.0.5", Kind.HEARTBEAT)
    assert fire.metric == "fire_alarm"


def test_text_of_old_devices_is_gb18030() -> None:
    payload = 'Code=FireWarning;action=Start;index=0;data={"Name":"热点"}\n'.encode("gb18030")
    assert one(payload).attributes["data_name"] == "热点"
    assert (
        one(b'Code=FireWarning;action=Start;index=0;data={"Name":"\\u70ed\\u70b9"}\n').attributes["data_name"] == "热点"
    )


def test_who_speaks() -> None:
    unnamed = decode(part(FIRE), peer="").observations[0]
    assert (unnamed.device, unnamed.warnings) == ("dahua/1", ("unnamed_device",))
    named = decode_safely(Dahua(), Message("city/dahua/nvr-3/events", part(FIRE), NOW)).observations[0]
    assert (named.device, named.warnings) == ("nvr-3/1", ())
    assert decode(part(FIRE), peer="x" * 200).reason.startswith("no_device")


def test_faces_and_plates_are_not_taken() -> None:
    assert decode(part('Code=FaceRecognition;action=Pulse;index=0;data={"Name":"Wang"}')).verdict is Verdict.IGNORED
    found = one(part('Code=FireWarning;action=Start;index=0;data={"PlateNumber":"A1","FaceName":"Wang","Temp":81.5}'))
    assert "A1" not in found.attributes.values()
    assert found.attributes["data_temp"] == 81.5


@pytest.mark.parametrize("depth", [40, 50_000])
def test_data_too_deep_costs_the_data(depth: int) -> None:
    found = one(b"Code=FireWarning;action=Start;index=0;data=" + b"[" * depth + b"]" * min(depth, 9_000))
    assert (found.kind, found.warnings) == (Kind.ALARM, ("bad_data", "zero_time"))


def test_something_else_is_refused() -> None:
    assert decode(b"hello").reason.startswith("bad_frame")


def test_a_file_ends_where_it_ends_and_a_stream_goes_on() -> None:
    head = b"Code=FireWarning;action=Start;index=1"
    assert decode(head, peer="").observations[0].attributes["channel"] == 2
    decoder = Dahua()
    assert decode(head, decoder).verdict is Verdict.IGNORED
    assert one(b"2\n", decoder).attributes["channel"] == 13


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"Code=", b"FireWarning", b";action=", b"Start", b";index=", b"0", b";data=", b"{", b"}", b'"', b"\n", b"--myboundary", b"Heartbeat", b"[", b"\xff", b"\r\n\r\n", b"Content-Length:3"]), max_size=40))  # fmt: skip
def test_any_pieces_never_fault(pieces: list[bytes]) -> None:
    decoder = Dahua()
    for piece in (b"".join(pieces), *pieces):
        assert not decode(piece, decoder).reason.startswith("fault")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_never_fault(junk: bytes) -> None:
    assert not decode(junk).reason.startswith("fault")
    assert not decode(b"Code=A;action=Start;index=0;data=" + junk).reason.startswith("fault")


@pytest.mark.parametrize("piece", [b"\n", b"\n--", b"--a\n", b"Code=", b"A: b\n", b"\n--a\nA", b"Code=a;action=b;index=1;data=[", b'Code=a;action=b;index=1;data={"', b"{"])  # fmt: skip
def test_no_repetition_takes_long(piece: bytes) -> None:
    """64 KiB of anything is done at once: the suite's own time limit would notice a quadratic reader."""
    assert not decode((piece * 65536)[:65536]).reason.startswith("fault")
