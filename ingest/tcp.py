"""Doors for devices that connect over TCP: frames in, answers out, and an answer only when the log has what it confirms (law 1)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import gb26875_frames, hj212_frames
from ingest.dialects.catalogue import Stream
from ingest.dialects.gb26875 import Gb26875
from ingest.dialects.hj212 import Hj212
from ingest.dialects.observation import Message
from ingest.frames import to_micros
from ingest.gateway import Gateway
from ingest.intake import records_in
from ingest.journal import Standing
from ingest.log import LogWriter
from ingest.packer import Batch, Packer
from ingest.settings import TcpDoor, within
from ingest.turnstile import Turnstile
from ingest.unknown import UnknownDevices

logger = logging.getLogger(__name__)
_READ: Final = 16 * 1024
_LONGEST: Final = 64 * 1024  # bytes of a stream that may be held without a frame in them
_SENT_WITHIN: Final = 10.0


class Splitter(Protocol):
    """What cuts a stream into frames and holds back less than one."""

    def feed(self, data: bytes) -> list[object]: ...
    def finish(self) -> list[object]: ...
    def __len__(self) -> int:
        """Bytes that are held back."""
        ...


# How a dialect's stream is cut, and what every frame of it begins with.
CUT: Final[dict[str, tuple[Callable[[], Splitter], bytes]]] = {
    "gb26875": (gb26875_frames.Splitter, gb26875_frames.START),  # type: ignore[dict-item]  # lists of pieces of its own
    "hj212": (hj212_frames.Splitter, hj212_frames.START),  # type: ignore[dict-item]
}


class Cutter:
    """One connection's bytes as frames, each with whatever rubbish stands beside it: nothing that was received is passed over."""

    def __init__(self, dialect: str) -> None:
        make, self._start = CUT[dialect]
        self._splitter = make()
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete with these bytes. The stream is fed up to each start mark, so that at most one ends at a time."""
        at = 0
        while at < len(data):
            stop = data.find(self._start, at + 1)
            part = data[at : stop if stop > 0 else len(data)]
            at += len(part)
            self._kept += part
            found = self._splitter.feed(part)
            yield from self._released(len(self._kept) - len(self._splitter), keep=bool(found))

    def finish(self) -> Iterator[bytes]:
        """What is left when no more will come."""
        found = self._splitter.finish()
        yield from self._released(len(self._kept), keep=bool(found))

    def _released(self, size: int, *, keep: bool) -> Iterator[bytes]:
        raw = bytes(self._kept[:size])
        del self._kept[:size]
        if keep and raw:
            yield raw


@dataclass(frozen=True, slots=True)
class Around:
    """What a door needs of the gateway process. `gateway` makes one with the registry as it is now."""

    gateway: Callable[[Stream], Gateway]
    stream: Callable[[], Stream]
    writer: LogWriter
    partitions: int
    clock: Clock
    counts: GatewayCounts
    unknown: UnknownDevices | None = None
    standing: Callable[[str], Standing] | None = None  # where a door's episodes survive it


def tuned(settings: TcpDoor, stream: Stream) -> Stream:
    """The stream, reading the door's dialect as its settings say."""
    if settings.accept_bad_crc:
        stream.use(settings.dialect, Hj212(accept_bad_crc=True))
    if settings.set_clocks is not None:
        stream.use(settings.dialect, Gb26875(timedelta(seconds=settings.set_clocks)))
    return stream


class Door:
    """One listener."""

    def __init__(self, settings: TcpDoor, around: Around) -> None:
        self._settings, self._around = settings, around
        self._stream = tuned(settings, around.stream())
        self._turnstile = Turnstile(
            settings.dialect, settings.rate, around.writer, partitions=around.partitions, clock=around.clock,
            standing=around.standing(f"{settings.dialect} {settings.port}") if around.standing else None,
        )  # fmt: skip
        self._open = 0
        self.port = settings.port

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until cancelled."""
        settings = self._settings
        server = await asyncio.start_server(self._serve, settings.host, settings.port, limit=_LONGEST)
        self.port = server.sockets[0].getsockname()[1]
        logger.info("%s devices may connect at %s:%d", settings.dialect, settings.host, self.port)
        ready()
        async with server, asyncio.TaskGroup() as group:
            group.create_task(self._turnstile.run())
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        try:
            if self._admits(peer):
                self._open += 1
                try:
                    await self._converse(peer, reader, writer)
                finally:
                    self._open -= 1
        except (OSError, TimeoutError) as error:
            logger.info("the connection of %s ended: %r", peer, error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _admits(self, peer: str) -> bool:
        settings = self._settings
        if settings.allow and not within(peer, settings.allow):
            logger.warning(
                "%s may not connect to the %s door: it is in none of the networks of allow", peer, settings.dialect
            )
            return False
        if self._open >= settings.most:
            logger.error("%s is turned away: %d connections stand at the %s door", peer, self._open, settings.dialect)
            return False
        return self._turnstile.connects(peer)

    async def _converse(self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cutter = Cutter(self._settings.dialect)
        while data := await asyncio.wait_for(reader.read(_READ), self._settings.idle):
            for raw in cutter.feed(data):
                if not self._turnstile.says(peer):
                    return
                await self._answer(await self.take(raw, peer), writer)
        for raw in cutter.finish():
            await self._answer(await self.take(raw, peer), writer)

    async def take(self, raw: bytes, peer: str) -> bytes:
        """Keep what one frame says in the log; returns what is to be answered."""
        around, settings = self._around, self._settings
        now = around.clock.now()
        message = Message("", raw, now, peer=peer)
        _, decoding = self._stream.decode(message, settings.dialect)
        gateway = around.gateway(self._stream)
        batch = Batch(500)
        around.counts.received += 1
        Packer(gateway, around.partitions, around.counts, unknown=around.unknown).put(
            gateway.understood(f"{settings.dialect}:{peer}", decoding, message), to_micros(now), batch, settings.dialect
        )
        records = records_in(batch, around.partitions)
        if records:
            await around.writer.write(records)
        return decoding.reply or b""

    @staticmethod
    async def _answer(reply: bytes, writer: asyncio.StreamWriter) -> None:
        if reply:
            writer.write(reply)
            await asyncio.wait_for(writer.drain(), _SENT_WITHIN)
