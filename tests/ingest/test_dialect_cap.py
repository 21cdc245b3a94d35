"""CAP in every dress it comes in, China's form of it, and ours going out and coming back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.cap import ENTRIES, Cap
from ingest.dialects.cap_out import CapAlert, CapArea, InvalidCap, cap_time, write
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely
from ingest.events import Mark, Point

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
CAP12 = "urn:oasis:names:tc:emergency:cap:1.2"
(ENTRY,) = ENTRIES


def info(language: str = "", event: str = "Flood", severity: str = "Severe", more: str = "") -> str:
    lang = f"<language>{language}</language>" if language else ""
    return f"<info>{lang}<category>Met</category><event>{event}</event><urgency>Expected</urgency><severity>{severity}</severity><certainty>Likely</certainty>{more}</info>"


def alert(
    infos: str | None = None, namespace: str = CAP12, encoding: str = "UTF-8", prefix: str = "", **words: str
) -> bytes:
    said = {"identifier": "x-1", "sender": "a@b.c", "sent": "2026-03-01T15:50:00+08:00", "status": "Actual", "msgType": "Alert", "scope": "Public"} | words  # fmt: skip
    body = "".join(f"<{k}>{v}</{k}>" for k, v in said.items() if v) + (info() if infos is None else infos)
    if prefix:
        body = re.sub(r"<(/?)", rf"<\1{prefix}:", body)
    name, space = f"{prefix}:alert" if prefix else "alert", f"xmlns:{prefix}" if prefix else "xmlns"
    declared = f' {space}="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="{encoding}"?><{name}{declared}>{body}</{name}>'.encode(encoding)


def decode(payload: bytes) -> Decoding:
    return decode_safely(Cap(), Message("", payload, NOW))


def one(payload: bytes) -> Observation:
    decoding = decode(payload)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


def test_a_warning() -> None:
    found = one(alert())
    assert (found.kind, found.device, found.metric, found.value, found.marks) == (
        Kind.NOTICE,
        "a@b.c",
        "Flood",
        True,
        Mark.NONE,
    )
    assert (found.server_at, found.warnings, found.key) == (
        NOW - timedelta(minutes=10),
        (),
        "cap:a@b.c:x-1:2026-03-01T15:50:00+08:00",
    )
    assert {k: found.attributes[k] for k in ("severity", "colour", "level", "cap_version", "category", "language")} == {
        "severity": "Severe",
        "colour": "orange",
        "level": 2,
        "cap_version": "1.2",
        "category": "Met",
        "language": "en-US",
    }
    assert ENTRY.fits(Message("", alert(), NOW)) is Fit.MARKED  # fmt: skip


@pytest.mark.parametrize(
    ("why", "payload", "warnings"),
    [
        ("1.1", alert(namespace="urn:oasis:names:tc:emergency:cap:1.1"), ()),
        ("1.0", alert(namespace="urn:oasis:names:tc:emergency:cap:1.0"), ("version_unexpected",)),
        ("no namespace", alert(namespace=""), ("no_namespace",)),
        ("prefixed", alert(prefix="cap"), ()),
        ("a style sheet before it", b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?>' + alert()[38:], ()),
        ("wrapped in EDXL", b'<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><contentObject><xmlContent><embeddedXMLContent>' + alert()[38:] + b"</embeddedXMLContent></xmlContent></contentObject></EDXLDistribution>", ()),
        ("Z instead of an offset", alert(sent="2026-03-01T07:50:00Z"), ("sent_z",)),
        ("minus zero", alert(sent="2026-03-01T07:50:00-00:00"), ()),
    ],
)  # fmt: skip
def test_every_dress(why: str, payload: bytes, warnings: tuple[str, ...]) -> None:
    found = one(payload)
    assert (found.metric, found.server_at, found.warnings) == ("Flood", NOW - timedelta(minutes=10), warnings), why


def test_latin_1() -> None:
    found = one(alert(info(more="<headline>Inondation à l\xe9tang</headline>"), encoding="ISO-8859-1"))
    assert found.attributes["headline"] == "Inondation à l\xe9tang"


@pytest.mark.parametrize(
    ("status", "kind", "value", "mark"),
    [
        ("Actual", "Alert", True, Mark.NONE),
        ("actual", "update", True, Mark.NONE),
        ("Actual", "Cancel", False, Mark.NONE),
        ("Exercise", "Alert", True, Mark.DRILL),
        ("Test", "Alert", True, Mark.TEST),
        ("System", "Alert", True, Mark.TEST),
        ("Draft", "Alert", True, Mark.TEST),
    ],
)
def test_what_rings_and_what_does_not(status: str, kind: str, value: bool, mark: Mark) -> None:
    found = one(alert(status=status, msgType=kind, references="a@b.c,x-0,2026-03-01T15:00:00+08:00"))
    assert (found.kind, found.value, found.marks) == (Kind.NOTICE, value, mark)
    assert found.attributes["references"] == "a@b.c,x-0,2026-03-01T15:00:00+08:00"
    assert found.marks.mutes == (mark is not Mark.NONE)


def test_all_clear_is_over() -> None:
    found = one(alert(info(more="<responseType>AllClear</responseType>"), msgType="Update"))
    assert (found.value, found.attributes["response_type"]) == (False, "AllClear")


def test_acknowledgements_say_nothing() -> None:
    assert decode(alert(msgType="Ack")).verdict is Verdict.IGNORED
    assert decode(alert(msgType="Error")).verdict is Verdict.IGNORED


def test_one_language_of_several_and_every_info_of_it() -> None:
    both = info("en-CA") + info("fr-CA", "Inondation")
    assert one(alert(both)).metric == "Flood"
    assert one(alert(both)).attributes["languages"] == "en-CA,fr-CA"
    assert one(alert(both + info("zh-CN", "暴雨"))).metric == "暴雨"
    two = decode(alert(info("zh-CN", "暴雨") + info("en-US") + info("zh-CN", "大风"))).observations
    assert [o.metric for o in two] == ["暴雨", "大风"]
    assert [o.key[-2:] for o in two] == [":0", ":1"]
    french = decode_safely(Cap(("fr",)), Message("", alert(both), NOW)).observations[0]
    assert french.metric == "Inondation"


def test_without_info() -> None:
    assert one(alert("")).warnings == ("no_info",)
    over = one(alert("", msgType="Cancel"))
    assert (over.value, over.metric, over.warnings) == (False, "alert", ())


def area(inner: str) -> str:
    return info(more=f"<area><areaDesc>valley</areaDesc>{inner}</area>")


RING = "39.9,116.3 39.9,116.4 40.0,116.4 39.9,116.3"


@pytest.mark.parametrize(
    ("why", "inner", "attributes", "point", "warnings"),
    [
        ("a polygon", f"<polygon>\n {RING} </polygon>", {"polygon": RING, "polygon_count": 1}, None, ()),
        ("two polygons", f"<polygon>{RING}</polygon><polygon>{RING.replace('39', '38')}</polygon>", {"polygon_count": 2}, None, ()),
        ("a polygon that does not close", "<polygon>39,116 39,117 40,117 40,118</polygon>", {}, None, ("bad_polygon",)),
        ("a polygon of two points", "<polygon>39,116 39,116</polygon>", {}, None, ("bad_polygon",)),
        ("longitude first", f"<polygon>{RING}</polygon><polygon>116,39 117,39 117,40 116,39</polygon>", {"polygon_count": 1}, None, ("bad_polygon",)),
        ("empty, as China writes it", "<polygon/><circle/>", {}, None, ()),
        ("a small circle is a place", "<circle>39.9,116.3 2.5</circle>", {"circle": "39.9,116.3 2.5"}, Point(39.9, 116.3), ()),
        ("a large one is not", "<circle>39.9,116.3 300</circle>", {"circle_count": 1}, None, ()),
        ("a circle without a radius", "<circle>39.9,116.3</circle>", {}, None, ("bad_circle",)),
        ("an endless circle", "<circle>39.9,116.3 inf</circle>", {}, None, ("bad_circle",)),
        ("codes", "<geocode><valueName>FIPS6</valueName><value>030049</value></geocode>", {"geocode": "FIPS6=030049"}, None, ()),
        ("codes as China writes them", "<geocode>410000000000,410000000000,410100000000</geocode>", {"geocode": "410000000000,410100000000"}, None, ()),
    ],
)  # fmt: skip
def test_areas(
    why: str, inner: str, attributes: dict[str, Any], point: Point | None, warnings: tuple[str, ...]
) -> None:
    found = one(alert(area(inner)))
    assert (found.point, found.warnings) == (point, warnings), why
    assert {k: found.attributes.get(k) for k in attributes} == attributes, why
    assert found.attributes["area_desc"] == "valley"


def test_areas_are_bounded() -> None:
    many = "".join(f"<polygon>{RING.replace('116', str(100 + i))}</polygon>" for i in range(70))
    found = one(alert(area(many) + ""))
    assert found.attributes["polygon_count"] == 64
    long = "<polygon>" + " ".join([RING] * 200) + "</polygon>"
    assert one(alert(area(long))).warnings == ("truncated",)
    assert len(str(one(alert(info(more=f"<description>{'x' * 9000}</description>"))).attributes["description"])) == 4000


def test_what_is_in_it_besides() -> None:
    more = (
        "<eventCode><valueName>SAME</valueName><value>FFA</value></eventCode><expires>2026-03-01T15:00:00+08:00</expires><contact>Mr Wang 138</contact>"
        "<parameter><valueName>WMO HEADER</valueName><value/></parameter><parameter><valueName>VTEC.Code</valueName><value>/O.CON/</value></parameter>"
    )
    found = one(alert(info(more=more)))
    assert (found.attributes["event_code"], found.attributes["parameter_vtec_code"]) == ("SAME=FFA", "/O.CON/")
    assert found.attributes["expires"] == "2026-03-01T07:00:00+00:00"
    assert found.warnings == ("expired",)
    assert "Wang" not in repr(found)
    assert "parameter_wmo_header" not in found.attributes


NATIONAL = """<?xml version="1.0" encoding="UTF-8"?>
<alert><identifier>{ident}</identifier><sender>某省气象局</sender><senderCode>41000041600000</senderCode><sendTime>2026-03-01 15:50:00+08:00</sendTime>
<status>{status}</status><msgType>{kind}</msgType><scope>Public</scope><code><method><methodName>SMS</methodName><message>m</message><audenceprt>13800000000,</audenceprt></method></code>
<secClassification>None</secClassification><note/><references>41000041600000_20260228121842</references><info><language>zh-CN</language><eventType>11B06</eventType><urgency>Unknown</urgency>
<severity>{severity}</severity><certainty>Unknown</certainty><effective>2026-03-01 15:50:00+08:00</effective><onset/><expires>NULL</expires><senderName>李某</senderName><headline>大风蓝色预警</headline><description>大风</description>
<instruction/><web/><area><areaDesc>某省,某省</areaDesc><polygon/><circle/><geocode>410000000000,410000000000</geocode></area></info></alert>"""


def national(
    ident: str = "41000041600000_20260301155000_0", severity: str = "Blue", status: str = "Actual", kind: str = "Alert"
) -> bytes:
    return NATIONAL.format(ident=ident, severity=severity, status=status, kind=kind).encode()


def test_china_s_form() -> None:
    found = one(national())
    assert (found.device, found.metric, found.value, found.warnings) == ("某省气象局", "11B06", True, ())
    assert found.server_at == NOW - timedelta(minutes=10)
    assert {
        k: found.attributes[k] for k in ("division", "industry", "unit", "sender_code", "geocode", "event_type")
    } == {
        "division": "410000",
        "industry": "416",
        "unit": "000",
        "sender_code": "41000041600000",
        "geocode": "410000000000",
        "event_type": "11B06",
    }
    assert not any(word in repr(found) for word in ("李某", "138000", "NULL"))
    assert ENTRY.fits(Message("", national(), NOW)) is Fit.MARKED  # fmt: skip
    assert one(national("41000041600000_20260301155000")).attributes["division"] == "410000"
    assert one(national(kind="Cancel")).value is False
    assert one(national(status="Test")).marks is Mark.TEST


@pytest.mark.parametrize(
    ("said", "word", "colour", "level"),
    [
        ("Red", "Extreme", "red", 1), ("orange", "Severe", "orange", 2), ("YELLOW", "Moderate", "yellow", 3), ("Blue", "Minor", "blue", 4),
        ("红色", "Extreme", "red", 1), ("蓝", "Minor", "blue", 4), ("Extreme", "Extreme", "red", 1), ("Unknown", "Unknown", None, None), ("Purple", "Purple", None, None),
    ],
)  # fmt: skip
def test_colours_and_words_are_one_table(said: str, word: str, colour: str | None, level: int | None) -> None:
    found = one(national(severity=said)).attributes
    assert (found["severity"], found.get("colour"), found.get("level")) == (word, colour, level)


@pytest.mark.parametrize(
    ("why", "sent", "at", "warnings"),
    [
        ("naive, from who knows where", "2026-03-01T15:50:00", None, ("naive_time",)),
        ("none", "", None, ("zero_time",)),
        ("ahead", "2026-03-02T15:50:00+08:00", NOW + timedelta(hours=23, minutes=50), ("clock_skew",)),
    ],
)
def test_times(why: str, sent: str, at: datetime | None, warnings: tuple[str, ...]) -> None:
    found = one(alert(sent=sent))
    assert (found.server_at, found.warnings) == (at, warnings), why


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("no status", alert(status=""), "missing_field"),
        ("a status of its own", alert(status="Real"), "bad_value"),
        ("no type", alert(msgType=""), "missing_field"),
        ("a type of its own", alert(msgType="Warn"), "bad_value"),
        ("no identifier", alert(identifier=""), "missing_field"),
        ("no sender", alert(sender=""), "no_device"),
        ("another document", b"<feed/>", "bad_xml"),
        ("an entity", b'<!DOCTYPE alert [<!ENTITY a "b">]>' + alert()[38:], "bad_xml"),
        ("nothing", b"", "bad_xml"),
    ],
)
def test_what_is_refused(why: str, payload: bytes, reason: str) -> None:
    assert decode(payload).reason.startswith(reason), why


WHOLE = alert(area(f"<polygon>{RING}</polygon><circle>39.9,116.3 2</circle>"))


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=4))
def test_changed_bytes_never_fault(at: int, junk: bytes) -> None:
    assert not decode(WHOLE[:at] + junk + WHOLE[at + len(junk) :]).reason.startswith("fault")


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["polygon", "circle", "geocode", "areaDesc"]))
def test_any_area_never_faults(text: str, name: str) -> None:
    said = text.replace("&", "").replace("<", "")
    assert not decode(alert(area(f"<{name}>{said}</{name}>")).replace(b"\x00", b"")).reason.startswith("fault")


OURS = CapAlert(
    "tocsin-1", "tocsin@example.org", datetime(2026, 3, 1, 15, 50, tzinfo=timezone(timedelta(hours=8))), "火警", headline="烟 & <火>", severity="Severe",
    categories=("Fire", "Safety"), urgency="Immediate", certainty="Observed", parameters=(("grid", "110101001001001"),), event_codes=(("class", "fire"),),
    areas=(CapArea("东城区", (((39.9, 116.3), (39.9, 116.4), (40.0, 116.4), (39.9, 116.3)),), (), (("division", "110101"),)),), expires=NOW + timedelta(hours=1),
)  # fmt: skip


def test_ours_comes_back_as_it_went_out() -> None:
    found = one(write(OURS).encode())
    assert (found.metric, found.device, found.server_at, found.value, found.warnings) == ("火警", "tocsin@example.org", NOW - timedelta(minutes=10), True, ())  # fmt: skip
    said = found.attributes
    assert (said["headline"], said["severity"], said["category"], said["parameter_grid"]) == ("烟 & <火>", "Severe", "Fire,Safety", "110101001001001")  # fmt: skip
    assert (said["polygon"], said["geocode"], said["area_desc"]) == (RING.replace("40.0", "40"), "division=110101", "东城区")  # fmt: skip
    assert (said["expires"], said["cap_version"], said["language"]) == ("2026-03-01T09:00:00+00:00", "1.2", "zh-CN")
    over = replace(OURS, msg_type="Cancel", references=((OURS.sender, OURS.identifier, OURS.sent),))
    assert one(write(over).encode()).value is False
    assert one(write(over).encode()).attributes["references"] == "tocsin@example.org,tocsin-1,2026-03-01T15:50:00+08:00"


def test_our_elements_are_in_the_order_of_the_schema() -> None:
    order = re.findall(r"<([a-zA-Z]+)", write(replace(OURS, onset=NOW, effective=NOW, sender_name="s", description="d", instruction="i", web="w")))[1:]  # fmt: skip
    top = [
        n for n in order if n in {"identifier", "sender", "sent", "status", "msgType", "scope", "references", "info"}
    ]
    assert top == ["identifier", "sender", "sent", "status", "msgType", "scope", "info"]
    inner = list(dict.fromkeys(n for n in order[order.index("info") + 1 :] if n not in {"valueName", "value"}))
    assert inner == ["language", "category", "event", "urgency", "severity", "certainty", "eventCode", "effective", "onset", "expires", "senderName", "headline", "description", "instruction", "web", "parameter", "area", "areaDesc", "polygon", "geocode"]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOW, "2026-03-01T08:00:00-00:00"),
        (datetime(2026, 3, 1, 8, 0, 0, 999, tzinfo=timezone(timedelta(hours=8))), "2026-03-01T08:00:00+08:00"),
        (datetime(2026, 3, 1, 8, tzinfo=timezone(-timedelta(hours=3, minutes=30))), "2026-03-01T08:00:00-03:30"),
    ],
)
def test_our_times_are_never_z(at: datetime, text: str) -> None:
    assert cap_time(at) == text


@pytest.mark.parametrize(
    ("why", "change", "said"),
    [
        ("a space in the identifier", {"identifier": "a b"}, "identifier"),
        ("a comma in the sender", {"sender": "a,b"}, "sender"),
        ("a word of our own", {"severity": "Red"}, "severity"),
        ("a category of our own", {"categories": ("Smoke",)}, "categories"),
        ("no category", {"categories": ()}, "categories"),
        ("a naive time", {"sent": NOW.replace(tzinfo=None)}, "offset"),
        ("no event", {"event": " "}, "event"),
        ("a cancellation of nothing", {"msg_type": "Cancel"}, "references"),
        ("a restriction that is not said", {"scope": "Restricted"}, "restriction"),
        ("private, to nobody", {"scope": "Private"}, "addresses"),
        ("an open polygon", {"areas": (CapArea("a", (((0, 0), (0, 1), (1, 1), (1, 0)),)),)}, "polygon"),
        ("a point off the earth", {"areas": (CapArea("a", (), ((91, 0, 1),)),)}, "latitude"),
        ("an area without a name", {"areas": (CapArea(""),)}, "name"),
        ("a radius around the world", {"areas": (CapArea("a", (), ((0, 0, 1e6),)),)}, "radius"),
    ],
)  # fmt: skip
def test_what_we_do_not_send(why: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidCap, match=said):
        write(replace(OURS, **change))


@settings(deadline=None)
@given(st.text(max_size=80), st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30).filter(str.strip), st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=3, max_size=6))  # fmt: skip
def test_any_words_come_out_readable(headline: str, event: str, points: list[tuple[float, float]]) -> None:
    ring = (*points, points[0])
    text = write(replace(OURS, headline=headline, event=event, areas=(CapArea("a", (ring,)),)))
    decoding = decode(text.encode())
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    assert decoding.observations[0].attributes["polygon_count"] == 1
    assert "xml_repaired" not in decoding.observations[0].warnings
