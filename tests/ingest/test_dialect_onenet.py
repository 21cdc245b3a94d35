"""OneNET: single, array and encrypted pushes; what is read is what was signed."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.ipso import read_resource
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, accepted, decode_safely
from ingest.dialects.onenet import OneNet, fits_onenet

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
AT = datetime(2026, 11, 25, 7, 59, 58, 123000, tzinfo=UTC)
TOKEN, KEY = "tok-en", b"0123456789abcdef"


def point(value: Any = 21.5, ds_id: str = "3303_0_5700", **more: Any) -> dict[str, Any]:
    return {
        "at": 1795593598123,
        "imei": "861931000000001",
        "type": 1,
        "ds_id": ds_id,
        "value": value,
        "dev_id": 523444,
        **more,
    }


def sign(signed: bytes, nonce: str = "C1z3?giR", token: str = TOKEN) -> str:
    return base64.b64encode(
        hashlib.md5(token.encode() + nonce.encode() + signed, usedforsecurity=False).digest()
    ).decode()


def push(msg: Any, signature: str = "") -> bytes:
    return orjson.dumps({"msg": msg, "msg_signature": signature or sign(orjson.dumps(msg)), "nonce": "C1z3?giR"})


def encrypted(msg: Any, key: bytes = KEY) -> bytes:
    pad = PKCS7(128).padder()
    clear = orjson.dumps(msg)
    padded = pad.update(clear) + pad.finalize()
    lock = Cipher(algorithms.AES(key), modes.CBC(key)).encryptor()
    body = base64.b64encode(lock.update(padded) + lock.finalize()).decode()
    return orjson.dumps({"enc_msg": body, "msg_signature": sign(clear), "nonce": "C1z3?giR"})


def decode(payload: bytes, **settings: Any) -> Decoding:
    return decode_safely(OneNet(**settings), Message("", payload, NOW))


def told(payload: bytes, **settings: Any) -> list[tuple[Kind, str, Any, str]]:
    return [(o.kind, o.metric, o.value, o.unit) for o in decode(payload, **settings).observations]


def test_a_resource() -> None:
    (one,) = decode(push(point())).observations
    assert (one.kind, one.device, one.metric, one.value, one.unit) == (
        Kind.TELEMETRY,
        "523444",
        "temperature",
        21.5,
        "°C",
    )
    assert (one.server_at, one.device_at) == (AT, None)
    assert (one.attributes["imei"], one.attributes["ds_id"]) == ("861931000000001", "3303_0_5700")


@pytest.mark.parametrize(
    ("why", "ds_id", "value", "expected"),
    [
        ("a sensor of no kind", "3300_0_5700", -115, (Kind.TELEMETRY, "generic_sensor", -115, "")),
        ("the second thermometer", "3303_1_5700", 4, (Kind.TELEMETRY, "temperature_1", 4, "°C")),
        ("with slashes", "/3304/0/5700", 40, (Kind.TELEMETRY, "humidity", 40, "%")),
        ("presence", "3302_0_5500", 1, (Kind.STATE, "occupancy", True, "")),
        ("a battery", "3_0_9", 80, (Kind.TELEMETRY, "battery", 80, "%")),
        ("a resource of nobody's", "3442_0_150", "x", (Kind.STATE, "3442_0_150", "x", "")),
        ("nothing", "3303_0_5700", None, (Kind.STATE, "temperature", None, "")),
    ],
)
def test_resources(why: str, ds_id: str, value: Any, expected: tuple[Kind, str, Any, str]) -> None:
    assert told(push(point(value, ds_id))) == [expected], why


def test_names_that_are_no_resources() -> None:
    assert read_resource("smoke_state", 1) is None
    assert read_resource("1_2", 1) is None
    assert told(push(point(1, "smoke_state"))) == [(Kind.ALARM, "fire_alarm", True, "")]
    assert told(push(point({"temperature": 5}, "data"))) == [(Kind.TELEMETRY, "temperature", 5, "°C")]


@pytest.mark.parametrize(("status", "kind"), [(1, Kind.ONLINE), (0, Kind.OFFLINE)])
def test_comings_and_goings(status: int, kind: Kind) -> None:
    (one,) = decode(
        push({"at": 1795593598123, "type": 2, "status": status, "login_type": 10, "dev_id": 7})
    ).observations
    assert (one.kind, one.device, one.attributes["login"]) == (kind, "7", "nb-iot")


def test_an_array_is_several_messages_and_a_text_may_hold_them() -> None:
    both = [point(1), point(2, dev_id=8), {"type": 7, "dev_id": 9, "at": 1, "cmd_id": "x"}]
    assert [(o.device, o.value) for o in decode(push(both)).observations] == [("523444", 1), ("8", 2)]
    assert told(orjson.dumps({"msg": orjson.dumps(point(3)).decode(), "nonce": "x"})) == [
        (Kind.TELEMETRY, "temperature", 3, "°C")
    ]
    assert decode(push({"type": 7, "dev_id": 9, "at": 1})).verdict is Verdict.IGNORED


def test_the_signature_is_checked_when_there_is_a_token() -> None:
    good = push(point())
    assert decode(good, token=TOKEN).verdict is Verdict.ACCEPTED
    for bad in (
        push(point(), "x"),
        good.replace(b"21.5", b"99.5"),
        orjson.dumps({"msg": point(), "nonce": "x"}),
        orjson.dumps({"msg": point()}),
    ):
        assert decode(bad, token=TOKEN).reason.startswith("bad_signature")
        assert decode(bad).verdict is Verdict.ACCEPTED, "nobody asked for a signature"
    text = orjson.dumps(point()).decode()
    assert (
        decode(orjson.dumps({"msg": text, "signature": sign(text.encode()), "nonce": "C1z3?giR"}), token=TOKEN).verdict
        is Verdict.ACCEPTED
    )


def test_the_signed_text_is_taken_as_it_stands() -> None:
    spaced = b'{ "a" : "}" , "dev_id" : 5, "at":1795593598123, "value": 1.50, "ds_id": "x" }'
    body = b'{"nonce":"C1z3?giR","msg": ' + spaced + b',"msg_signature":"' + sign(spaced).encode() + b'"}'
    assert [o.value for o in decode(body, token=TOKEN).observations] == [1.5]


def test_nothing_but_what_was_signed_is_read() -> None:
    """A signed message in front of another `msg` must not vouch for it."""
    old = orjson.dumps(point(1))
    body = (
        b'{"x":{"msg":'
        + old
        + b'},"msg":'
        + orjson.dumps(point(99))
        + b',"nonce":"C1z3?giR","msg_signature":"'
        + sign(old).encode()
        + b'"}'
    )
    assert [o.value for o in decode(body, token=TOKEN).observations] == [1]


def test_encrypted_messages() -> None:
    assert decode(encrypted(point())).reason.startswith("encrypted: enc_msg, and no key")
    for key in (KEY.decode(), base64.b64encode(KEY).decode()):
        assert told(encrypted(point()), key=key, token=TOKEN) == [(Kind.TELEMETRY, "temperature", 21.5, "°C")]
    other = decode(encrypted(point()), key="fedcba9876543210")
    assert other.verdict is Verdict.REJECTED
    assert not other.reason.startswith("fault")
    assert decode(b'{"enc_msg":"AAAA"}', key=KEY.decode()).reason.startswith("bad_length")
    assert decode(b'{"enc_msg":"*"}', key=KEY.decode()).reason.startswith("bad_value")


def test_a_key_that_is_none_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ValueError, match="AES key"):
        OneNet(key=base64.b64encode(b"short").decode())


def test_a_frame_inside_a_value_is_handed_on() -> None:
    asked: list[bytes] = []

    def panel(message: Message) -> Decoding | None:
        asked.append(message.payload)
        return accepted(Observation(Kind.ALARM, "panel", "fire_alarm", value=True))

    frame = b"@@" + bytes(30) + b"##"
    (one,) = decode(push(point(frame.hex(), "3200_0_5505")), hand_on=panel).observations
    assert (asked, one.device, one.gateway, one.server_at) == ([frame], "panel", "523444", AT)


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("no message", b'{"msg":5,"nonce":"x"}', "missing_field"),
        ("an empty array", b'{"msg":[],"nonce":"x"}', "missing_field"),
        ("no device", push({"type": 1, "value": 1, "ds_id": "x"}), "no_device"),
        ("neither coming nor going", push({"type": 2, "status": [1], "dev_id": 1}), "bad_value"),
        ("no value", push({"type": 1, "dev_id": 1}), "missing_field"),
        ("a list of values", push(point([1, 2])), "bad_value"),
        ("not JSON", b"msg", "bad_json"),
    ],
)
def test_what_cannot_be_used(why: str, payload: bytes, reason: str) -> None:
    decoding = decode(payload)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


def test_fits() -> None:
    assert fits_onenet(Message("", push(point()), NOW)) is Fit.MARKED
    assert fits_onenet(Message("", b'{"enc_msg":"x"}', NOW)) is Fit.MARKED
    assert fits_onenet(Message("", b'{"msg":"x"}', NOW)) is Fit.NO


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=12) | st.sampled_from([*point(), "status"]), inner, max_size=6)
    ),
    max_leaves=14,
)


@given(_JSON, st.dictionaries(st.sampled_from([*point(), "status", "login_type"]), _JSON), st.sampled_from(["", TOKEN]))
def test_no_message_of_any_shape_is_a_fault(msg: Any, changes: dict[str, Any], token: str) -> None:
    for body in (msg, {**point(), **changes}, [{**point(), **changes}, point()]):
        decoding = decode(push(body), token=token)
        assert not decoding.reason.startswith("fault"), decoding.reason


@given(st.binary(max_size=120), st.binary(max_size=64))
def test_no_bytes_are_a_fault(raw: bytes, cipher: bytes) -> None:
    assert not decode(raw, token=TOKEN).reason.startswith("fault")
    assert not decode(b'{"msg":' + raw + b"}", token=TOKEN).reason.startswith("fault")
    sealed = orjson.dumps({"enc_msg": base64.b64encode(cipher).decode()})
    assert not decode(sealed, key=KEY.decode()).reason.startswith("fault")


@pytest.mark.parametrize(
    ("sentence", "text", "number"), [("a whole one", "21", 21), ("one with a point", "-0.50", -0.5), ("a word", "1e400", "1e400")]
)  # fmt: skip
def test_a_number_in_quotes_is_a_number(sentence: str, text: str, number: Any) -> None:
    ((kind, metric, value, _),) = told(push(point(text)))
    expected = Kind.STATE if isinstance(number, str) else Kind.TELEMETRY
    assert (kind, metric, value) == (expected, "temperature", number), sentence


def test_a_bad_message_of_an_array_costs_the_others_nothing() -> None:
    decoding = decode(push([point(), {"type": 1, "dev_id": 7}, point(22.5)]))
    assert ([o.value for o in decoding.observations], [f.reason for f in decoding.faults]) == (
        [21.5, 22.5],
        ["missing_field"],
    )
