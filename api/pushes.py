"""Platforms that push over HTTP: who may, how much, and what of it goes into the log before the answer goes out (law 1)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects.catalogue import Stream
from ingest.dialects.observation import Decoding, Entry, Message
from ingest.dialects.onenet import OneNet
from ingest.frames import to_micros
from ingest.gateway import CALL_ENDS, Gateway
from ingest.intake import records_in
from ingest.journal import Standing
from ingest.log import LogWriter
from ingest.packer import Batch, Packer
from ingest.settings import PushDoor, within
from ingest.turnstile import Turnstile
from ingest.unknown import UnknownDevices

_SHORTEST: Final = 16
_PATIENCE: Final = 10.0  # seconds that the log may take; a platform that hears nothing for longer gives up by itself
# What shows who knocks is for the door alone: a decoder may keep any other header.
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-tocsin-token"})
# Dialects in whose messages a caller's number may stand anywhere: what is rejected of them is kept sealed or not at all (law 14).
_OF_CALLERS: Final = frozenset({"hotline", "open311", "city311"})


class Refused(Exception):
    """A push that is not taken. `code` is the problem's: `push_unknown` or `push_too_many`."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Knock:
    """Who asks to come in by which door, and what they show."""

    door: str
    peer: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request that was let in. Header names are in lower case."""

    door: str
    path: str
    body: bytes
    peer: str
    content_type: str = ""
    headers: Mapping[str, str] | None = None


class Pushes:
    """Every push door of one API. `gateway` makes one with the registry as it is now."""

    def __init__(
        self, doors: Sequence[PushDoor], known: Sequence[Entry], gateway: Callable[[Stream], Gateway], writer: LogWriter,
        *, partitions: int, clock: Clock, unknown: UnknownDevices | None = None, patience: float = _PATIENCE,
        standing: Callable[[str], Standing] | None = None,
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
        self._streams = {door.name: stream_of(door, known) for door in doors}
        self._turnstiles = {
            door.name: Turnstile(
                door.name, door.rate, writer, partitions=partitions, clock=clock,
                standing=standing(f"push {door.name}") if standing else None,
            )
            for door in doors
        }  # fmt: skip
        self._gateway, self._writer, self._partitions, self._clock = gateway, writer, partitions, clock
        self._patience = patience
        self._unknown = unknown
        self.counts = GatewayCounts()

    async def run(self) -> None:
        """Until cancelled: sources that are kept out become alarms (`ingest.turnstile`)."""
        async with asyncio.TaskGroup() as group:
            for turnstile in self._turnstiles.values():
                group.create_task(turnstile.run())

    def admit(self, knock: Knock) -> int:
        """How many bytes may be read of whoever knocks. Raises `Refused`, before anything of a stranger's is read."""
        door = self._known_to(knock)
        if not self._turnstiles[door.name].says(knock.peer):
            raise Refused("push_too_many", f"more than {door.rate:g} messages a second; try again in five minutes")
        return self._largest[door.name]

    async def take(self, pushed: Pushed) -> Decoding:
        """What the push of somebody who was admitted says, once the log has it.

        Raises `TimeoutError`, or what the log's client raises, when the log does not say yes: then it was not taken.
        """
        door = self._doors[pushed.door]
        now = self._clock.now()
        stream = self._streams[door.name]
        headers = {name: said for name, said in (pushed.headers or {}).items() if name not in _SECRET}
        message = Message(pushed.path, pushed.body, now, False, pushed.content_type, headers, pushed.peer)
        _, decoding = stream.decode(message, door.dialect)
        if door.dialect in _OF_CALLERS:
            message = replace(message, topic=pushed.path + CALL_ENDS)
        gateway = self._gateway(stream)
        batch = Batch(500)
        self.counts.received += 1
        Packer(gateway, self._partitions, self.counts, unknown=self._unknown).put(
            gateway.understood(door.name, decoding, message), to_micros(now), batch, pushed.path
        )
        records = records_in(batch, self._partitions)
        if records:  # the writer waits for a log that is away for as long as it takes; a platform does not
            async with asyncio.timeout(self._patience):
                await self._writer.write(records)
        return decoding

    def _known_to(self, knock: Knock) -> PushDoor:
        """The door, when whoever knocks may come in. One answer for everything that is wrong: nothing is given away."""
        door = self._doors.get(knock.door)
        token = self._tokens.get(knock.door, "")
        good = door is not None
        if token:
            good = hmac.compare_digest(token.encode(), knock.token.encode("utf-8", "surrogatepass")) and good
        if door is not None and door.allow:
            good = within(knock.peer, door.allow) and good
        if not good or door is None:
            raise Refused("push_unknown", "there is no such door, or the token or address is not the one it wants")
        return door


def stream_of(door: PushDoor, known: Sequence[Entry]) -> Stream:
    """What reads a door's pushes. Raises `ValueError` for a key that is none."""
    stream, token, key = Stream(known), door.signed_with.get_secret_value(), door.aes_key.get_secret_value()
    if token or key:
        try:
            stream.use("onenet", OneNet(token=token, key=key))
        except ValueError as error:
            raise ValueError(f"api.push {door.name}: aes_key: {error}") from error
    return stream


def _token(door: PushDoor) -> str:
    if door.token_file is None:
        return door.token.get_secret_value()
    try:
        token = door.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"api.push {door.name}: the token file {door.token_file} cannot be read: {error}") from error
    if len(token) < _SHORTEST:
        raise ValueError(f"api.push {door.name}: the token in {door.token_file} has less than {_SHORTEST} characters")
    return token
