"""GB/T 26875.3: fires ring whatever the test bit says, damage is denied, every frame is answered, and nothing a sender writes breaks us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.claims import Reason
from ingest.dialects.gb26875 import ENTRIES, Gb26875, fits
from ingest.dialects.gb26875_frames import (
    Command,
    Damaged,
    Frame,
    Head,
    Piece,
    Rubbish,
    Splitter,
    encode,
    read_head,
    reply_to,
    stamp,
    time_sync,
    unstamp,
)
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Quality, Verdict, decode_safely
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SENT = datetime(2026, 3, 1, 7, 59, 30, tzinfo=UTC)
HAPPENED = datetime(2026, 3, 1, 7, 59, 20, tzinfo=UTC)
SOURCE, TARGET = "0a0b0c0d0e0f", "000000000001"
HEAD = Head(0x1234, (1, 1), stamp(SENT), SOURCE, TARGET, Command.SEND)


def head(**changes: Any) -> Head:
    spec = {name: getattr(HEAD, name) for name in Head.__slots__} | changes
    return Head(**spec)


def frame(body: bytes, **changes: Any) -> bytes:
    return encode(head(**changes), body)


def part(
    status: int,
    text: bytes = b"",
    tag: bytes | None = None,
    *,
    kind: int = 42,
    zone: int = 217,
    position: int = 6,
) -> bytes:
    fixed = (
        bytes((1, 3, kind)) + zone.to_bytes(2, "little") + position.to_bytes(2, "little") + status.to_bytes(2, "little")
    )
    return fixed + text.ljust(31, b"\0") + (stamp(HAPPENED) if tag is None else tag)


def decode(payload: bytes, topic: str = "") -> Decoding:
    return decode_safely(Gb26875(), Message(topic, payload, NOW))


def one(payload: bytes) -> Observation:
    (observation,) = decode(payload).observations
    return observation


def kinds(payload: bytes) -> list[tuple[Kind, str, object]]:
    return [(o.kind, o.metric, o.value) for o in decode(payload).observations]


def test_a_fire_is_read_whole() -> None:
    o = one(frame(b"\x02\x01" + part(0x0003, "2层走廊".encode("gb18030"))))
    assert (o.kind, o.metric, o.value, o.marks) == (Kind.ALARM, "fire_alarm", True, Mark.NONE)
    assert (o.device, o.gateway) == (f"{SOURCE}/217-6", SOURCE)
    assert (o.device_at, o.server_at) == (HAPPENED, SENT)
    assert o.key == f"gb26875:{SOURCE}:4660:20260301155930"
    assert o.warnings == ()
    assert o.attributes == {
        "type": 2, "system_type": 1, "system_address": 3, "system_kind": "fire_alarm", "system_word": "火灾报警系统",
        "part_type": 42, "part_kind": "photoelectric_smoke_detector", "part_word": "点型光电感烟火灾探测器",
        "zone": 217, "position": 6, "description": "2层走廊", "status": 3, "bits": "normal,fire",
    }  # fmt: skip


CLEARED = [(Kind.CLEAR, "fire_alarm", False), (Kind.CLEAR, "fault", False)]
FIRE = (Kind.ALARM, "fire_alarm", True)
FAULT = (Kind.FAULT, "fault", True)


@pytest.mark.parametrize(
    ("why", "status", "said", "test"),
    [
        ("a fire under test is still a fire", 0x0002, [FIRE], True),
        ("fire and fault at once are two things", 0x0007, [FIRE, FAULT], False),
        ("a shielded fire rings as well", 0x000B, [FIRE], False),
        ("a fault", 0x0005, [FAULT], False),
        ("a power fault is a fault", 0x0101, [FAULT], False),
        ("a fault with bit 0 unset is no test either", 0x0004, [FAULT], True),
        ("plain normal ends fire and fault", 0x0001, CLEARED, False),
        ("shielded ends nothing", 0x0009, [(Kind.STATE, "status", "normal,shielded")], False),
        ("a valve that is supervised is a state", 0x0011, [(Kind.STATE, "status", "normal,supervised")], False),
        ("started with feedback is a state", 0x0061, [(Kind.STATE, "status", "normal,started,feedback")], False),
        ("a reserved bit ends nothing", 0x8001, [(Kind.STATE, "status", "normal,reserved_0x8000")], False),
        ("nothing but a test", 0x0000, [(Kind.TEST, "status", "test")], True),
        ("a test with feedback", 0x0040, [(Kind.TEST, "status", "feedback")], True),
    ],
)
def test_the_state_of_a_part(why: str, status: int, said: list[object], test: bool) -> None:
    decoding = decode(frame(b"\x02\x01" + part(status)))
    assert [(o.kind, o.metric, o.value) for o in decoding.observations] == said, why
    assert all(("test_bit" in o.warnings) == test for o in decoding.observations), why
    muted = [o for o in decoding.observations if o.marks.mutes]
    assert [o.kind for o in muted] == [Kind.TEST for o in muted], f"{why}: only a test is muted"


@pytest.mark.parametrize(
    ("why", "body", "device", "said"),
    [
        ("a system on fire", b"\x01\x01\x01\x02\x03\x00" + stamp(HAPPENED), f"{SOURCE}/1-2", [FIRE]),
        ("a system without its main power", b"\x01\x01\x0a\x07\x01\x01" + stamp(HAPPENED), f"{SOURCE}/10-7", [FAULT]),
        ("a bus fault", b"\x01\x01\x01\x00\x01\x04" + stamp(HAPPENED), f"{SOURCE}/1-0", [FAULT]),
        ("a system in manual mode is normal", b"\x01\x01\x01\x01\x01\x08" + stamp(HAPPENED), f"{SOURCE}/1-1", CLEARED),
        ("a system that was reset is normal", b"\x01\x01\x01\x01\x01\x20" + stamp(HAPPENED), f"{SOURCE}/1-1", CLEARED),
        ("the transmission device is well", b"\x15\x01\x01" + stamp(HAPPENED), SOURCE, [(Kind.HEARTBEAT, "status", "normal"), *CLEARED]),
        ("the button of the transmission device", b"\x15\x01\x03" + stamp(HAPPENED), SOURCE, [FIRE]),
        ("its link is out", b"\x15\x01\x21" + stamp(HAPPENED), SOURCE, [FAULT]),
        ("an alarm by hand at the panel", b"\x04\x01\x01\x02\x04\x09" + stamp(HAPPENED), f"{SOURCE}/1-2", [FIRE]),
        ("an alarm ended at the panel", b"\x04\x01\x01\x02\x08\x09" + stamp(HAPPENED), f"{SOURCE}/1-2", [(Kind.CLEAR, "fire_alarm", False)]),
        ("reset and mute", b"\x04\x01\x01\x02\x03\x09" + stamp(HAPPENED), f"{SOURCE}/1-2", [(Kind.STATE, "operation", "reset,mute")]),
        ("a test by hand", b"\x18\x01\x40\x01" + stamp(HAPPENED), SOURCE, [(Kind.TEST, "operation", "test")]),
        ("an alarm by hand beside a test rings", b"\x18\x01\x44\x01" + stamp(HAPPENED), SOURCE, [FIRE]),
        ("somebody is on duty", b"\x18\x01\x20\x01" + stamp(HAPPENED), SOURCE, [(Kind.STATE, "operation", "duty_check_answer")]),
        ("the software of a system", b"\x05\x01\x01\x02\x03\x04", f"{SOURCE}/1-2", [(Kind.REGISTER, "software_version", "3.4")]),
        ("the software of the device", b"\x19\x01\x01\x02", SOURCE, [(Kind.REGISTER, "software_version", "1.2")]),
        ("a system's configuration", b"\x06\x01\x01\x02\x04" + "主机".encode("gb18030"), f"{SOURCE}/1-2", [(Kind.REGISTER, "configuration", "主机")]),
        ("the device's configuration", b"\x1a\x01\x02ok", SOURCE, [(Kind.REGISTER, "configuration", "ok")]),
        ("a part's configuration", b"\x07\x01" + part(0, b"")[:7] + b"lobby".ljust(31, b" "), f"{SOURCE}/217-6", [(Kind.REGISTER, "configuration", "lobby")]),
        ("the panel's clock", b"\x08\x01\x01\x02" + stamp(HAPPENED), f"{SOURCE}/1-2", [(Kind.STATE, "system_time", HAPPENED.isoformat())]),
        ("the device's clock", b"\x1c\x01" + stamp(HAPPENED), SOURCE, [(Kind.HEARTBEAT, "system_time", HAPPENED.isoformat())]),
        ("an empty body is a heartbeat", b"", SOURCE, [(Kind.HEARTBEAT, "status", "online")]),
    ],
)  # fmt: skip
def test_every_type_of_the_standard(why: str, body: bytes, device: str, said: list[object]) -> None:
    decoding = decode(frame(body))
    assert [(o.kind, o.metric, o.value) for o in decoding.observations] == said, why
    assert {o.device for o in decoding.observations} == {device}, why
    assert not any("mismatch" in warning for o in decoding.observations for warning in o.warnings), why
    assert decoding.reply == reply_to(HEAD, Command.CONFIRM, NOW), why


@pytest.mark.parametrize(
    ("why", "kind", "number", "said"),
    [
        ("a height in centimetres", 2, 253, ("height", 2.53, "m")),
        ("a temperature in tenths", 3, 257, ("temperature", 25.7, "°C")),
        ("frost", 3, -101, ("temperature", -10.1, "°C")),
        ("megapascals", 4, 11, ("pressure", 1.1, "MPa")),
        ("kilopascals", 5, 3500, ("pressure", 350.0, "kPa")),
        ("gas", 6, 105, ("gas", 10.5, "%LEL")),
        ("a voltage", 8, 2201, ("voltage", 220.1, "V")),
        ("a current", 9, 3, ("current", 0.3, "A")),
        ("a flow", 10, 7, ("flow", 0.7, "L/s")),
        ("wind", 12, 3, ("wind_speed", 3, "m/s")),
    ],
)
def test_analog_values_have_their_units(why: str, kind: int, number: int, said: tuple[object, ...]) -> None:
    body = b"\x03\x01" + part(0)[:7] + bytes((kind,)) + number.to_bytes(2, "little", signed=True) + stamp(HAPPENED)
    o = one(frame(body))
    assert (o.metric, o.value, o.unit) == said, why
    assert (o.kind, o.quality, o.device_at) == (Kind.TELEMETRY, Quality.GOOD, HAPPENED), why


@pytest.mark.parametrize(
    ("why", "kind", "number", "metric", "warning"),
    [
        ("more gas than there can be", 6, 1200, "gas", "out_of_range"),
        ("a type that is reserved", 13, 5, "analog_13", "analog_type_unknown"),
        ("a vendor's type", 200, 5, "analog_200", "vendor_type"),
    ],
)
def test_doubtful_analog_values_are_marked(why: str, kind: int, number: int, metric: str, warning: str) -> None:
    o = one(frame(b"\x03\x01" + part(0)[:7] + bytes((kind,)) + number.to_bytes(2, "little") + stamp(HAPPENED)))
    assert (o.metric, o.quality) == (metric, Quality.SUSPECT), why
    assert warning in o.warnings, why


@pytest.mark.parametrize(
    ("why", "body", "changes", "warning", "device_at", "key"),
    [
        ("a zero time of the object", b"\x02\x01" + part(3, tag=bytes(6)), {}, "zero_time", None, True),
        ("a clock that was reset to 2000", b"\x02\x01" + part(3, tag=bytes((1, 2, 3, 1, 1, 0))), {}, "zero_time", None, True),
        ("a time in BCD is none", b"\x02\x01" + part(3, tag=bytes((0x59, 0x59, 0x23, 0x28, 0x12, 0x25))), {}, "bad_time", None, True),
        ("a zero time of the frame: no key either", b"\x02\x01" + part(3), {"sent": bytes(6)}, "zero_time", HAPPENED, False),
        ("the main version 2", b"\x02\x01" + part(3), {"version": (2, 7)}, "version_unexpected", HAPPENED, True),
        ("the source 0", b"\x02\x01" + part(3), {"source": "000000000000"}, "source_zero", HAPPENED, True),
        ("type 21 without its time: the frame's", b"\x15\x01\x03", {}, "no_time_tag", SENT, True),
        ("a part without its time", b"\x02\x01" + part(3, tag=b""), {}, "no_time_tag", None, True),
        ("one byte too many", b"\x02\x01" + part(3) + b"!", {}, "length_mismatch", HAPPENED, True),
        ("a description cut off", b"\x02\x01" + part(3)[:20], {}, "length_mismatch", None, True),
        ("a text that is none", b"\x02\x01" + part(3, b"\xff" * 31), {}, "bad_text", HAPPENED, True),
    ],
)  # fmt: skip
def test_a_whole_frame_with_a_breach_still_rings(
    why: str, body: bytes, changes: dict[str, Any], warning: str, device_at: datetime | None, key: bool
) -> None:
    o = one(frame(body, **changes))
    assert (o.kind, o.value, o.device_at, bool(o.key)) == (Kind.ALARM, True, device_at, key), why
    assert o.warnings == (warning,), why


def test_a_text_cut_within_a_character_keeps_the_rest() -> None:
    o = one(frame(b"\x02\x01" + part(3, ("汉" * 16).encode("gb18030")[:31])))
    assert o.attributes["description"] == "汉" * 15


def test_only_objects_whose_place_is_certain_are_taken() -> None:
    two = part(3, zone=1) + part(5, zone=2)
    assert [o.device for o in decode(frame(b"\x02\x02" + two)).observations] == [f"{SOURCE}/1-6", f"{SOURCE}/2-6"]
    cut = decode(frame(b"\x02\x02" + two[:-3])).observations
    assert [(o.device, o.kind, o.warnings) for o in cut] == [(f"{SOURCE}/1-6", Kind.ALARM, ("length_mismatch",))]
    longer = part(3, zone=1) + b"\x07\x07" + part(5, zone=2) + b"\x07\x07"
    assert [o.attributes["zone"] for o in decode(frame(b"\x02\x02" + longer)).observations] == [1, 2]
    assert [o.attributes["zone"] for o in decode(frame(b"\x02\x00" + two)).observations] == [1, 2]


@pytest.mark.parametrize(
    ("why", "body", "warning", "command"),
    [
        ("too short for one state", b"\x02\x01" + b"\x01\x03\x2a", "length_mismatch", 2),
        ("a type alone", b"\x02", "length_mismatch", 2),
        ("more configurations than there are", b"\x1a\x02\x02ok", "length_mismatch", 2),
        ("a vendor's type", b"\x96\x02" + bytes(16), "vendor_type", 2),
        ("a vendor's command", b"\x02\x01" + bytes(46), "vendor_type", 200),
        ("a reserved type", b"\x1b\x01\x00", "reserved_type", 2),
    ],
)
def test_what_cannot_be_read_is_kept_raw(why: str, body: bytes, warning: str, command: int) -> None:
    last = decode(frame(body, command=command)).observations[-1]
    assert (last.kind, last.metric, last.value) == (Kind.STATE, f"type_{body[0]}", None), why
    assert last.attributes["raw"] == body.hex(), why
    assert last.warnings == (warning,), why


def test_a_bad_sum_is_denied_with_the_same_serial() -> None:
    raw = bytearray(frame(b"\x02\x01" + part(3)))
    raw[-3] ^= 1
    decoding = decode(bytes(raw))
    assert decoding.verdict is Verdict.REJECTED
    assert decoding.reason.startswith(Reason.BAD_SUM)
    assert decoding.reply == reply_to(HEAD, Command.DENY, NOW)
    answer = read_head(decoding.reply)
    assert (answer.serial, answer.source, answer.target, answer.command) == (0x1234, TARGET, SOURCE, Command.DENY)


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("a body longer than allowed", frame(b"")[:24] + b"\xff\xff" + frame(b"")[26:], Reason.BAD_LENGTH),
        ("a frame cut short", frame(b"\x02\x01" + part(3))[:50], Reason.BAD_LENGTH),
        ("a reserved command", frame(b"", command=9), Reason.BAD_FRAME),
    ],
)
def test_lengths_and_commands_are_denied(why: str, payload: bytes, reason: Reason) -> None:
    decoding = decode(payload)
    assert decoding.reason.startswith(reason), why
    assert decoding.reply is not None, why
    assert read_head(decoding.reply).command == Command.DENY, why


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("a confirmation", frame(b"", command=Command.CONFIRM), "confirm"),
        ("a denial", frame(b"", command=Command.DENY), "deny"),
        ("an answer", frame(b"\x15\x01\x01" + stamp(NOW), command=Command.ANSWER), "answer"),
        ("a query", frame(b"\x3d\x01\x01\x02", command=Command.REQUEST), "read_system_state"),
        ("a control", frame(b"\x5a\x01" + stamp(NOW), command=Command.CONTROL), "synchronise_clock"),
    ],
)
def test_what_a_centre_or_an_answer_says_is_not_answered(why: str, payload: bytes, reason: str) -> None:
    decoding = decode(payload)
    assert (decoding.verdict, decoding.reply) == (Verdict.IGNORED, None), why
    assert reason in decoding.reason, why


def test_a_damaged_confirmation_is_not_denied() -> None:
    raw = bytearray(frame(b"", command=Command.CONFIRM))
    raw[-3] ^= 1
    assert decode(bytes(raw)).reply is None


def test_who_asks_for_the_time_gets_it() -> None:
    for asked, answered in ((90, 90), (88, 28), (28, 28)):
        decoding = decode(frame(bytes((asked, 1, 0)), command=Command.REQUEST))
        assert decoding.verdict is Verdict.IGNORED
        assert decoding.reply == reply_to(HEAD, Command.ANSWER, NOW, bytes((answered, 1)) + stamp(NOW))


def test_a_clock_that_is_off_is_set_once_an_hour_where_that_is_wanted() -> None:
    decoder = Gb26875(timedelta(minutes=1))

    def reply(sent: bytes, at: datetime) -> bytes | None:
        return decoder.decode(Message("", frame(b"", sent=sent), at)).reply

    right = head(sent=stamp(NOW))
    assert reply(stamp(NOW), NOW) == reply_to(right, Command.CONFIRM, NOW)
    unset = head(sent=bytes(6))
    confirm = reply_to(unset, Command.CONFIRM, NOW)
    assert reply(bytes(6), NOW) == confirm + time_sync(unset, 1, NOW)
    assert reply(bytes(6), NOW) == confirm
    later = NOW + timedelta(hours=2)
    assert reply(stamp(NOW), later) == reply_to(right, Command.CONFIRM, later) + time_sync(right, 2, later)


def test_several_frames_in_one_payload_are_all_read_and_answered() -> None:
    first, second = frame(b"\x02\x01" + part(3)), frame(b"", serial=7)
    decoding = decode(first + b"rubbish" + second)
    assert [o.kind for o in decoding.observations] == [Kind.ALARM, Kind.HEARTBEAT]
    assert decoding.reply == reply_to(HEAD, Command.CONFIRM, NOW) + reply_to(head(serial=7), Command.CONFIRM, NOW)


def test_hex_text_is_the_same_frame() -> None:
    raw = frame(b"\x02\x01" + part(3))
    for text in (raw.hex(), raw.hex(" ").upper() + "\r\n", f'"{raw.hex()}"'):
        assert decode(text.encode()) == decode(raw)
        assert fits(Message("up/1", text.encode(), NOW)) is Fit.MARKED


@pytest.mark.parametrize(
    ("why", "topic", "payload", "fit"),
    [
        ("the topic is ours", "site/gb26875/1", b"?", Fit.TOPIC),
        ("a frame", "", frame(b""), Fit.MARKED),
        ("a frame behind rubbish", "", b"\x00\x01" + frame(b""), Fit.CONTENT),
        ("start marks alone", "", b"@@" * 40, Fit.NO),
        ("JSON", "", b'{"a":"@@"}', Fit.NO),
        ("a line of HJ 212", "", b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=1;CP=&&&&1C80", Fit.NO),
        ("nothing", "", b"", Fit.NO),
    ],
)
def test_only_frames_fit(why: str, topic: str, payload: bytes, fit: Fit) -> None:
    assert fits(Message(topic, payload, NOW)) is fit, why


def test_no_frame_at_all_is_said() -> None:
    assert decode(b"hello").reason.startswith(Reason.BAD_FRAME)
    assert [e.name for e in ENTRIES] == ["gb26875"]


def split(*chunks: bytes) -> list[Piece]:
    splitter = Splitter()
    return [piece for chunk in chunks for piece in splitter.feed(chunk)]


def test_the_end_mark_within_a_body_ends_nothing() -> None:
    body = b"\x02\x01" + part(3, b"####23##")
    assert split(frame(body)) == [Frame(HEAD, body)]


def test_a_frame_without_its_end_mark_is_found_by_length_and_sum() -> None:
    bare = frame(b"")[:-2]
    assert split(bare + frame(b"")) == [Frame(HEAD, b"", ended=False), Frame(HEAD, b"")]
    assert one(bare + frame(b"\x02\x01" + part(3))[:0]).warnings == ("end_mark",)


def test_a_false_start_does_not_hold_a_frame_up() -> None:
    false = b"@@" + bytes(22) + b"\xff\x01"
    pieces = split(false + frame(b""))
    assert pieces == [Rubbish(false), Frame(HEAD, b"")]
    assert isinstance(split(frame(b"")[:24] + b"\xff\xff" + frame(b"")[26:])[0], Damaged)


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.builds(frame, st.binary(max_size=60))), max_size=6),
    st.integers(1, 50),
)
def test_the_splitter_says_the_same_however_the_stream_is_cut(parts: list[bytes], step: int) -> None:
    stream = b"".join(parts)
    splitter = Splitter()
    piecewise = [p for at in range(0, len(stream), step) for p in splitter.feed(stream[at : at + step])]
    piecewise += splitter.finish()
    assert len(splitter._held) == 0
    frames = [p for p in piecewise if isinstance(p, Frame)]
    assert all(encode(f.head, f.body)[2:-2] in stream for f in frames)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.integers(1, 40))
def test_frames_come_out_as_they_went_in(bodies: list[bytes], step: int) -> None:
    stream = b"".join(frame(body) for body in bodies)
    assert split(*(stream[at : at + step] for at in range(0, len(stream), step))) == [Frame(HEAD, b) for b in bodies]


@given(st.binary(max_size=600))
def test_the_splitter_stays_bounded(noise: bytes) -> None:
    splitter = Splitter()
    for _ in range(6):
        splitter.feed(noise)
        assert len(splitter._held) < 1054


@given(st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001
def test_times_survive_the_wire(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC, microsecond=0)
    assert unstamp(stamp(at)) == (at, "")


@given(st.binary(max_size=200), st.binary(max_size=70), st.integers(0, 255))
def test_no_bytes_are_a_fault(noise: bytes, body: bytes, command: int) -> None:
    for payload in (noise, b"@@" + noise, frame(body, command=command), noise.hex().encode()):
        decoding = decode(payload)
        assert not decoding.reason.startswith("fault"), decoding.reason
        fits(Message("", payload, NOW))


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=150), st.data())
def test_no_mutation_of_a_frame_is_a_fault(kind: int, count: int, rest: bytes, data: st.DataObject) -> None:
    raw = bytearray(frame(bytes((kind, count)) + rest))
    assert decode(bytes(raw)).verdict is Verdict.ACCEPTED or kind in range(61, 92)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    assert not decode(bytes(raw)).reason.startswith("fault")


@pytest.mark.parametrize(
    ("why", "payload", "detail"),
    [
        ("a length that is not the frame's", frame(b"\x02\x01" + part(3)).replace(b"\x30\x00\x02", b"\x28\x00\x02", 1), "neither length nor sum"),
        ("a frame that was cut", frame(b"\x02\x01" + part(3))[:50], "cut short"),
    ],
)  # fmt: skip
def test_what_begins_as_a_frame_and_is_none_is_denied(why: str, payload: bytes, detail: str) -> None:
    decoding = decode(payload)
    assert fits(Message("", payload, NOW)) is not Fit.NO, why
    assert decoding.verdict is Verdict.REJECTED, why
    assert decoding.reason.startswith("bad_length: "), why
    assert detail in decoding.reason, why
    assert decoding.reply == reply_to(read_head(payload), Command.DENY, NOW), why
