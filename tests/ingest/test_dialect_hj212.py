"""HJ 212: packets in any state of repair, times and flags that say what they mean, and an answer to whoever asks for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.claims import Reason
from ingest.dialects.hj212 import ENTRIES, Hj212, fits
from ingest.dialects.hj212_factors import FACTORS
from ingest.dialects.hj212_frames import (
    Packet,
    Rubbish,
    Splitter,
    crc,
    data_taken,
    encode,
    notice_taken,
    request_done,
    request_taken,
)
from ingest.dialects.hj212_segment import instant_of, number
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Quality, Verdict, decode_safely
from ingest.events import Mark, Point

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
AT = datetime(2026, 3, 1, 7, 50, tzinfo=UTC)
QN, TIME, MN = "20260301155930123", "20260301155000", "A1100000000001"


def segment(items: str, cn: str = "2011", flag: str = "4", more: str = "") -> str:
    return f"QN={QN};ST=32;CN={cn};PW=123456;MN={MN};Flag={flag};{more}CP=&&{items}&&"


def decode(payload: bytes | str, decoder: Hj212 | None = None) -> Decoding:
    raw = encode(payload) if isinstance(payload, str) else payload
    return decode_safely(decoder or Hj212(), Message("", raw, NOW))


def read(items: str, cn: str = "2011") -> tuple[Observation, ...]:
    return decode(segment(items, cn)).observations


def test_the_check_is_that_of_the_standard() -> None:
    text = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
    assert crc(text) == 0x1C80
    assert crc(b"") == 0xFFFF


def test_a_value_is_read_whole() -> None:
    (o,) = read(f"DataTime={TIME};w01018-Rtd=25.70,w01018-Flag=N")
    assert (o.kind, o.device, o.gateway) == (Kind.TELEMETRY, MN, MN)
    assert (o.metric, o.value, o.unit, o.quality, o.marks) == ("cod", 25.7, "mg/L", Quality.GOOD, Mark.NONE)
    assert (o.device_at, o.server_at, o.key, o.warnings) == (AT, None, f"hj212:{MN}:{QN}", ())
    assert o.attributes == {
        "st": "32", "system": "water_source", "cn": "2011", "command": "realtime", "code": "w01018", "field": "rtd",
        "word": "化学需氧量", "data_flag": "N", "data_flag_word": "normal",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("why", "flag", "word", "quality", "marks"),
    [
        ("normal", "N", "normal", Quality.GOOD, Mark.NONE),
        ("lower case", "n", "normal", Quality.GOOD, Mark.NONE),
        ("the source stands still", "F", "stopped", Quality.SUSPECT, Mark.NONE),
        ("maintenance never rings", "M", "maintenance", Quality.SUSPECT, Mark.TEST),
        ("set by hand", "S", "manual", Quality.SUSPECT, Mark.NONE),
        ("the meter is broken", "D", "fault", Quality.BAD, Mark.NONE),
        ("calibration never rings", "C", "calibration", Quality.SUSPECT, Mark.TEST),
        ("beyond the range", "T", "over_range", Quality.SUSPECT, Mark.NONE),
        ("no connection", "B", "communication_error", Quality.BAD, Mark.NONE),
        ("no power (2005)", "P", "power_fault", Quality.BAD, Mark.NONE),
        ("a digit of 2005: calibration", "0", "calibration", Quality.SUSPECT, Mark.TEST),
        ("a digit of 2005: normal", "3", "normal", Quality.GOOD, Mark.NONE),
        ("a flag of nobody", "X", "unknown", Quality.SUSPECT, Mark.NONE),
    ],
)
def test_data_flags_say_how_far_to_trust(why: str, flag: str, word: str, quality: Quality, marks: Mark) -> None:
    (o,) = read(f"DataTime={TIME};w01018-Rtd=1,w01018-Flag={flag}")
    assert (o.attributes["data_flag_word"], o.quality, o.marks) == (word, quality, marks), why
    assert ("data_flag_unknown" in o.warnings) == (flag == "X"), why


@pytest.mark.parametrize(
    ("why", "cn", "items", "said", "attributes"),
    [
        ("an average with its bounds and its sum", "2061", "w01018-Min=1,w01018-Avg=2.5,w01018-Max=3,w01018-Cou=7.1", ("cod", 2.5, "mg/L"),
         {"field": "avg", "min": 1, "max": 3, "cou": 7.1, "period_s": 3600}),
        ("a sum alone", "2031", "w01018-Cou=7.10", ("cod_total", 7.1, "kg"), {"field": "cou", "period_s": 86400}),
        ("ten minutes", "2051", "w01018-Avg=2", ("cod", 2, "mg/L"), {"period_s": 600}),
        ("converted values", "2011", "a21026-Rtd=5,a21026-ZsRtd=6.5,a21026-Flag=N", ("sulfur_dioxide", 5, "mg/m³"), {"zs_rtd": 6.5}),
        ("carbon monoxide is no co in ppm", "2011", "a21005-Rtd=1.5", ("carbon_monoxide", 1.5, "mg/m³"), {"code": "a21005"}),
        ("flue gas is no room", "2011", "a01012-Rtd=120", ("flue_temperature", 120, "°C"), {}),
        ("codes of 2005", "2011", "060-Rtd=0.9,060-Flag=N", ("ammonia_nitrogen", 0.9, "mg/L"), {"code": "060"}),
        ("sewage of 2005", "2011", "B01-Rtd=100", ("sewage_flow", 100, "L/s"), {}),
        ("noise", "2011", "LA-Rtd=50.7", ("noise", 50.7, "dB"), {}),
        ("a day of noise", "2031", "Leq-Data=51,Leq-DayData=55,Leq-NightData=44", ("Leq", 51, "dB"), {"day_data": 55, "night_data": 44}),
        ("a factor that is not listed keeps its code", "2011", "a80001-Rtd=39.36", ("a80001", 39.36, ""), {}),
        ("a negative exponent", "2011", "w01018-Rtd=-1.5e-3", ("cod", -0.0015, "mg/L"), {}),
        ("equipment hours", "2041", "SB1-RT=1.5", ("SB1_hours", 1.5, "h"), {}),
    ],
)  # fmt: skip
def test_factors_have_names_and_units(
    why: str, cn: str, items: str, said: tuple[object, ...], attributes: dict[str, object]
) -> None:
    (o,) = read(f"DataTime={TIME};{items}", cn)
    assert (o.metric, o.value, o.unit) == said, why
    assert attributes.items() <= dict(o.attributes).items(), why
    assert o.device_at == AT, f"{why}: DataTime is the start of the period, and stays"


@pytest.mark.parametrize(
    ("why", "cn", "items", "kind", "metric", "value"),
    [
        ("equipment that runs", "2021", f"DataTime={TIME};SB1-RS=1", Kind.STATE, "SB1", 1),
        ("an alarm begins", "2072", f"AlarmTime={TIME};101-Ala=1.1,AlarmType=1", Kind.ALARM, "total_phosphorus_alarm", True),
        ("an alarm ends", "2072", f"AlarmTime={TIME};101-Ala=1.1,AlarmType=0", Kind.CLEAR, "total_phosphorus_alarm", False),
        ("a logger was started", "2081", f"DataTime={TIME};RestartTime={TIME}", Kind.STATE, "restart", TIME),
        ("a login without items", "9021", "", Kind.REGISTER, "login", None),
        ("a heartbeat", "9015", "", Kind.HEARTBEAT, "heartbeat", None),
        ("the logger's clock", "1011", f"PolId=w01018;SystemTime={TIME}", Kind.STATE, "system_time", TIME),
        ("a serial number", "3019", "PolId=w01018;w01018-SN=ABC1", Kind.REGISTER, "serial_number", "ABC1"),
        ("a parameter of a meter", "3020", f"DataTime={TIME};PolId=w01018;i13004-Info=168.0", Kind.STATE, "i13004", 168.0),
        ("a command that is not known, with values", "2099", f"DataTime={TIME};w01018-Rtd=1", Kind.TELEMETRY, "cod", 1),
    ],
)  # fmt: skip
def test_every_upload(why: str, cn: str, items: str, kind: Kind, metric: str, value: object) -> None:
    observations = read(items, cn)
    assert (kind, metric) in {(o.kind, o.metric) for o in observations}, why
    found = next(o for o in observations if o.metric == metric)
    assert found.value == value, why
    assert ("command_unknown" in found.warnings) == (cn == "2099"), why


def test_an_alarm_record_is_history() -> None:
    (o,) = read(f"DataTime={TIME};101-Ala=1.1", "2071")
    assert (o.kind, o.marks, o.warnings) == (Kind.ALARM, Mark.HISTORICAL, ("historical",))


@pytest.mark.parametrize(
    ("why", "items", "at", "warnings"),
    [
        ("DataTime with milliseconds", f"DataTime={TIME}250;w01018-Rtd=1", AT + timedelta(milliseconds=250), ()),
        ("a sample that was taken earlier", f"DataTime={TIME};w01018-SampleTime=20260301151000,w01018-Rtd=1", AT - timedelta(minutes=40), ()),
        ("a SampleTime behind its value", f"DataTime={TIME};w01018-Rtd=1,w01018-SampleTime=20260301151000", AT - timedelta(minutes=40), ()),
        ("QN hours after DataTime: DataTime stays", "DataTime=20260301000000;w01018-Rtd=1", AT.replace(day=28, month=2, hour=16, minute=0), ("clock_skew",)),
        ("no DataTime: the QN's", "w01018-Rtd=1", datetime(2026, 3, 1, 7, 59, 30, 123000, tzinfo=UTC), ("no_data_time",)),
        ("a DataTime of zeros", "DataTime=00000000000000;w01018-Rtd=1", None, ("zero_time",)),
        ("a clock that was never set", "DataTime=19700101080000;w01018-Rtd=1", None, ("zero_time",)),
        ("a DataTime that is none", "DataTime=20261399000000;w01018-Rtd=1", None, ("bad_time",)),
        ("a SampleTime that is none", f"DataTime={TIME};w01018-SampleTime=soon,w01018-Rtd=1", AT, ("bad_time",)),
    ],
)  # fmt: skip
def test_times(why: str, items: str, at: datetime | None, warnings: tuple[str, ...]) -> None:
    (o,) = read(items)
    assert (o.device_at, o.warnings) == (at, warnings), why


def test_a_day_that_is_sent_the_next_day_is_no_skew() -> None:
    (o,) = read("DataTime=20260228155000;w01018-Avg=1", "2031")
    assert o.warnings == ()


@pytest.mark.parametrize(
    ("why", "lat", "lon", "point"),
    [
        ("a position", "30.4614278", "114.392925", Point(30.4614278, 114.392925)),
        ("no position", "0.0", "0.0", None),
        ("degrees the wrong way round are not turned", "114.39", "30.46", None),
        ("somewhere else", "30.4", "171.3", None),
        ("a word", "north", "114.3", None),
    ],
)
def test_a_position_in_factors_places_the_others(why: str, lat: str, lon: str, point: Point | None) -> None:
    observations = read(f"DataTime={TIME};a01001-Rtd=13.9;a81001-Rtd={lat},a81001-Flag=N;a81002-Rtd={lon}")
    assert observations[0].metric == "temperature"
    assert observations[0].point == point, why
    assert ("bad_place" in observations[0].warnings) == (point is None), why
    assert (len(observations) == 1) == (point is not None), f"{why}: a position that is none stays a value"


def test_a_broken_receiver_gives_no_position() -> None:
    observations = read(f"DataTime={TIME};a01001-Rtd=1;a81001-Rtd=30.46,a81001-Flag=D;a81002-Rtd=114.39")
    assert observations[0].point is None


@pytest.mark.parametrize("text", ["", "--", "NaN", "inf", "1,2", "0x10", "1_000", "١"])
def test_what_is_no_number_is_not_guessed(text: str) -> None:
    assert number(text) is None
    (o,) = read(f"DataTime={TIME};w01018-Rtd={text.split(',', maxsplit=1)[0] or ' '};")[:1]
    if "," not in text:
        assert (o.value, o.quality) == (None, Quality.BAD)
        assert "bad_value" in o.warnings


def test_a_packet_of_2005_needs_neither_qn_nor_flag() -> None:
    (o,) = decode(f"ST=32;CN=2011;PW=123456;MN={MN};CP=&&DataTime={TIME};011-Rtd=100;&&").observations
    assert (o.metric, o.value, o.device_at) == ("cod", 100, AT)
    assert o.key == f"hj212:{MN}:2011:{TIME}"


def test_order_and_semicolons_do_not_matter() -> None:
    text = f";MN={MN};CP=&&;;DataTime={TIME};;w01018-Rtd=1,;&&;Flag=5;CN=2011; PW = 1 ;ST=32;QN={QN};"
    decoding = decode(text)
    assert [o.value for o in decoding.observations] == [1]
    assert decoding.reply == data_taken(QN, "1", MN, 4)


def test_who_asks_for_an_answer_gets_it() -> None:
    items = f"DataTime={TIME};w01018-Rtd=1"
    assert decode(segment(items, flag="4")).reply is None
    assert decode(segment(items, flag="5")).reply == encode(f"QN={QN};ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&")
    assert decode(segment(items, flag="9")).reply == data_taken(QN, "123456", MN, 8)
    assert decode(segment(items, flag="1")).reply == encode(
        f"QN={QN};ST=91;CN=9014;PW=123456;MN={MN};Flag=0;CP=&&QN={QN}&&"
    ), "in 2005 the request stands among the items"
    assert decode(segment("PolId=w01018", cn="1013", flag="5")).reply == notice_taken(QN, "123456", MN, 4)
    assert b"CN=9011;" in request_taken(QN, "1", MN, 4)
    assert b"QnRtn=1&&" in request_taken(QN, "1", MN, 4)
    assert b"ExeRtn=100&&" in request_done(QN, "1", MN, 0, 100)


@pytest.mark.parametrize(
    ("why", "cn", "items", "reason"),
    [
        ("a setting", "1062", "RtdInterval=30", "command 1062"),
        ("a request for values", "2011", "", "request 2011"),
        ("a request for history", "2061", "BeginTime=20260301000000,EndTime=20260301120000", "request 2061"),
        ("a request for a serial number", "3019", "PolId=w01018", "request 3019"),
        ("an answer", "9014", "", "answer 9014"),
    ],
)
def test_what_a_centre_says_is_not_answered(why: str, cn: str, items: str, reason: str) -> None:
    decoding = decode(segment(items, cn, flag="5"))
    assert (decoding.verdict, decoding.reply) == (Verdict.IGNORED, None), why
    assert reason in decoding.reason, why


def parts(flag: str = "6") -> tuple[str, str]:
    return (
        segment(f"DataTime={TIME};w01018-Rtd=1", flag=flag, more="PNUM=2;PNO=1;"),
        segment(f"DataTime={TIME};w21003-Rtd=2", flag=flag, more="PNO=2;PNUM=2;"),
    )


def test_a_split_packet_is_put_together_in_any_order() -> None:
    for first, second in (parts(), parts()[::-1]):
        decoder = Hj212()
        waits = decode(first, decoder)
        assert (waits.verdict, waits.observations) == (Verdict.IGNORED, ())
        assert decode(first, decoder).verdict is Verdict.IGNORED, "a part that comes twice is one"
        assert [o.metric for o in decode(second, decoder).observations] == ["cod", "ammonia_nitrogen"]
        assert decode(second, decoder).verdict is Verdict.IGNORED, "and the next one begins anew"


def test_every_part_is_answered() -> None:
    decoder = Hj212()
    assert [decode(p, decoder).reply for p in parts("7")] == [data_taken(QN, "123456", MN, 4)] * 2


def test_parts_do_not_wait_for_ever_nor_without_bound() -> None:
    decoder = Hj212()
    for n in range(200):
        decode(parts()[0].replace(MN, f"{MN}{n}"), decoder)
    assert len(decoder._parts._waiting) == 64
    decoder = Hj212()
    decoder.decode(Message("", encode(parts()[0]), NOW))
    late = decoder.decode(Message("", encode(parts()[1]), NOW + timedelta(hours=1)))
    assert late.verdict is Verdict.IGNORED


@pytest.mark.parametrize("more", ["PNUM=2;PNO=3;", "PNUM=2;PNO=0;", "PNUM=9999;PNO=1;", "PNUM=x;PNO=1;", "PNUM=2;"])
def test_parts_that_cannot_be_are_rejected(more: str) -> None:
    assert decode(segment("w01018-Rtd=1", more=more)).reason.startswith(Reason.BAD_FRAME)


GOOD = encode(segment(f"DataTime={TIME};w01018-Rtd=1"))


def bad(raw: bytes = GOOD) -> bytes:
    return raw[:-6] + (b"0000" if raw[-6:-2] != b"0000" else b"1111") + b"\r\n"


@pytest.mark.parametrize(
    ("why", "payload", "warnings"),
    [
        ("a lower-case CRC", GOOD[:-6] + GOOD[-6:].lower(), ()),
        ("no end of line", GOOD[:-2], ()),
        ("a wrong length with a good CRC", b"##0009" + GOOD[6:], ("length_mismatch",)),
        ("a length that is too long", b"##0999" + GOOD[6:], ("length_mismatch",)),
        ("a wrong length at the end of the bytes", b"##0999" + GOOD[6:-2], ("length_mismatch",)),
        ("rubbish in front", b"\x00##12" + GOOD, ()),
    ],
)
def test_a_whole_packet_with_a_breach_is_read(why: str, payload: bytes, warnings: tuple[str, ...]) -> None:
    (o,) = decode(payload).observations
    assert (o.value, o.warnings) == (1, warnings), why


def test_a_wrong_crc_is_rejected_unless_the_source_is_known_for_it() -> None:
    assert decode(bad()).reason.startswith(Reason.BAD_SUM)
    (o,) = decode(bad(), Hj212(accept_bad_crc=True)).observations
    assert o.warnings == ("crc_bad_accepted",)


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("no MN", encode("ST=32;CN=2011;CP=&&w01018-Rtd=1&&"), Reason.NO_DEVICE),
        ("no CN", encode("ST=32;MN=1;CP=&&w01018-Rtd=1&&"), Reason.MISSING_FIELD),
        ("no items", encode("ST=32;MN=1;&&"), Reason.BAD_FRAME),
        ("neither UTF-8 nor GB 18030", None, Reason.BAD_TEXT),
        ("nothing", b"hello", Reason.BAD_FRAME),
    ],
)
def test_what_cannot_be_used_says_why(why: str, payload: bytes | None, reason: Reason) -> None:
    if payload is None:
        raw = b"ST=32;MN=\xff\xff;CP=&&&&"
        payload = b"##%04d%s%04X" % (len(raw), raw, crc(raw))
    assert decode(payload).reason.startswith(reason), why


def test_gb18030_text_is_read() -> None:
    raw = segment(f"DataTime={TIME};PolId=w01018;i13107-Info=清洗", "3020").encode("gb18030")
    assert decode(b"##%04d%s%04X" % (len(raw), raw, crc(raw))).observations[-1].value == "清洗"


def test_several_packets_in_one_payload_are_all_read() -> None:
    asking = encode(segment(f"DataTime={TIME};w21003-Rtd=2", flag="5"))
    decoding = decode(GOOD + bad() + asking)
    assert [o.value for o in decoding.observations] == [1, 2]
    assert decoding.reply == data_taken(QN, "123456", MN, 4)


@pytest.mark.parametrize(
    ("why", "topic", "payload", "fit"),
    [
        ("the topic is ours", "city/hj212/1", b"", Fit.TOPIC),
        ("a packet", "", GOOD, Fit.MARKED),
        ("a packet behind rubbish", "", b"x" + GOOD, Fit.CONTENT),
        ("a heading", "", b"## 2026 report", Fit.NO),
        ("JSON", "", b'{"a":1}', Fit.NO),
    ],
)
def test_only_packets_fit(why: str, topic: str, payload: bytes, fit: Fit) -> None:
    assert fits(Message(topic, payload, NOW)) is fit, why
    assert [e.name for e in ENTRIES] == ["hj212"]


def test_the_table_of_factors_is_sound() -> None:
    assert FACTORS["011"] is FACTORS["w01018"]
    assert "co" not in {f.metric for f in FACTORS.values()}
    for metric in ("temperature", "humidity", "pressure"):
        assert sum(f.metric == metric for f in FACTORS.values()) == 1


def split(*chunks: bytes) -> list[Packet | Rubbish]:
    splitter = Splitter()
    return [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.finish()


TEXT = st.text(st.characters(codec="ascii", exclude_characters="#\r\n&"), max_size=40)


@given(st.lists(TEXT, min_size=1, max_size=5), st.integers(1, 40), st.booleans())
def test_packets_come_out_as_they_went_in(items: list[str], step: int, lines: bool) -> None:
    segments = [f"MN=1;CP=&&{item}&&" for item in items]
    stream = b"".join(encode(s) if lines else encode(s)[:-2] for s in segments)
    pieces = split(*(stream[at : at + step] for at in range(0, len(stream), step)))
    assert [p.segment.decode() for p in pieces if isinstance(p, Packet) and p.whole] == segments
    assert all(isinstance(p, Packet) for p in pieces)


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(GOOD), st.just(b"##9999")), max_size=12))
def test_the_splitter_stays_bounded(chunks: list[bytes]) -> None:
    splitter = Splitter()
    for chunk in chunks:
        splitter.feed(chunk)
        assert len(splitter._held) <= 10_013
    splitter.finish()
    assert len(splitter._held) == 0


def test_a_length_that_never_comes_does_not_hold_the_stream_up() -> None:
    splitter = Splitter()
    assert splitter.feed(b"##9999QN=1;CP=&&" + b"x" * 50) == []
    assert [p.whole for p in splitter.feed(GOOD) if isinstance(p, Packet)] == [True]
    splitter.feed(b"##9999")
    for _ in range(30):
        splitter.feed(b"x" * 1000)
    assert len(splitter._held) < 2


@given(st.binary(max_size=200), TEXT, st.sampled_from(["2011", "2072", "3020", "9021", "2051", "7777", ""]))
def test_no_bytes_are_a_fault(noise: bytes, text: str, cn: str) -> None:
    body = b"##%04d%s%04X" % (len(noise), noise, crc(noise))
    items = f"MN=1;CN={cn};CP=&&DataTime={text};{text}-Rtd={text},x-Flag={text};x-Ala={text};{text}&&"
    for payload in (noise, b"##" + noise, body, encode(items), GOOD + noise):
        decoding = decode(payload)
        assert not decoding.reason.startswith("fault"), decoding.reason
        fits(Message("", payload, NOW))


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_mutation_of_a_packet_is_a_fault(at: int, flip: int) -> None:
    raw = bytearray(GOOD)
    raw[at] ^= flip
    for decoder in (Hj212(), Hj212(accept_bad_crc=True)):
        assert not decode(bytes(raw), decoder).reason.startswith("fault")


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 31)))  # noqa: DTZ001
def test_times_survive_the_wire(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
    local = at + timedelta(hours=8)
    assert instant_of(f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}") == (at, "")


def test_a_packet_without_its_data_is_still_ours_to_refuse() -> None:
    raw = encode(f"QN={QN};ST=91;CN=9021;PW=1;MN={MN};Flag=5")
    assert fits(Message("", raw, NOW)) is Fit.CONTENT
