"""Caller numbers are sealed before they travel (law 14): a token that only the holder of the secret can open, and a masked form to show."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from alerts.people.roster import masked


class Seal:
    """Seals and opens telephone numbers. Without a secret a number is not kept at all: only its masked form travels."""

    def __init__(self, secret: str) -> None:
        key = base64.urlsafe_b64encode(
            hashlib.blake2b(secret.encode(), digest_size=32, person=b"tocsin-caller").digest()
        )
        self._fernet = Fernet(key) if secret else None

    def __call__(self, number: str) -> tuple[str, str]:
        """The token (empty without a secret) and the masked number."""
        if not number:
            return "", ""
        return self._fernet.encrypt(number.encode()).decode() if self._fernet else "", masked(number)

    def reveal(self, token: str) -> str:
        """The number in a token. Raises `ValueError` when the secret is another one; every use belongs in the audit."""
        if self._fernet is None:
            raise ValueError("caller numbers are not kept: there is no secret in the settings")
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise ValueError("this number was sealed with another secret") from error


def new_secret() -> str:
    """A fresh secret for `secret = …` in tocsin.toml."""
    return Fernet.generate_key().decode()
