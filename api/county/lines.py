"""Messages and calls of the local telephone network as values: what they are, how they move, and how the provider would show them. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Any, Final

VERSION: Final = "2010-04-01"


class Kind(StrEnum):
    """The two resources of the provider that are played."""

    MESSAGE = "Messages"
    CALL = "Calls"


class Fault(StrEnum):
    """What can go wrong at the provider, to be tried on purpose."""

    BUSY = "busy"  # 429, nothing taken over
    BROKEN = "broken"  # 503, nothing taken over
    SILENT = "silent"  # taken over, and no answer ever comes
    CUT = "cut"  # taken over, and the connection is closed instead of an answer
    INVALID = "invalid"  # not a telephone number
    STOPPED = "stopped"  # the person has asked for no more texts


# HTTP status, the provider's code and its words.
ERRORS: Final = {
    Fault.BUSY: (429, 20429, "Too Many Requests"),
    Fault.BROKEN: (503, 20503, "Service unavailable"),
    Fault.INVALID: (400, 21211, "Invalid 'To' Phone Number"),
    Fault.STOPPED: (400, 21610, "Attempt to send to unsubscribed recipient"),
}

# (status, seconds until it) one after the other.
_MESSAGE: Final = (("sending", 0.05), ("sent", 0.15), ("delivered", 0.5))
_RINGING: Final = (("initiated", 0.05), ("ringing", 0.3))
_PICKED_UP: Final = (*_RINGING, ("in-progress", 1.5))
_PRESSED: Final = (*_PICKED_UP, ("digits", 1.2), ("completed", 0.4))
_HEARD: Final = (*_PICKED_UP, ("completed", 3.0))
_UNANSWERED: Final = (*_RINGING, ("no-answer", 3.0))


@dataclass(frozen=True, slots=True)
class Line:
    """One message or call. `history` is every status with its instant; `digit` the key that was pressed, `said` what was said to it."""

    sid: str
    kind: Kind
    to: str
    sender: str
    text: str
    status: str
    created_at: datetime
    status_callback: str = ""
    answer_to: str = ""
    history: tuple[tuple[str, datetime], ...] = ()
    digit: str = ""
    said: str = ""

    def moved(self, status: str, now: datetime) -> Line:
        """The line in its next status."""
        return replace(self, status=status, history=(*self.history, (status, now)))


def course(kind: Kind, digit: str | None) -> tuple[tuple[str, float], ...]:
    """How a line goes on: a message is delivered; a call is picked up and a key pressed, picked up only (""), or not answered (None)."""
    if kind is Kind.MESSAGE:
        return _MESSAGE
    if digit is None:
        return _UNANSWERED
    return _PRESSED if digit else _HEARD


def spoken(twiml: str) -> tuple[str, str]:
    """What a call says, and where it wants a pressed key posted (empty when it asks for none)."""
    tree = ET.fromstring(twiml)  # noqa: S314  # written by this program or by a test of it
    gather = tree.find("Gather")
    texts = [element.text or "" for element in tree.iter("Say")]
    return " ".join(dict.fromkeys(texts)), (gather.get("action", "") if gather is not None else "")


def shown(line: Line, account: str) -> dict[str, Any]:
    """A line as the provider's resource."""
    created = format_datetime(line.created_at)
    uri = f"/{VERSION}/Accounts/{account}/{line.kind.value}/{line.sid}.json"
    resource: dict[str, Any] = {
        "sid": line.sid, "account_sid": account, "to": line.to, "from": line.sender, "status": line.status, "direction": "outbound-api",
        "date_created": created, "date_updated": created, "api_version": VERSION, "uri": uri, "price": None, "subresource_uris": {},
    }  # fmt: skip
    if line.kind is Kind.MESSAGE:
        sent = next((format_datetime(at) for status, at in line.history if status == "sent"), None)
        text = {"body": line.text, "date_sent": sent, "num_segments": "1", "num_media": "0"}
        return {**resource, **text, "error_code": None, "error_message": None}
    return {**resource, "start_time": None, "end_time": None, "duration": None, "answered_by": None}


def listed(lines: list[Line], kind: Kind, account: str) -> dict[str, Any]:
    """One page of a list, newest first, with nothing after it."""
    newest_first = sorted(lines, key=lambda line: line.created_at, reverse=True)
    uri = f"/{VERSION}/Accounts/{account}/{kind.value}.json"
    ends = {"first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
    paging = {"page": 0, "page_size": len(lines), "uri": uri, **ends}
    return {kind.value.lower(): [shown(line, account) for line in newest_first], **paging}


def receipt(line: Line, account: str) -> dict[str, str]:
    """The form of a status callback."""
    form = {"AccountSid": account, "ApiVersion": VERSION, "From": line.sender, "To": line.to}
    if line.kind is Kind.MESSAGE:
        return {
            **form,
            "MessageSid": line.sid,
            "SmsSid": line.sid,
            "MessageStatus": line.status,
            "SmsStatus": line.status,
        }
    return {**form, "CallSid": line.sid, "CallStatus": line.status, "Direction": "outbound-api"}
