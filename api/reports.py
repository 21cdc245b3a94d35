"""The door for reports: kept with its pictures, said to the log, and taken only once the log has it (law 1).

The ledger is first, so that a retry says the same again: the same number, the same instant, and so the same signal (law 3). A report that
the log never had is not taken, and is shown to nobody; sending it again under its key takes it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.ledger.port import Ledger
from alerts.reports import MOST_PICTURES, Filed, Picture, Room
from api.settings import ReportSettings
from ingest.clock import Clock
from ingest.events import Report
from ingest.gateway import Gateway, Seal
from ingest.pictures import NotAPicture, plain
from ingest.reports import Said, number_of, report_of
from streams.reports import ReportKind, ReportRules
from streams.signal import Level, Origin

HOUR: Final = timedelta(hours=1)
MEGABYTE: Final = 1_000_000
API: Final = "api"  # the source of what comes through the API itself: it has no limit, whoever reaches it is trusted
_ADDRESSES: Final = 10_000  # that are remembered


class BadPicture(ValueError):
    """A picture that cannot be kept: too many, too big, or none at all."""


class TooMany(Exception):
    """A source has sent more in an hour than it may. Nothing was taken."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came in at once: what was said, the bytes of pictures, a telephone number, and the address it came from."""

    said: Said
    pictures: Sequence[bytes] = ()
    phone: str = ""
    address: str = ""


class Addresses:
    """How often each address has sent in the last hour: in memory only, because it is personal (law 14)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: OrderedDict[str, list[datetime]] = OrderedDict()

    def may(self, address: str, now: datetime) -> bool:
        """Whether an address may send once more; it counts when it may."""
        lately = [at for at in self._sent.pop(address, ()) if now - at < HOUR]
        may = len(lately) < self._limit
        self._sent[address] = [*lately, now] if may else lately
        while len(self._sent) > _ADDRESSES:
            self._sent.popitem(last=False)
        return may


class ReportDoor:
    """Takes reports. `gateway` is made anew for each, with the registry as it is; `write` returns when the log has it, or raises."""

    def __init__(
        self, ledger: Ledger, settings: ReportSettings, rules: ReportRules, *, gateway: Callable[[], Gateway],
        write: Callable[[Report], Awaitable[None]], seal: Seal, clock: Clock,
    ) -> None:  # fmt: skip
        self._ledger, self._settings, self.rules = ledger, settings, rules
        self._gateway, self._write, self._seal, self._clock = gateway, write, seal, clock
        self._addresses = Addresses(settings.address_per_hour)
        self._room = Room(int(settings.pictures_mb * MEGABYTE), timedelta(days=settings.picture_days))

    @property
    def picture_bytes(self) -> int:
        """How large one picture may be."""
        return int(self._settings.picture_mb * MEGABYTE)

    def kinds(self, origin: str) -> tuple[ReportKind, ...]:
        """What can be reported."""
        return self.rules.offered(origin)

    async def take(self, sent: Sent) -> Filed:
        """The report, once the log has it. Raises `ValueError` for what cannot be taken, with the reason, and `TooMany`.

        Raises `TimeoutError`, or what the log's client raises, when the log does not say yes: then it was not taken, and may be sent again.
        """
        filed = await asyncio.to_thread(self._filed, sent)
        if not filed.logged:
            await self._write(filed.report)
            await asyncio.to_thread(self._ledger.reports.logged, filed.id)
        return replace(filed, logged=True)

    def _filed(self, sent: Sent) -> Filed:
        said, reports = sent.said, self._ledger.reports
        if (known := reports.get(number_of(said.source, said.key))) is not None:
            return known
        now = self._clock.now()
        kind = next((one for one in self.kinds(said.origin) if one.kind == said.kind), None)
        if kind is None:
            raise ValueError(f"{said.kind[:40]!r} is no kind that a {said.origin} reports: choose one of the list")
        self._within_limits(said, sent.address, kind.level, now)
        if len(sent.pictures) > MOST_PICTURES:
            raise BadPicture(f"at most {MOST_PICTURES} pictures go with a report, got {len(sent.pictures)}")
        pictures = [self._picture(number, data) for number, data in enumerate(sent.pictures, start=1)]
        phone = "".join(sign for sign in sent.phone if sign not in " -")
        token, masked = self._seal(phone) if phone else ("", "")
        told = "notice" if said.origin == Origin.PATROL else "desk" if token else "page"
        gateway = self._gateway()
        report = report_of(
            replace(said, told=told, pictures=len(pictures)), gateway.registry, gateway.locate, gateway.dated, now
        )
        return reports.file(Filed(report, said.source, token, masked), pictures, self._room)

    def _within_limits(self, said: Said, address: str, level: Level, now: datetime) -> None:
        if said.source == API:
            return
        if said.origin == Origin.RESIDENT and address and not self._addresses.may(address, now):
            raise TooMany(f"more than {self._settings.address_per_hour} reports in an hour from here")
        patrol = said.origin == Origin.PATROL
        most = self._settings.worker_per_hour if patrol else self._settings.poster_per_hour
        grave = level.rank >= Level.ORANGE.rank  # a crowd that sees one fire is not told to wait
        if not grave and self._ledger.reports.sent(said.source, now - HOUR) >= most:
            raise TooMany(f"more than {most} reports in an hour from here")

    def _picture(self, number: int, data: bytes) -> Picture:
        if len(data) > self.picture_bytes:
            raise BadPicture(f"picture {number} has {len(data)} bytes, and at most {self.picture_bytes} are kept")
        try:
            found = plain(data)
        except NotAPicture as error:
            raise BadPicture(f"picture {number}: {error}") from error
        return Picture(found.type, found.data)
