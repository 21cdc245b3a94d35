"""Platforms that push over HTTP: who may, how much, and what of it goes into the log before the answer goes out (law 1)."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects.catalogue import Stream
from ingest.dialects.observation import Decoding, Entry, Message
from ingest.frames import to_micros
from ingest.gateway import Gateway
from ingest.intake import records_in
from ingest.log import LogWriter
from ingest.packer import Batch, Packer
from ingest.quarantine import Limits, Quarantine
from ingest.settings import PushDoor
from ingest.unknown import UnknownDevices

logger = logging.getLogger(__name__)
_SHORTEST: Final = 16


class Refused(Exception):
    """A push that is not taken. `code` is the problem's: `push_unknown` or `push_too_many`."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request, as far as it concerns a door. Header names are in lower case."""

    door: str
    path: str
    body: bytes
    peer: str
    token: str = ""
    content_type: str = ""
    headers: Mapping[str, str] | None = None


class Pushes:
    """Every push door of one API. `gateway` makes one with the registry as it is now."""

    def __init__(
        self, doors: Sequence[PushDoor], known: Sequence[Entry], gateway: Callable[[Stream], Gateway], writer: LogWriter,
        *, partitions: int, clock: Clock, unknown: UnknownDevices | None = None,
    ) -> None:  # fmt: skip
        names = {entry.name: entry for entry in known}
        for door in doors:
            if door.dialect not in names:
                raise ValueError(
                    f"api.push {door.name}: there is no dialect {door.dialect}; `tocsin decode --list` names them"
                )
        self._doors = {door.name: door for door in doors}
        self._tokens = {door.name: _token(door) for door in doors}
        self._largest = {door.name: names[door.dialect].largest for door in doors}
        self._streams = {door.name: Stream(known) for door in doors}
        self._limits = {
            door.name: Quarantine(Limits(rate=door.rate, burst=max(int(door.rate * 10), 1))) for door in doors
        }
        self._gateway, self._writer, self._partitions, self._clock = gateway, writer, partitions, clock
        self._unknown = unknown
        self.counts = GatewayCounts()

    def largest(self, name: str) -> int:
        """Bytes that a door reads at most; 0 for one that does not exist."""
        return self._largest.get(name, 0)

    async def take(self, pushed: Pushed) -> Decoding:
        """What the push says, once the log has it. Raises `Refused`, or what the log's client raises when it is away."""
        door = self._admitted(pushed)
        now = self._clock.now()
        if not self._limits[door.name].says(pushed.peer, now):
            for source, why in self._limits[door.name].told():
                logger.error("push door %s: %s is kept out for five minutes: %s", door.name, source, why)
            raise Refused("push_too_many", f"more than {door.rate:g} messages a second; try again in five minutes")
        stream = self._streams[door.name]
        message = Message(
            pushed.path, pushed.body, now, False, pushed.content_type, dict(pushed.headers or {}), pushed.peer
        )
        _, decoding = stream.decode(message, door.dialect)
        gateway = self._gateway(stream)
        batch = Batch(500)
        Packer(gateway, self._partitions, self.counts, unknown=self._unknown).put(
            gateway.understood(door.name, decoding, message), to_micros(now), batch, pushed.path
        )
        records = records_in(batch, self._partitions)
        if records:
            await self._writer.write(records)
        return decoding

    def _admitted(self, pushed: Pushed) -> PushDoor:
        """The door, when whoever knocks may come in. One answer for everything that is wrong: nothing is given away."""
        door = self._doors.get(pushed.door)
        token = self._tokens.get(pushed.door, "")
        good = door is not None
        if token:
            good = hmac.compare_digest(token.encode(), pushed.token.encode()) and good
        if door is not None and door.allow:
            good = good and any(ip_address(pushed.peer) in network for network in door.allow)
        if not good or door is None:
            raise Refused("push_unknown", "there is no such door, or the token or address is not the one it wants")
        return door


def _token(door: PushDoor) -> str:
    if door.token_file is None:
        return door.token.get_secret_value()
    token = door.token_file.read_text(encoding="utf-8").strip()
    if len(token) < _SHORTEST:
        raise ValueError(f"api.push {door.name}: the token in {door.token_file} has less than {_SHORTEST} characters")
    return token
