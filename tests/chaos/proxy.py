"""Proxies between any two parts: a TCP link that can be cut, slowed or made a black hole, and an HTTP door that can be in trouble.

All TCP links share one thread. Which process a connection belongs to is looked up when it comes in, so a link can be cut for one part only.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
CHUNK = 65536


class State(Enum):
    """How a link is."""

    OPEN = "open"
    CUT = "cut"  # connections are reset, new ones are refused
    HOLE = "hole"  # connections stand and nothing comes through, as when packets are dropped
    SLOW = "slow"  # 300 ms each way, 64 kB/s


@dataclass(slots=True)
class Rule:
    """What happens to the connections of some parts; every part when `whose` is empty."""

    state: State = State.OPEN
    whose: str = ""  # how the part's name begins

    def of(self, part: str) -> State:
        return self.state if part.startswith(self.whose) else State.OPEN


@dataclass(slots=True)
class Link:
    """One proxied port. `target` may be set later than the port is opened."""

    name: str
    port: int
    target: int = 0
    rule: Rule = field(default_factory=Rule)
    open: set[Any] = field(default_factory=set)


class Proxies:
    """The links, by name. `pids` says which processes there are now, by part."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self.links: dict[str, Link] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def add(self, name: str, target: int = 0) -> Link:
        """Open a link; its port is known at once."""
        link = Link(name, 0, target)
        asyncio.run_coroutine_threadsafe(self._listen(link), self._loop).result(10)
        self.links[name] = link
        return link

    def set(self, name: str, state: State, whose: str = "") -> None:
        """From now on the link is so for these parts. A cut ends what is open."""
        link = self.links[name]
        link.rule = Rule(state, whose)
        if state is State.CUT:
            asyncio.run_coroutine_threadsafe(self._cut(link), self._loop).result(10)

    def stop(self) -> None:
        async def end() -> None:
            for link in self.links.values():
                link.rule = Rule(State.CUT)
                await self._cut(link)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self, link: Link) -> None:
        server = await asyncio.start_server(lambda r, w: self._serve(link, r, w), HOST, 0)
        link.port = server.sockets[0].getsockname()[1]

    async def _cut(self, link: Link) -> None:
        for part, writer in list(link.open):
            if link.rule.of(part) is State.CUT:
                writer.transport.abort()

    async def _serve(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        part = await asyncio.to_thread(owner, writer.get_extra_info("peername")[1], self._pids())
        if link.rule.of(part) is State.CUT or not link.target:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, link.target)
        except OSError:
            writer.transport.abort()
            return
        mine = {(part, writer), (part, back)}
        link.open |= mine
        try:
            await asyncio.gather(self._pump(link, part, reader, back), self._pump(link, part, there, writer))
        finally:
            link.open -= mine
            for end in (writer, back):
                end.transport.abort()

    async def _pump(self, link: Link, part: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK):
                while (state := link.rule.of(part)) is State.HOLE:
                    if (
                        source.exception()
                    ):  # reset: what had not arrived never will. What was closed in order is sent on
                        return
                    await asyncio.sleep(0.05)
                if state is State.SLOW:
                    await asyncio.sleep(0.3 + len(data) / 64_000)
                sink.write(data)
                await sink.drain()
        except OSError:
            return
        finally:
            sink.transport.abort()


def owner(port: int, pids: Mapping[str, int]) -> str:
    """The part whose socket has this local port; empty when it is none of them."""
    wanted = f":{port:04X}"
    inode = ""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(wanted) and fields[9] != "0":
            inode = f"socket:[{fields[9]}]"
            break
    if inode:
        for part, pid in pids.items():
            with contextlib.suppress(OSError):
                for fd in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if str(fd.readlink()) == inode:
                            return part
    return ""


class TroubledDoor:
    """An HTTP door before InfluxDB. `trouble` is the status with which writes are answered, or `HANG`; 0 lets everything through."""

    HANG = -1

    def __init__(self, target: int) -> None:
        self.trouble = 0
        self.refused = 0
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if door.trouble and self.path.startswith("/api/v2/write"):
                    self._refuse()
                    return
                connection = http.client.HTTPConnection(HOST, target, timeout=60)
                try:
                    head = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}}
                    connection.request(self.command, self.path, body, head)
                    answer = connection.getresponse()
                    said = answer.read()
                except OSError:
                    self.close_connection = True
                    return
                finally:
                    connection.close()
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() not in {"connection", "transfer-encoding", "content-length"}:
                        self.send_header(k, v)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_DELETE = do_PATCH = _pass_on  # noqa: N815

            def _refuse(self) -> None:
                door.refused += 1
                until = time.monotonic() + 120
                while door.trouble == TroubledDoor.HANG and time.monotonic() < until:
                    time.sleep(0.1)
                if door.trouble <= 0:
                    self.close_connection = True
                    return
                said = b'{"code":"invalid","message":"unable to parse: chaos"}'
                self.send_response(door.trouble)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                if door.trouble in {429, 503}:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                return

        self._server = Server((HOST, 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="influx-door", daemon=True).start()

    def stop(self) -> None:
        self.trouble = 0
        self._server.shutdown()
        self._server.server_close()
