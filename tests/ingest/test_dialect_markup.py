"""XML and times of devices: every encoding they come in, every breach that is mended, every trick that is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.dating import CHINA, dated, dated_epoch
from ingest.dialects.markup import every, said, text_of, tree_of

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("why", "raw", "text", "warnings"),
    [
        ("declared GB2312 is read as GB18030", '<?xml version="1.0" encoding="GB2312"?><a>镕火警</a>'.encode("gb18030"), "镕火警", ()),
        ("nothing declared, GB bytes that are UTF-8 by chance", "<a>模</a>".encode("gb18030"), "模", ()),
        ("nothing declared, UTF-8", "<a>警情描述</a>".encode(), "警情描述", ()),
        ("a byte order mark", b"\xef\xbb\xbf" + "<a>火</a>".encode(), "火", ()),
        ("UTF-16", '<?xml version="1.0" encoding="UTF-16"?><a>火</a>'.encode("utf-16"), "火", ()),
        ("declared UTF-8 and in truth GB", '<?xml version="1.0" encoding="UTF-8"?><a>烟感报警</a>'.encode("gb18030"), "烟感报警", ("encoding_mismatch",)),
        ("declared GB and in truth UTF-8", '<?xml version="1.0" encoding="GB2312"?><a>烟感报警</a>'.encode(), "烟感报警", ("encoding_mismatch",)),
        ("ISO-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xe9</a>".encode("latin-1"), "caf\xe9", ()),
        ("an unknown encoding over UTF-8", '<?xml version="1.0" encoding="x-mine"?><a>火</a>'.encode(), "火", ("encoding_mismatch",)),
        ("a lone ampersand", b"<a>R&D &amp; Co &bad; &#65;</a>", "R&D & Co &bad; A", ("xml_repaired",)),
        ("a control character", b"<a>x\x01y</a>", "xy", ("xml_repaired",)),
        ("bytes after the end", b"<a>x</a>\x00\x00", "x", ("xml_repaired",)),
        ("a prefix that nobody declared", b"<q:a>x</q:a>", "x", ("xml_repaired",)),
        ("space before the declaration", b'\r\n <?xml version="1.0"?>\n<a>x</a>', "x", ()),
    ],
)  # fmt: skip
def test_text_and_repairs(why: str, raw: bytes, text: str, warnings: tuple[str, ...]) -> None:
    root, found = tree_of(raw)
    assert (root.text, found) == (text, warnings), why


@pytest.mark.parametrize(
    ("why", "raw", "reason"),
    [
        ("an entity that grows", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', Reason.BAD_XML),
        ("a file of ours", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', Reason.BAD_XML),
        ("a document type alone", b"<!DOCTYPE a><a/>", Reason.BAD_XML),
        ("deeper than 32", b"<a>" * 33 + b"</a>" * 33, Reason.TOO_DEEP),
        ("far deeper", b"<a>" * 9000 + b"</a>" * 9000, Reason.TOO_DEEP),
        ("an end that is missing", b"<a><b></a>", Reason.BAD_XML),
        ("nothing", b"", Reason.BAD_XML),
        ("too long", b"<a>" + b"x" * 65536 + b"</a>", Reason.TOO_BIG),
        ("no text at all", b"<a>\xff\xff\xff\x81</a>", Reason.BAD_TEXT),
    ],
)
def test_what_is_refused(why: str, raw: bytes, reason: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        tree_of(raw)
    assert caught.value.reason is reason, why


def test_names_are_compared_without_namespace_and_case() -> None:
    root, _ = tree_of(b'<n:Root xmlns:n="urn:x"><n:Item> </n:Item><item>b</item></n:Root>')
    assert said(root, "missing", "item") == "b"
    assert len(every(root, "item")) == 2
    assert len(every(root, "item", most=1)) == 1


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(raw: bytes) -> None:
    for read in (text_of, tree_of):
        try:
            read(b"<a>" + raw + b"</a>")
        except Unreadable:
            continue


@pytest.mark.parametrize(
    ("why", "text", "naive", "expected"),
    [
        ("ISO with an offset", "2026-03-01T16:00:00+08:00", None, (NOW, ())),
        ("China's form", "2026-03-01 16:00:00+08:00", None, (NOW, ())),
        ("minus zero is UTC", "2026-03-01T08:00:00-00:00", None, (NOW, ())),
        ("single digits", "2026-3-1T16:0:0+8:00", None, (NOW, ())),
        ("a comma before the fraction", "2026-3-1 16:00:00,5 +08", None, (NOW + timedelta(milliseconds=500), ())),
        ("naive, in China", "2026-03-01T16:00:00", CHINA, (NOW, ())),
        ("naive, nowhere", "2026-03-01T16:00:00", None, (None, ("naive_time",))),
        ("never set", "1970-01-01T08:00:00+08:00", None, (None, ("zero_time",))),
        ("absent", "", CHINA, (None, ("zero_time",))),
        ("no text", 7, CHINA, (None, ("zero_time",))),
        ("no time", "gestern", CHINA, (None, ("bad_time",))),
        ("no such day", "2026-02-30 10:00:00", CHINA, (None, ("bad_time",))),
        ("before the first year", "0001-01-01T00:00:00+08:00", None, (None, ("bad_time",))),
        ("a year ahead is kept and named", "2027-03-01T16:00:00+08:00", None, (NOW.replace(year=2027), ("clock_skew",))),
    ],
)  # fmt: skip
def test_times(why: str, text: object, naive: timedelta | None, expected: object) -> None:
    assert dated(text, NOW, naive) == expected, why


@pytest.mark.parametrize(
    ("why", "value", "expected"),
    [
        ("float seconds", NOW.timestamp() + 0.25, (NOW + timedelta(milliseconds=250), ())),
        ("absent", None, (None, ("zero_time",))),
        ("zero", 0, (None, ("zero_time",))),
        ("a truth value", True, (None, ("bad_time",))),
        ("milliseconds taken for seconds", NOW.timestamp() * 1000, (None, ("bad_time",))),
        ("not a number", float("nan"), (None, ("bad_time",))),
    ],
)
def test_epochs(why: str, value: object, expected: object) -> None:
    assert dated_epoch(value, NOW) == expected, why


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    at, warnings = dated(text, NOW, CHINA)
    assert at is not None or warnings
