"""Addresses that speak for one person or one place, signed with the settings' secret (a link in a text or on a poster, no sign-in).

Whoever has the address of an instruction's page can say read, accepted and done for that person and nothing else, and of a case's page
what somebody who was sent there says; whoever has a report's
page can report as that person until the link ends, or as a resident at that place. Without a secret there are none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import quote

from ingest.events import Point

PATH: Final = "/i/"  # + instruction, person and signature
PATROL: Final = "/r/patrol/"  # + person, last day and signature
PLACE: Final = "/r/place/"  # + grid, point and signature
NOWHERE: Final = "-"  # the point of a place that has none
_BYTES: Final = 12  # of a signature: 96 bits, which nobody guesses over HTTP, and short enough for a text
_EPOCH: Final = date(1970, 1, 1)
_CHINA: Final = timedelta(hours=8)


class Signer:
    """Signs texts for one purpose. A signature for one is none for another."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._key = hashlib.blake2b(secret.encode(), digest_size=32, person=purpose).digest() if secret else b""

    def __bool__(self) -> bool:
        return bool(self._key)

    def sign(self, *parts: str) -> str:
        """The signature of some texts in their order."""
        made = hashlib.blake2b("\x1f".join(parts).encode(), key=self._key, digest_size=_BYTES).digest()
        return base64.urlsafe_b64encode(made).decode()

    def genuine(self, signature: str, *parts: str) -> bool:
        """Whether we made this signature."""
        return bool(self._key) and hmac.compare_digest(self.sign(*parts).encode(), signature.encode())


class Slips:
    """The addresses of the pages of instructions, and of cases for whoever is sent to them: their ids are never the same."""

    def __init__(self, secret: str, public_url: str = "") -> None:
        self._signer = Signer(secret, b"tocsin-slip")
        self._public_url = public_url.rstrip("/")

    def link(self, instruction: str, person: str) -> str:
        """The address of one person's page; empty without a secret or a public address."""
        if not self._signer or not self._public_url:
            return ""
        signature = self._signer.sign(instruction, person)
        return f"{self._public_url}{PATH}{instruction}/{quote(person, safe='')}/{signature}"

    def genuine(self, instruction: str, person: str, signature: str) -> bool:
        """Whether we made this address."""
        return self._signer.genuine(signature, instruction, person)


@dataclass(frozen=True, slots=True)
class Spot:
    """The place a poster hangs at: a grid, and the point when it is known."""

    grid: str
    point: Point | None = None

    @property
    def written(self) -> str:
        """The point as it stands in an address: five digits are a metre."""
        return f"{self.point.lat:.5f},{self.point.lon:.5f}" if self.point else NOWHERE

    @classmethod
    def read(cls, grid: str, written: str) -> Spot:
        """What `written` says. Raises `ValueError`."""
        if written == NOWHERE:
            return cls(grid)
        lat, _, lon = written.partition(",")
        return cls(grid, Point(float(lat), float(lon)))


class ReportLinks:
    """The addresses of reports' pages: a grid worker's, good until a day, and a place's, good until the edition is raised."""

    def __init__(self, secret: str, public_url: str = "", *, edition: int = 1, days: int = 90) -> None:
        self._signer = Signer(secret, b"tocsin-report")
        self._public_url = public_url.rstrip("/")
        self._edition, self._days = str(edition), days

    @property
    def missing(self) -> str:
        """The setting without which there are no addresses; empty where there are."""
        return "secret" if not self._signer else "notify.public_url" if not self._public_url else ""

    def patrol(self, person: str, now: datetime) -> str:
        """A grid worker's page; empty while something is `missing`."""
        if self.missing:
            return ""
        until = str(_day(now) + self._days)
        return f"{self._public_url}{PATROL}{quote(person, safe='')}/{until}/{self._signer.sign('patrol', self._edition, person, until)}"

    def place(self, spot: Spot) -> str:
        """A place's page; empty while something is `missing`."""
        if self.missing:
            return ""
        signature = self._signer.sign("place", self._edition, spot.grid, spot.written)
        return f"{self._public_url}{PLACE}{quote(spot.grid, safe='')}/{spot.written}/{signature}"

    def is_patrol(self, person: str, until: str, signature: str, now: datetime) -> bool:
        """Whether we made a grid worker's address and its last day is not over (in China)."""
        made = self._signer.genuine(signature, "patrol", self._edition, person, until)
        return made and until.isdecimal() and _day(now) <= int(until)

    def is_place(self, grid: str, written: str, signature: str) -> bool:
        """Whether we made a place's address."""
        return self._signer.genuine(signature, "place", self._edition, grid, written)


def _day(now: datetime) -> int:
    return ((now.astimezone(UTC) + _CHINA).date() - _EPOCH).days
