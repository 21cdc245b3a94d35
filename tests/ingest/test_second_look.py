"""What is made of rejected messages when they are looked at again: the same instants, nothing twice, nothing late that rings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects import hj212_frames as stations
from ingest.dialects import open_dialects
from ingest.dialects.catalogue import Stream, entries
from ingest.dialects.claims import Dialect, Unreadable
from ingest.events import Mark, Place, Point, Presence, Rejected, Sighting, decode, encode
from ingest.gateway import RAW_KEPT, Gateway
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.second_look import (
    Fate,
    Finding,
    Kept,
    Listing,
    SecondLook,
    Wanted,
    Ways,
    counted,
    place_of,
    printable,
    readable,
    since_of,
)
from ingest.settings import GatewaySettings

AT = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
SOON, LATER = AT + timedelta(minutes=1), AT + timedelta(hours=2)
GRIDS = [Grid("t1", "东镇", GridLevel.TOWNSHIP), Grid("g1", "一格", GridLevel.GRID, "t1")]
WRONG = Registry.of(GRIDS, [Device("s1", "smoke", "other", "g1")], 1)
MENDED = Registry.of(GRIDS, [Device("s1", "smoke", "gw", "g1")], 2)
KNOWN = entries()
WAYS = Ways(KNOWN, open_dialects(), {"meters": "hj212", "gone": "morse"}, ("east",))
STATION = stations.encode(
    "QN=20260301160000000;ST=22;CN=2011;PW=1;MN=M1;Flag=5;CP=&&DataTime=20260301160000;a34004-Rtd=35,a34004-Flag=N&&"
)


def nowhere(point: Point) -> Place | None:
    del point
    return None


def looking(registry: Registry = MENDED, ways: Ways = WAYS) -> SecondLook:
    def make(plain: tuple[Dialect, ...], stream: Stream) -> Gateway:
        return Gateway(registry, nowhere, GatewaySettings(), plain, stream=stream)

    return SecondLook(ways, make)


def kept(topic: str, raw: bytes | dict[str, Any], *, offset: int = 0, **over: Any) -> Kept:
    body = raw if isinstance(raw, bytes) else orjson.dumps(raw)
    given_: dict[str, Any] = {"reason": "bad_value", "at": AT, "source": "gw", "detail": "why"} | over
    return Kept(3, offset, Rejected(raw=body, topic=topic, **given_))


def marks(finding: Finding) -> set[Mark]:
    return {r.marks for r in finding.decoded.readings}


def test_after_the_registry_was_mended_the_rows_are_those_that_would_have_been() -> None:
    topic, body = "tocsin/gw/s1/telemetry", orjson.dumps({"smoke": 0.4, "at": "2026-03-01T15:59:59+08:00"})
    at_the_time = Gateway(WRONG, nowhere, GatewaySettings(), open_dialects()).decide(topic, body, False, AT)
    (refused,) = at_the_time.events
    assert isinstance(refused, Rejected)
    assert refused.reason == "gateway_mismatch"
    stands = Kept(0, 7, decode(encode(refused)))  # type: ignore[arg-type]
    assert looking(WRONG).look(stands, SOON).fate is Fate.REJECTED

    found = looking().look(stands, SOON)
    would_have = Gateway(MENDED, nowhere, GatewaySettings(), open_dialects()).decide(topic, body, False, AT)
    assert (found.fate, found.decoded.readings) == (Fate.UNDERSTOOD, would_have.readings)
    assert found.late == 0


def test_what_is_old_by_now_is_late_and_nothing_else_about_it_changes() -> None:
    stands = kept("tocsin/gw/s1/telemetry", {"smoke": 0.4})
    fresh, old = looking().look(stands, SOON), looking().look(stands, LATER)
    assert marks(fresh) == {Mark.ZERO_TIME}
    assert marks(old) == {Mark.ZERO_TIME | Mark.LATE}
    assert all(m.mutes for m in marks(old))
    assert [replace(r, marks=Mark.NONE) for r in old.decoded.readings] == [
        replace(r, marks=Mark.NONE) for r in fresh.decoded.readings
    ]
    assert {(r.observed_at, r.received_at) for r in old.decoded.readings} == {(AT, AT)}
    assert (fresh.late, old.late) == (0, 1)


@given(st.integers(min_value=0, max_value=1200))
def test_late_begins_where_the_gateway_says_so(seconds: int) -> None:
    found = looking().look(kept("tocsin/gw/s1/telemetry", {"smoke": 1}), AT + timedelta(seconds=seconds))
    assert bool(found.late) == (seconds > GatewaySettings().late_after)


def test_events_that_are_old_by_now_are_late_as_well() -> None:
    seen = looking().look(kept("tocsin/gw/cam/sighting", {"id": "e", "label": "fire", "score": 0.9}), LATER)
    went = looking().look(kept("tocsin/gw/presence", b"offline"), LATER)
    for finding, kind in ((seen, Sighting), (went, Presence)):
        (event,) = finding.decoded.events
        assert isinstance(event, kind)
        assert event.marks & Mark.LATE
        assert (finding.fate, finding.late) == (Fate.UNDERSTOOD, 1)


def test_what_a_broker_had_kept_stays_marked_so_and_never_rings() -> None:
    gateway = Gateway(WRONG, nowhere, GatewaySettings(), open_dialects())
    (refused,) = gateway.decide("tocsin/gw/s1/telemetry", b'{"smoke":1}', True, AT).events
    found = looking().look(Kept(0, 0, decode(encode(refused))), SOON)  # type: ignore[arg-type]
    assert marks(found) == {Mark.ZERO_TIME | Mark.RETAINED}


def test_of_a_message_that_is_still_half_wrong_only_the_good_half_is_written() -> None:
    found = looking().look(kept("tocsin/gw/s1/telemetry", {"smoke": 0.3, "temperature": "21"}), SOON)
    assert found.fate is Fate.PARTLY
    assert [(r.metric, r.value) for r in found.decoded.readings] == [("smoke", 0.3)]
    assert found.decoded.events == ()
    assert "temperature" in found.why


@pytest.mark.parametrize(
    ("why", "stands", "fate", "said"),
    [
        ("what is still not JSON", kept("tocsin/gw/s1/telemetry", b"{"), Fate.REJECTED, "bad_json"),
        ("a topic that still nobody reads", kept("a/b", b"\x00", source="a"), Fate.REJECTED, "unknown_topic"),
        ("a resident's call", kept("tocsin/12345/call", b"gAAAAtoken", source="12345"), Fate.SEALED, "not unsealed"),
        ("a call of which nothing was kept", kept("tocsin/12345/call", b""), Fate.SEALED, "not unsealed"),
        ("a call that was kept in the open by a fault", kept("tocsin/1/call", b'{"id":"1"}', reason="fault"), Fate.SEALED, ""),
        (
            "bytes that were cut, whatever they look like",
            kept("tocsin/gw/s1/telemetry", b'{"smoke":1}', detail="the first 393216 of 400000 bytes: too_big"),
            Fate.CUT, "only the first 11 bytes",
        ),
        ("bytes cut by a fault, which says nothing of it", kept("x/y", b" " * RAW_KEPT, reason="fault"), Fate.CUT, ""),
        ("a topic that was cut", kept("t/" + "x" * 1022, b"1"), Fate.CUT, ""),
        ("a frame of a dialect that is gone", kept("", b"..", source="morse:10.0.0.1"), Fate.REJECTED, "no dialect"),
        ("a push through a door that is closed", kept("/api/v1/push/old", b"{}", source="old"), Fate.REJECTED, "no door old"),
        ("a push through a door without a dialect", kept("/api/v1/push/gone", b"{}", source="gone"), Fate.REJECTED, "gone"),
        ("the deletion of a retained message", kept("tocsin/gw/s1/telemetry", b"", retained=True), Fate.SILENT, ""),
    ],
)  # fmt: skip
def test_what_is_not_understood_writes_nothing_and_says_why(why: str, stands: Kept, fate: Fate, said: str) -> None:
    found = looking().look(stands, SOON)
    assert found.fate is fate, why
    assert said in found.why, why
    assert (found.decoded.readings, found.decoded.events) == ((), ()), why


@pytest.mark.parametrize(
    ("why", "topic", "source"),
    [
        ("over TCP, of which the source tells", "", "hj212:10.0.0.7"),
        ("over TCP with an address of many colons", "", "hj212:fe80::1"),
        ("through a push door", "/api/v1/push/meters", "meters"),
    ],
)
def test_a_message_is_read_as_what_its_door_says_and_nobody_is_answered(why: str, topic: str, source: str) -> None:
    found = looking().look(kept(topic, STATION, source=source), SOON)
    assert found.fate is Fate.UNDERSTOOD, why
    assert {r.metric for r in found.decoded.readings} == {"pm2_5"}, why
    assert found.decoded.replies == (), why


def test_a_profile_that_was_written_since_reads_what_nobody_read(tmp_path: Path) -> None:
    stands = kept("plant/gw/hall/d1/data", {"t": 215}, source="plant", reason="unknown_topic")
    assert looking().look(stands, SOON).why.startswith("unknown_topic")
    file = tmp_path / "profiles.toml"
    file.write_text(
        '[[profile]]\nname = "plant"\ntopic = "plant/{gateway}/+/{device}/data"\n'
        'time = { forms = ["none"] }\n'
        'metrics = [{ pointer = "/t", metric = "temperature", scale = 0.1 }]\n',
        encoding="utf-8",
    )
    found = looking(ways=Ways(entries(file), open_dialects(file))).look(stands, SOON)
    assert found.fate is Fate.UNDERSTOOD
    assert [(r.device, r.metric, r.value) for r in found.decoded.readings] == [("d1", "temperature", 21.5)]


def test_numbers_that_were_counted_are_not_counted_again() -> None:
    found = looking().look(kept("tocsin/gw/s1/telemetry", {"smoke": 1, "boot": "b", "seq": 7}), SOON)
    assert (found.fate, found.decoded.numbers) == (Fate.UNDERSTOOD, ())


def test_a_rebirth_is_not_asked_for_hours_later() -> None:
    found = looking().look(kept("spBv1.0/g/NDATA/e", b"", source="sparkplug"), LATER)
    assert (found.fate, found.decoded.replies) == (Fate.REJECTED, ())


def test_what_was_kept_before_anything_was_read_still_has_its_shard() -> None:
    found = looking().look(kept("east/tocsin/gw/s1/telemetry", {"smoke": 1}, source="", reason="fault"), SOON)
    assert [r.gateway for r in found.decoded.readings] == ["gw"]


def test_a_message_rejected_in_two_parts_is_decided_once() -> None:
    look, twice = (
        looking(),
        [kept("tocsin/gw/s1/telemetry", {"smoke": 1}, offset=n, detail=f"part {n}") for n in (0, 1)],
    )
    assert [look.look(one, SOON).fate for one in twice] == [Fate.UNDERSTOOD, Fate.REPEATED]


def test_decoders_keep_their_state_from_one_to_the_next() -> None:
    config = {"stat_t": "cell/1/s", "dev_cla": "gas", "uniq_id": "u", "name": "Gas"}
    first = kept("homeassistant/binary_sensor/u/config", config, source="ha-discovery")
    second = kept("cell/1/s", b"ON", source="cell")
    assert looking().look(second, SOON).fate is Fate.REJECTED
    look = looking()
    look.look(first, SOON)
    assert look.look(second, SOON).fate is Fate.UNDERSTOOD


def test_what_decode_would_say_is_said_without_a_trace() -> None:
    look = looking()
    name, decoding, message = look.said(kept("", STATION, source="hj212:10.0.0.7"))
    assert (name, decoding.verdict, message.peer) == ("hj212", "accepted", "10.0.0.7")
    with pytest.raises(Unreadable):
        look.said(kept("", b"", source="morse:x"))


@given(raw=st.binary(max_size=60), topic=st.text(max_size=20), source=st.text(max_size=20), retained=st.booleans())
def test_nothing_that_was_ever_rejected_raises(raw: bytes, topic: str, source: str, retained: bool) -> None:
    found = looking().look(kept(topic, raw, source=source, retained=retained), LATER)
    assert not any(isinstance(event, Rejected) for event in found.decoded.events)


@pytest.mark.parametrize("ident", ["3:17", "0:0", " 11:9000000000 "])
def test_an_id_is_a_partition_and_an_offset(ident: str) -> None:
    part, offset = ident.split(":")
    assert place_of(ident) == (int(part), int(offset))


@pytest.mark.parametrize("ident", ["", "3", "3:", ":1", "a:b", "1:2:3", "-1:2", "１:2"])
def test_what_is_no_id_is_said_to_be_none(ident: str) -> None:
    with pytest.raises(ValueError, match="partition:offset"):
        place_of(ident)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30s", AT - timedelta(seconds=30)),
        ("15m", AT - timedelta(minutes=15)),
        ("1h", AT - timedelta(hours=1)),
        ("2d", AT - timedelta(days=2)),
        ("2026-03-01T16:00:00+08:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    ],
)
def test_since(text: str, found: datetime) -> None:
    assert since_of(text, AT) == found


@pytest.mark.parametrize("text", ["soon", "1w", "-1h", "999999999d", "2026-03-01T16:00:00", "１h"])
def test_since_that_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 30m|offset"):
        since_of(text, AT)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted("bad_value", "gw", AT), True),
        (Wanted(reason="bad_json"), False),
        (Wanted(source="g"), False),
        (Wanted(since=SOON), False),
    ],
)
def test_what_is_asked_for(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(kept("a", b"").rejected) is fits


def test_a_listing_keeps_the_newest_and_counts_all() -> None:
    listing = Listing(2)
    for n in (4, 1, 3, 2):
        listing.add(kept("a", b"x" * n, offset=n, at=AT + timedelta(seconds=n), source=f"s{n % 2}"))
    assert [(one.ident, size, one.rejected.raw) for one, size in listing.rows()] == [("3:3", 3, b""), ("3:4", 4, b"")]
    assert listing.counts == {("s0", "bad_value"): 2, ("s1", "bad_value"): 2}
    nothing = Listing(0)
    nothing.add(kept("a", b""))
    assert (nothing.rows(), nothing.counts.total()) == ([], 1)


@pytest.mark.parametrize(
    ("why", "raw", "form", "shown"),
    [
        ("a text as it is", "烟感 1号\n".encode(), "text", "烟感 1号\n"),
        ("nothing", b"", "text", ""),
        ("people's numbers masked", b'{"caller":"13812345678"}', "text", '{"caller":"138****5678"}'),
        ("bytes that are no text", b"@@\x01\xff", "hex", "40 40 01 ff"),
        ("a text that would move the cursor", b"a\x1b[2J", "hex", "61 1b 5b 32 4a"),
        ("a lone carriage return", b"a\rb", "hex", "61 0d 62"),
    ],
)
def test_bytes_for_people(why: str, raw: bytes, form: str, shown: str) -> None:
    assert readable(raw) == (form, shown), why


def test_long_bytes_are_shown_in_part() -> None:
    assert readable(b"x" * 2100)[1].endswith("\n… 100 more characters")
    assert readable(b"\xff" * 600)[1].endswith("\n… 88 more bytes")


def test_a_line_of_a_senders_words() -> None:
    assert printable("a\x1b[2J\nb 13812345678") == "a·[2J·b 138****5678"
    assert printable("x" * 300, 10) == "x" * 9 + "…"


def test_fates_are_told_in_their_order() -> None:
    assert counted({Fate.SEALED: 1, Fate.UNDERSTOOD: 2, Fate.CUT: 0}) == "2 understood, 1 sealed"
