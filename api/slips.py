"""Addresses that speak for one person: the page of an instruction, signed for whom it is (a link in a text, no sign-in).

Whoever has the address can say read, accepted and done for that person and nothing else. Without a secret there are none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import quote

PATH: Final = "/i/"  # + instruction, person and signature
_BYTES: Final = 12  # of a signature: 96 bits, which nobody guesses over HTTP, and short enough for a text


class Slips:
    """Signs and checks addresses with the settings' secret."""

    def __init__(self, secret: str, public_url: str = "") -> None:
        self._key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"tocsin-slip").digest() if secret else b""
        self._public_url = public_url.rstrip("/")

    def link(self, instruction: str, person: str) -> str:
        """The address of one person's page; empty without a secret or a public address."""
        if not self._key or not self._public_url:
            return ""
        return f"{self._public_url}{PATH}{instruction}/{quote(person, safe='')}/{self._sign(instruction, person)}"

    def genuine(self, instruction: str, person: str, signature: str) -> bool:
        """Whether we made this address."""
        return bool(self._key) and hmac.compare_digest(self._sign(instruction, person).encode(), signature.encode())

    def _sign(self, instruction: str, person: str) -> str:
        told = f"{instruction}\x1f{person}".encode()
        made = hashlib.blake2b(told, key=self._key, digest_size=_BYTES).digest()
        return base64.urlsafe_b64encode(made).decode()
