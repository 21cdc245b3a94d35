"""OneNET (China Mobile): HTTP push of data points, comings and goings, and results of commands.

`msg` is one message, an array of them, or a text that holds either; `enc_msg` is the same encrypted with AES in CBC mode, whose key is also
the initial vector. `at` is the platform's clock in milliseconds. The signature is base64(MD5(token + nonce + msg)): it is checked when a
token is configured, over `msg` as it stands in the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.enveloped import HandOn, hides_a_frame, nobody, read_inner, unhidden
from ingest.dialects.ipso import read_resource
from ingest.dialects.named_values import (
    NAME_LENGTH,
    Origin,
    Said,
    fingerprint,
    ident,
    mapping,
    moment,
    observed,
    read_named,
)
from ingest.dialects.observation import (
    MOST,
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    accepted,
    ignored,
)
from ingest.dialects.parts import Parts
from ingest.dialects.value_names import known

_DATA, _STANDING, _COMMAND = 1, 2, 7
_BLOCK: Final = 16
_NUMERIC: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_LOGINS: Final[Mapping[int, str]] = {1: "edp", 6: "modbus", 7: "mqtt", 10: "nb-iot"}


class OneNet:
    """One stream of pushes. With a `token` what is not rightly signed is refused; `key` is the AES key, in base64 or as 16 characters."""

    def __init__(self, hand_on: HandOn = nobody, token: str = "", key: str = "") -> None:
        self.hand_on, self.token = hand_on, token
        self.key = _key(key)

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for a message without the signature that is asked for, encrypted without a key, or of no known form."""
        body = mapping(read_json(message.payload))
        content = body.get("msg")
        if "enc_msg" in body and content is None:
            inner = self._decrypted(body["enc_msg"])
            self._check(body, inner)
            content = read_json(inner)
        elif isinstance(content, str):
            self._check(body, content.encode())
            content = read_json(content.encode())
        elif self.token:  # what is read is what was signed, and not another `msg` of the same body
            signed = _as_it_stands(message.payload)
            self._check(body, signed)
            content = read_json(signed)
        entries, parts = content if isinstance(content, list) else [content], Parts()
        if not 0 < len(entries) <= MOST:
            raise Unreadable(Reason.MISSING_FIELD, f"msg is an array of 1 to {MOST} messages, not of {len(entries)}")
        for entry in entries:
            parts.take(self._entry, mapping(entry), message)
        return parts.decoding()

    def _entry(self, entry: Mapping[str, Any], message: Message) -> Decoding:
        if not entry:
            raise Unreadable(Reason.MISSING_FIELD, "msg is neither a message nor an array of them")
        origin, kind = _origin(entry), entry.get("type", _DATA)
        if kind == _STANDING:
            return accepted(*observed(origin, (_standing(entry),)))
        if kind == _COMMAND:
            return ignored(f"result of a command to {origin.device}")
        if kind != _DATA and "value" not in entry:
            return ignored(f"type {str(kind)[:20]} of {origin.device}")
        if "ds_id" not in entry and "value" not in entry:
            raise Unreadable(Reason.MISSING_FIELD, "ds_id")
        return self._point(str(entry.get("ds_id", "value")), entry.get("value"), message, origin)

    def _point(self, name: str, value: object, message: Message, origin: Origin) -> Decoding:
        if isinstance(value, dict):
            return accepted(*observed(origin, read_named(value) or (Said(Kind.HEARTBEAT, ""),)))
        if isinstance(value, str) and (value.lstrip().startswith(("{", "##")) or hides_a_frame(value)):
            return read_inner(unhidden(value), message, origin, self.hand_on)
        if isinstance(value, list) or len(name) > NAME_LENGTH:
            raise Unreadable(Reason.BAD_VALUE, f"{name[:60]} is no value under a name")
        plain = _number(value) if isinstance(value, str | int | float) else None
        said = read_resource(name, plain)
        if said is None:
            return accepted(*observed(origin, read_named({name: plain}) or (Said(Kind.STATE, name, None),)))
        return accepted(*observed(origin, (said,)))

    def _check(self, body: Mapping[str, Any], signed: bytes) -> None:
        if not self.token:
            return
        said = body.get("msg_signature", body.get("signature"))
        nonce = body.get("nonce")
        wanted = base64.b64encode(
            hashlib.md5(self.token.encode() + str(nonce).encode() + signed, usedforsecurity=False).digest()
        )
        if not isinstance(said, str) or not hmac.compare_digest(wanted, said.replace(" ", "+").encode()):
            raise Unreadable(Reason.BAD_SIGNATURE, "msg_signature does not fit the token, the nonce and the message")

    def _decrypted(self, text: object) -> bytes:
        if not self.key:
            raise Unreadable(Reason.ENCRYPTED, "enc_msg, and no key is configured for OneNET")
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        try:
            raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError) as error:
            raise Unreadable(Reason.BAD_VALUE, "enc_msg is not base64") from error
        if not raw or len(raw) % _BLOCK:
            raise Unreadable(Reason.BAD_LENGTH, f"enc_msg has {len(raw)} bytes, no whole blocks of {_BLOCK}")
        opened = Cipher(algorithms.AES(self.key), modes.CBC(self.key[:_BLOCK])).decryptor()
        clear = opened.update(raw) + opened.finalize()
        if not 1 <= clear[-1] <= _BLOCK or clear[-clear[-1] :] != clear[-1:] * clear[-1]:
            raise Unreadable(Reason.ENCRYPTED, "enc_msg does not open with the key that is configured")
        return clear[: -clear[-1]]


def _key(text: str) -> bytes:
    """The AES key, as the platform's page shows it. Raises `ValueError` for a text that is none: a configuration is wrong, no message."""
    if not text:
        return b""
    if len(text) in {16, 24, 32} and not text.endswith("="):
        return text.encode("ascii")
    key = base64.b64decode(text, validate=True)
    if len(key) not in {16, 24, 32}:
        raise ValueError(f"the AES key of OneNET has {len(key)} bytes; 16, 24 or 32 are a key")
    return key


def _as_it_stands(payload: bytes) -> bytes:
    """The bytes of the value of `msg`: what was signed is text, and writing it anew would change it."""
    start = payload.find(b'"msg"')
    at = payload.find(b":", start) + 1
    while payload[at : at + 1].isspace():
        at += 1
    depth, quoted, skip = 0, False, False
    for n in range(at, len(payload)):
        byte = payload[n]
        if skip:
            skip = False
        elif byte == 0x5C:
            skip = True
        elif byte == 0x22:
            quoted = not quoted
        elif not quoted and byte in b"{[":
            depth += 1
        elif not quoted and byte in b"}]":
            depth -= 1
            if depth == 0:
                return payload[at : n + 1]
    return b""


def _number(value: float | str) -> float | str:
    """A number that came as a text is one: what is measured is not a word."""
    if not isinstance(value, str) or _NUMERIC.fullmatch(value) is None:
        return value
    return float(value) if "." in value else int(value)


def _origin(entry: Mapping[str, Any]) -> Origin:
    name = next(
        (entry[field] for field in ("dev_id", "deviceId", "device_id", "imei") if known(entry.get(field))), None
    )
    device = ident(name, "dev_id")
    at, warnings = moment(entry.get("at"), TimeForm.EPOCH_MS)
    facts: dict[str, Attribute] = dict(_facts(entry))
    same = fingerprint(entry)
    return Origin(
        device,
        server_at=at,
        key=f"onenet:{device[:64]}:{same}",
        warnings=warnings,
        attributes=facts,
    )


def _facts(entry: Mapping[str, Any]) -> Iterator[tuple[str, Attribute]]:
    for name in ("imei", "ds_id", "dev_name", "product_id", "pid"):
        value = entry.get(name)
        if known(value) and isinstance(value, str | int):
            yield name, value
    login = entry.get("login_type")
    if isinstance(login, int):
        yield "login", _LOGINS.get(login, str(login))


def _standing(entry: Mapping[str, Any]) -> Said:
    status = entry.get("status")
    if str(status) not in {"0", "1"}:
        raise Unreadable(Reason.BAD_VALUE, f"status is {str(status)[:40]!r}; 1 is online, 0 offline")
    return Said(Kind.ONLINE if str(status) == "1" else Kind.OFFLINE, "")


def fits_onenet(message: Message) -> Fit:
    """By the names that only its envelope has."""
    body = message.payload
    if b'"msg_signature"' in body or b'"enc_msg"' in body:
        return Fit.MARKED
    return Fit.CONTENT if b'"msg"' in body and b'"nonce"' in body else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(name="onenet", standard="OneNET HTTP data push", topics=("POST push",), fits=fits_onenet, open=OneNet),
)
