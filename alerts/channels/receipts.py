"""What the provider tells us afterwards: is it really the provider, which notice does it speak of, and what became of it?

The notice's key is in the address that was given to the provider, so a receipt can be applied even when the answer to the request was
lost. Receipts are unordered and repeated; `Receipt.state` only ever moves a notice on (`alerts.conduct`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from twilio.request_validator import RequestValidator

from alerts.alert import NoticeState

STATUS_PATH: Final = "/provider/twilio/status/"  # + the notice's key: what became of it
DIGITS_PATH: Final = "/provider/twilio/digits/"  # + the notice's key: a key was pressed
SIGNATURE: Final = "X-Twilio-Signature"

# What the provider calls a state, and what it is to us. What is not here (queued, accepted, ringing …) says nothing new.
_STATES: Final = {
    # messages
    "sent": NoticeState.SENT,
    "delivered": NoticeState.DELIVERED,
    "read": NoticeState.DELIVERED,
    "undelivered": NoticeState.FAILED,
    # calls: somebody picked up; whether anybody listened is said by a key
    "in-progress": NoticeState.DELIVERED,
    "completed": NoticeState.DELIVERED,
    "busy": NoticeState.FAILED,
    "no-answer": NoticeState.FAILED,
    # both
    "failed": NoticeState.FAILED,
    "canceled": NoticeState.FAILED,
}
_MACHINES: Final = ("machine", "fax")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a notice, as the provider says."""

    key: str
    state: NoticeState
    provider_id: str
    error: str = ""


def status_url(public_url: str, key: str) -> str:
    """Where the provider reports what became of a notice."""
    return f"{public_url.rstrip('/')}{STATUS_PATH}{quote(key, safe='')}"


def digits_url(public_url: str, key: str) -> str:
    """Where the provider reports the key that was pressed."""
    return f"{public_url.rstrip('/')}{DIGITS_PATH}{quote(key, safe='')}"


def genuine(auth_token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether the owner of `auth_token` signed this form for this address (the public one, with its query)."""
    return (
        bool(auth_token) and bool(signature) and bool(RequestValidator(auth_token).validate(url, dict(form), signature))
    )


def receipt_of(key: str, form: Mapping[str, str]) -> Receipt | None:
    """The receipt in a status callback; None when it says nothing new."""
    said = form.get("MessageStatus") or form.get("SmsStatus") or form.get("CallStatus") or ""
    state = _STATES.get(said)
    if state is None:
        return None
    name = form.get("MessageSid") or form.get("CallSid") or form.get("SmsSid") or ""
    if form.get("AnsweredBy", "").startswith(_MACHINES):
        return Receipt(key, NoticeState.FAILED, name, f"{form['AnsweredBy']} picked up")
    error = " ".join(filter(None, [said, form.get("ErrorCode", ""), form.get("ErrorMessage", "")]))
    return Receipt(key, state, name, error if state is NoticeState.FAILED else "")


def digit_of(form: Mapping[str, str]) -> str:
    """The key that was pressed; empty when there was none."""
    digit = form.get("Digits", "").strip()[:1]
    return digit if digit in "0123456789*#" else ""
