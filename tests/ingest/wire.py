"""A broker made of bytes: it says exactly what a test scripts and writes down what it was told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self


def varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + varint(len(body)) + body


def publish(
    topic: str, payload: bytes, *, mid: int = 0, flags: int = 0, qos: int | None = None, properties: bytes = b""
) -> bytes:
    """A PUBLISH: QoS 1 when it has a packet id, unless told otherwise."""
    qos = (1 if mid else 0) if qos is None else qos
    body = (
        text(topic.encode()) + (mid.to_bytes(2, "big") if qos else b"") + varint(len(properties)) + properties + payload
    )
    return packet(0x30 | qos << 1 | flags, body)


def alias(number: int) -> bytes:
    return b"\x23" + number.to_bytes(2, "big")


def user_property(name: bytes, value: bytes) -> bytes:
    return b"\x26" + text(name) + text(value)


PINGRESP = b"\xd0\x00"


class ScriptedBroker:
    """Accepts sessions, subscriptions and pings by itself; everything else is sent and looked at by the test."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.told: list[tuple[int, bytes]] = []  # (first byte, body) of every packet received
        self.connections = 0
        self.port = 0
        self._news = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self.status: list[bytes] = []  # what a process that watches the active one is told when it subscribes
        self.watchers = 0
        self.session = True  # whether a connection is told that its session was kept
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.hang_up()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = True  # not a process that merely watches
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                length, shift = 0, 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                body = await reader.readexactly(length)
                if first == 0x10:
                    mine = b"-standby-" not in body
                    self.connections += mine
                    self.watchers += not mine
                    if mine:
                        self._writer = writer
                answer = {
                    0x10: b"\x20\x03" + bytes([self.session]) + b"\x00\x00",
                    0x82: packet(0x90, body[:2] + b"\x00\x01"),
                    0xC0: PINGRESP,
                }.get(first)
                if first & 0xF6 == 0x32:  # a message for us
                    behind = 2 + int.from_bytes(body[:2], "big")
                    answer = b"\x40\x02" + body[behind : behind + 2]
                if answer:
                    writer.write(answer)
                if not mine:
                    if first == 0x82:
                        writer.write(b"".join(self.status))
                    continue
                async with self._news:
                    self.told.append((first, body))
                    self._news.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def send(self, *packets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(packets))

    async def send_in_pieces(self, pieces: Iterable[bytes]) -> None:
        assert self._writer is not None
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def published(self, topic: str) -> list[bytes]:
        """Payloads of the messages that were published to us under a topic, in order."""
        found, name = [], topic.encode()
        for first, body in self.told:
            if (
                first & 0xF0 == 0x30
                and body[2 : 2 + len(name)] == name
                and int.from_bytes(body[:2], "big") == len(name)
            ):
                at = 2 + len(name) + (2 if first & 0x06 else 0)
                found.append(body[at + 1 + body[at] :])
        return found

    def acknowledged(self, kind: int = 0x40) -> list[int]:
        """Packet ids of the PUBACKs (or another kind) received, in order."""
        return [int.from_bytes(body[:2], "big") for first, body in self.told if first & 0xF0 == kind]

    async def until(self, holds: Callable[[], bool], within: float = 10) -> None:
        """Waits until a condition over what was received holds."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(holds), within)


class Recorder:
    """An inlet that writes everything down and can be waited upon."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes, bool, bool]] = []
        self.tokens: list[Any] = []
        self.rests = self.breaks = 0
        self.joins: list[bool] = []
        self._news = asyncio.Event()

    def receive(self, topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: Any) -> None:
        self.got.append((topic.decode(), payload, retained, redelivered))
        if token is not None:
            self.tokens.append(token)
        self._news.set()

    def rest(self) -> None:
        self.rests += 1
        self._news.set()

    def connected(self, kept: bool) -> None:
        self.joins.append(kept)

    def broken(self) -> None:
        self.breaks += 1
        self._news.set()

    async def until(self, holds: Callable[[], bool], within: float = 10) -> None:
        async with asyncio.timeout(within):
            while not holds():
                self._news.clear()
                await self._news.wait()
