"""What the provider tells us afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from alerts.alert import NoticeState
from alerts.channels.receipts import Receipt, digit_of, digits_url, genuine, receipt_of, status_url

TOKEN = "a-token"
URL = "https://tocsin.example/provider/twilio/status/k1"


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    """The provider's signature, worked out here from its description: the address and the sorted form, HMAC-SHA1, base64."""
    told = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()


FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+8610000001"}


@pytest.mark.parametrize(
    ("sentence", "token", "url", "form", "signature", "expected"),
    [
        ("signed by the owner of the token for this address", TOKEN, URL, FORM, signed(URL, FORM), True),
        ("signed with another token", TOKEN, URL, FORM, signed(URL, FORM, "other"), False),
        ("signed for another address", TOKEN, URL, FORM, signed(URL + "x", FORM), False),
        ("the form was changed on the way", TOKEN, URL, {**FORM, "MessageStatus": "failed"}, signed(URL, FORM), False),
        ("a field was added on the way", TOKEN, URL, {**FORM, "Digits": "1"}, signed(URL, FORM), False),
        ("no signature at all", TOKEN, URL, FORM, "", False),
        ("nonsense for a signature", TOKEN, URL, FORM, "äöü", False),
        ("no token is set, and the caller knows that", "", URL, FORM, signed(URL, FORM, ""), False),
    ],
)
def test_only_the_providers_own_word_is_taken(sentence, token, url, form, signature, expected) -> None:
    assert genuine(token, url, form, signature) is expected


@pytest.mark.parametrize(
    ("sentence", "form", "expected"),
    [
        ("a text was sent", {"MessageSid": "SM1", "MessageStatus": "sent"}, (NoticeState.SENT, "SM1", "")),
        ("a text arrived", {"MessageSid": "SM1", "MessageStatus": "delivered"}, (NoticeState.DELIVERED, "SM1", "")),
        (
            "only the old name of the status",
            {"SmsSid": "SM1", "SmsStatus": "delivered"},
            (NoticeState.DELIVERED, "SM1", ""),
        ),
        (
            "a text could not be delivered",
            {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"},
            (NoticeState.FAILED, "SM1", "undelivered 30003"),
        ),
        (
            "a telephone was picked up",
            {"CallSid": "CA1", "CallStatus": "in-progress"},
            (NoticeState.DELIVERED, "CA1", ""),
        ),
        (
            "a call is over: it was picked up, which is not an answer",
            {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": "human"},
            (NoticeState.DELIVERED, "CA1", ""),
        ),
        (
            "a mailbox picked up",
            {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": "machine_start"},
            (NoticeState.FAILED, "CA1", "machine_start picked up"),
        ),
        ("nobody picked up", {"CallSid": "CA1", "CallStatus": "no-answer"}, (NoticeState.FAILED, "CA1", "no-answer")),
        ("it is ringing: nothing new", {"CallSid": "CA1", "CallStatus": "ringing"}, None),
        ("queued there: nothing new", {"MessageSid": "SM1", "MessageStatus": "queued"}, None),
        ("a word we do not know: nothing new", {"MessageSid": "SM1", "MessageStatus": "teleported"}, None),
        ("an empty form: nothing new", {}, None),
    ],
)
def test_a_receipt_says_what_became_of_its_notice(sentence, form, expected) -> None:
    found = receipt_of("k1", form)
    assert found == (None if expected is None else Receipt("k1", *expected))


@pytest.mark.parametrize(
    ("sentence", "form", "digit"),
    [
        ("one key", {"Digits": "1"}, "1"),
        ("a star", {"Digits": "*"}, "*"),
        ("several keys: the first counts", {"Digits": "19"}, "1"),
        ("no key", {}, ""),
        ("not a key", {"Digits": "x"}, ""),
    ],
)
def test_the_pressed_key_is_read(sentence, form, digit) -> None:
    assert digit_of(form) == digit


def test_the_addresses_carry_the_notices_key() -> None:
    assert status_url("https://x.example/", "ab/c") == "https://x.example/provider/twilio/status/ab%2Fc"
    assert digits_url("https://x.example", "abc") == "https://x.example/provider/twilio/digits/abc"
