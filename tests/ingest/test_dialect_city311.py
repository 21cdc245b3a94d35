"""City tables: New York's and Chicago's requests, local times and all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.city311 import ENTRIES, City311, fits
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.events import Point

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
NYC = "Unique Key,Created Date,Closed Date,Agency,Agency Name,Complaint Type,Descriptor,Incident Zip,Incident Address,Status,Due Date,Resolution Description,Resolution Action Updated Date,X Coordinate (State Plane),Y Coordinate (State Plane),Open Data Channel Type,Latitude,Longitude,Location"
CHICAGO = "SR_NUMBER,SR_TYPE,SR_SHORT_CODE,OWNER_DEPARTMENT,STATUS,CREATED_DATE,LAST_MODIFIED_DATE,CLOSED_DATE,STREET_ADDRESS,LATITUDE,LONGITUDE"


def message(body: bytes, topic: str = "") -> Message:
    return Message(topic, body, NOW)


def read(*lines: str) -> Decoding:
    return decode_safely(City311(), message("\r\n".join(lines).encode()), ENTRIES[0].largest)


def nyc(**own: str) -> str:
    row = {"Unique Key": "59000001", "Created Date": "7/1/2025 9:05", "Agency": "FDNY", "Status": "Open", "Latitude": "40.71", "Longitude": "-74.00"}  # fmt: skip
    row |= {k.replace("_", " "): v for k, v in own.items()}
    return ",".join(row.get(name, "") for name in NYC.split(","))


def test_a_row_of_new_york() -> None:
    (one,) = read(NYC, nyc(Complaint_Type="Hydrant", Incident_Zip="10001", Open_Data_Channel_Type="PHONE")).observations
    at = datetime(2025, 7, 1, 13, 5, tzinfo=UTC)
    assert (one.kind, one.device, one.gateway, one.value, one.server_at) == (
        Kind.ORDER,
        "59000001",
        "nyc311",
        "open",
        at,
    )
    assert one.point == Point(40.71, -74.0)
    assert one.key == f"nyc311:59000001:FDNY:open:{at.isoformat()}"
    assert one.attributes == {
        "status_word": "Open", "order_no": "59000001", "category": "Hydrant", "unit": "FDNY", "zipcode": "10001", "channel": "PHONE", "created": at.isoformat(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("why", "own", "value", "at", "warnings"),
    [
        ("winter is an hour later", {"Created_Date": "1/2/2025 0:30"}, "open", datetime(2025, 1, 2, 5, 30, tzinfo=UTC), ()),
        ("morning and afternoon", {"Created_Date": "07/01/2025 02:05:09 PM"}, "open", datetime(2025, 7, 1, 18, 5, 9, tzinfo=UTC), ()),
        ("closed counts from its close", {"Status": "Closed", "Closed_Date": "7/1/2025 10:05"}, "closed", datetime(2025, 7, 1, 14, 5, tzinfo=UTC), ()),
        ("closed before created is kept", {"Status": "Closed", "Closed_Date": "7/1/2025 8:05"}, "closed", datetime(2025, 7, 1, 12, 5, tzinfo=UTC), ("closed_before_created",)),
        ("the hour that comes twice", {"Created_Date": "11/2/2025 1:30"}, "open", datetime(2025, 11, 2, 5, 30, tzinfo=UTC), ("ambiguous_time",)),
        ("in progress", {"Status": "In Progress", "Resolution_Action_Updated_Date": "7/1/2025 9:30"}, "handling", datetime(2025, 7, 1, 13, 30, tzinfo=UTC), ()),
        ("assigned", {"Status": "Assigned"}, "dispatched", datetime(2025, 7, 1, 13, 5, tzinfo=UTC), ()),
        ("started", {"Status": "Started"}, "handling", datetime(2025, 7, 1, 13, 5, tzinfo=UTC), ()),
        ("pending", {"Status": "Pending"}, "pending_handling", datetime(2025, 7, 1, 13, 5, tzinfo=UTC), ()),
        ("an unknown status", {"Status": "Unspecified"}, "Unspecified", datetime(2025, 7, 1, 13, 5, tzinfo=UTC), ("status_unknown",)),
        ("no time that can be read", {"Created_Date": "soon"}, "open", None, ("bad_time",)),
        ("1900 is a clock that was never set", {"Created_Date": "1/1/1900 0:00"}, "open", None, ("zero_time",)),
        ("no such place", {"Latitude": "140"}, "open", datetime(2025, 7, 1, 13, 5, tzinfo=UTC), ("bad_place",)),
    ],
)  # fmt: skip
def test_status_and_local_time(
    why: str, own: dict[str, str], value: str, at: datetime | None, warnings: tuple[str, ...]
) -> None:
    (one,) = read(NYC, nyc(**own)).observations
    assert (one.value, one.server_at, one.warnings) == (value, at, warnings), why


def test_a_row_of_chicago_is_an_hour_behind() -> None:
    (one,) = read(CHICAGO, "SR25-1,Pothole,PHF,CDOT,Open,07/01/2025 09:05:00 AM,,,1 N STATE,41.88,-87.63").observations
    assert (one.device, one.gateway, one.value, one.server_at) == (
        "SR25-1",
        "chicago311",
        "open",
        datetime(2025, 7, 1, 14, 5, tzinfo=UTC),
    )
    assert one.attributes["category_code"] == "PHF"


def test_rows_in_json_with_the_interfaces_names() -> None:
    body = orjson.dumps([{"unique_key": "1", "created_date": "2025-07-01T09:05:00.000", "status": "Open", "agency": "X"}])  # fmt: skip
    assert fits(message(body)) is Fit.MARKED
    (one,) = decode_safely(City311(), message(body)).observations
    assert (one.device, one.server_at) == ("1", datetime(2025, 7, 1, 13, 5, tzinfo=UTC))


def test_quotes_line_ends_and_telephones_in_a_cell() -> None:
    (one,) = read(NYC, nyc(Resolution_Description='"Call 13800138000,\nplease"')).observations
    assert one.attributes["resolution"] == "Call 138****8000,\nplease"


def test_a_row_without_its_number_does_not_cost_the_others() -> None:
    rows = read(NYC, nyc(), nyc(Unique_Key="")).observations
    assert [(o.kind, o.warnings) for o in rows] == [(Kind.ORDER, ()), (Kind.NOTICE, ("row_rejected",))]


@pytest.mark.parametrize(
    ("why", "lines", "verdict", "reason"),
    [
        ("only headings", [NYC], Verdict.IGNORED, "empty"),
        ("other headings", ["a,b", "1,2"], Verdict.REJECTED, "missing_field"),
        ("too many rows", [NYC, *[nyc()] * 4097], Verdict.REJECTED, "too_big"),
    ],
)
def test_what_says_nothing_or_cannot_be_used(why: str, lines: list[str], verdict: Verdict, reason: str) -> None:
    decoding = read(*lines)
    assert decoding.verdict is verdict, (why, decoding.reason)
    assert reason in decoding.reason, why


def test_as_many_rows_as_are_taken() -> None:
    assert len(read(NYC, *[nyc()] * 4096).observations) == 4096


@pytest.mark.parametrize(
    ("body", "topic", "fit"),
    [
        (NYC.encode(), "", Fit.MARKED),
        (CHICAGO.encode(), "", Fit.MARKED),
        (b"", "/311/nyc", Fit.TOPIC),
        (b"a,b\n1,2", "", Fit.NO),
    ],
)
def test_fits(body: bytes, topic: str, fit: Fit) -> None:
    assert fits(message(body, topic)) is fit


CELLS = st.sampled_from(["", "1", "7/1/2025 9:05", "13/45/2025 99:99", "0001-01-01", "9999-12-31T23:59:59", "Open", "Closed", "40.7", "-74", '"', "\x00", "坑"])  # fmt: skip


@given(st.lists(st.lists(CELLS, max_size=20), max_size=4), st.sampled_from([NYC, CHICAGO]))
def test_no_table_is_a_fault_of_ours(rows: list[list[Any]], head: str) -> None:
    assert not read(head, *(",".join(row) for row in rows)).reason.startswith("fault")


@given(st.binary(max_size=80))
def test_no_bytes_are_a_fault_of_ours(tail: bytes) -> None:
    sent = message(NYC.encode() + b"\n" + tail)
    assert fits(sent) in Fit
    assert not decode_safely(City311(), sent).reason.startswith("fault")


@given(st.lists(st.dictionaries(st.sampled_from(["unique_key", "sr_number", "created_date", "status", "latitude", "agency"]), st.none() | CELLS | st.lists(CELLS, max_size=1)), max_size=3))  # fmt: skip
def test_no_rows_of_json_are_a_fault_of_ours(rows: list[Any]) -> None:
    assert not decode_safely(City311(), message(orjson.dumps(rows))).reason.startswith("fault")
