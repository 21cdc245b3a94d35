"""The accounts of all gateways that number their messages: what to acknowledge, what is missing, what must survive us. Pure.

What is said here is true of the log: only messages that the log has are observed, and only what was saved is acknowledged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ingest.counts import GatewayCounts
from ingest.events import InvalidEvent
from ingest.sequence import Account, Heard, Numbered

SCHEMA: Final = 1
MOST_GATEWAYS: Final = (
    50_000  # past it the quarter heard longest ago is forgotten: invented names must not fill the memory
)
GIVEN_UP_AFTER: Final = 3_600_000_000  # microseconds for which an earlier boot's missing numbers are awaited
_PIECE: Final = 1000  # gateways in one record of a whole; a record of the log holds a megabyte


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything of this boot up to and including `seq` is in the log. `since`: it was joined midway, at this number."""

    gateway: str
    boot: str
    seq: int
    since: int

    def encode(self) -> bytes:
        """The payload for `ack/<gateway>`."""
        body: dict[str, Any] = {"boot": self.boot, "seq": self.seq}
        return orjson.dumps(body | {"from": self.since} if self.since > 1 else body)


@dataclass(frozen=True, slots=True)
class Gap:
    """What is to be told of a gateway's missing numbers: a gap that has lasted, or (`missing` empty) the end of one."""

    gateway: str
    since: int
    missing: tuple[tuple[str, int, int], ...]
    told: tuple[str, str] | None


class Book:
    """All accounts of one gateway process, and the loss of its session if one is being told."""

    def __init__(self, counts: GatewayCounts) -> None:
        self._counts = counts
        self.accounts: dict[str, Account] = {}
        self.known = False  # the log knew of this process: it had a session
        self.session_lost = 0  # since when a lost session is being told, in microseconds; 0 when none is
        self._changed: set[str] = set()
        self._gaps: set[str] = set()  # gateways with a gap, told or not

    def observe(self, numbers: Iterable[Numbered], now: int) -> list[Ack]:
        """Take note of messages that the log has; the acknowledgements to be given once `changes` is saved."""
        touched: dict[tuple[str, str], None] = {}
        for number in numbers:
            account = self.accounts.get(number.gateway)
            if account is None:
                account = self._open(number.gateway)
            heard = account.observe(number.boot, number.seq, now)
            if heard is not Heard.NEXT:
                self._count(heard)
            touched[number.gateway, number.boot] = None
        acks = []
        for gateway, boot in touched:
            account = self.accounts.get(gateway)
            if account is None:
                continue
            run = account.run(boot)
            if (run is not None and run.missing) or account.gap_since or account.told or len(account.runs) > 1:
                self._weigh(gateway, account, now)
            self._changed.add(gateway)
            if run is not None and run.contiguous >= run.first:
                acks.append(Ack(gateway, boot, run.contiguous, run.first))
        return acks

    def _count(self, heard: Heard) -> None:
        counts = self._counts
        counts.ahead += heard is Heard.AHEAD
        counts.filled += heard is Heard.FILLED
        counts.repeated += heard is Heard.REPEATED
        counts.uncounted += heard is Heard.UNCOUNTED

    def _open(self, gateway: str) -> Account:
        if len(self.accounts) >= MOST_GATEWAYS:
            latest = sorted(self.accounts, key=lambda g: max((r.heard for r in self.accounts[g].runs), default=0))
            for gone in latest[: MOST_GATEWAYS // 4]:
                del self.accounts[gone]
                self._changed.discard(gone)
                self._gaps.discard(gone)
        account = self.accounts[gateway] = Account()
        return account

    def _weigh(self, gateway: str, account: Account, now: int) -> None:
        account.weigh(now, GIVEN_UP_AFTER)
        if account.gap_since or account.told:
            self._gaps.add(gateway)
        else:
            self._gaps.discard(gateway)

    def gaps(self, now: int, grace: int) -> list[Gap]:
        """Gaps that have lasted for `grace` microseconds and are not told, and ends of those that are."""
        found = []
        for gateway in sorted(self._gaps):
            account = self.accounts[gateway]
            self._weigh(gateway, account, now)
            if account.told and not account.gap_since:
                found.append(Gap(gateway, account.told_since, (), account.told))
            elif account.gap_since and not account.told and now - account.gap_since >= grace:
                found.append(Gap(gateway, account.gap_since, tuple(account.missing()), None))
        return found

    def standing(self) -> list[Gap]:
        """Gaps that were told and stand: to be told again by a process that does not know whether the words got through."""
        told = ((g, self.accounts[g]) for g in sorted(self._gaps))
        return [Gap(g, a.told_since, tuple(a.missing()), a.told) for g, a in told if a.told and a.gap_since]

    def tell(self, gateway: str, told: tuple[str, str] | None) -> None:
        """A gap is about to be told under this grid and township, or (None) its end was told."""
        account = self.accounts[gateway]
        account.told, account.told_since = told, account.gap_since if told else 0
        self._changed.add(gateway)

    def changes(self) -> bytes:
        """The accounts that changed since the last call, for the log."""
        changed, self._changed = self._changed, set()
        return self._body({g: self.accounts[g].state() for g in changed if g in self.accounts})

    def whole(self, serial: int) -> list[bytes]:
        """Every account, in pieces that belong together under `serial`."""
        self._changed = set()
        names = list(self.accounts)
        cuts = [names[i : i + _PIECE] for i in range(0, len(names), _PIECE)] or [[]]
        return [
            self._body({g: self.accounts[g].state() for g in cut}, piece=[serial, i, len(cuts)])
            for i, cut in enumerate(cuts)
        ]

    def _body(self, gateways: dict[str, Any], **more: object) -> bytes:
        return orjson.dumps({"v": SCHEMA, "session": self.session_lost, **more, "gateways": gateways})

    def merge(self, bodies: Iterable[bytes]) -> None:
        """Become what we know and what the log says, in its order. Raises `InvalidEvent` for bytes that are no accounts."""
        for raw in bodies:
            try:
                body = orjson.loads(raw)
                accounts = {g: Account.restored(state) for g, state in body["gateways"].items()}
                session = int(body["session"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InvalidEvent(f"not the accounts of gateways (schema {SCHEMA}): {error!r}") from error
            self.known, self.session_lost = True, session
            for gateway, theirs in accounts.items():
                self.accounts.setdefault(gateway, Account()).merge(theirs)
        self._gaps = {g for g, a in self.accounts.items() if a.gap_since or a.told}


def holds_whole(bodies: Iterable[bytes]) -> bool:
    """Whether every piece of one whole is among these: then nothing older is needed."""
    found: dict[tuple[int, int], set[int]] = {}
    for raw in bodies:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            serial, index, of = orjson.loads(raw)["piece"]
            found.setdefault((serial, of), set()).add(index)
    return any(len(there) == of for (_, of), there in found.items())
