"""The wire: one MQTT 5 session on one event loop, without a thread of its own. Touches the network; decides nothing.

The session is kept by the broker under our client id: what was not acknowledged comes again after a reconnect. A
message is only ever acknowledged on the connection it came by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.counts import GatewayCounts
from ingest.lane import FastLane, StockLane, fast_lane_fits
from ingest.settings import MqttSettings

logger = logging.getLogger(__name__)

_SHORTEST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


class Inlet(Protocol):
    """Where the wire's messages go. Nothing here may raise."""

    def receive(self, topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: Any) -> None:
        """One message; `token` acknowledges it on this connection, None for QoS 0."""
        ...

    def rest(self) -> None:
        """The wire has nothing more just now."""
        ...

    def broken(self) -> None:
        """The connection is gone; the tokens given so far are worth nothing."""
        ...


def choose_lane(settings: MqttSettings) -> type[StockLane]:
    """The lane of the settings that this paho and this connection allow."""
    if settings.lane == "stock":
        return StockLane
    why = "the connection is encrypted" if settings.ca_file is not None else fast_lane_fits()
    if not why:
        return FastLane
    logger.log(
        logging.INFO if settings.lane == "auto" and settings.ca_file is not None else logging.WARNING,
        "the wire is read by paho's own means, which is slower and just as safe: %s",
        why,
    )
    return StockLane


class Wire:
    """Connects, stays connected, reads, acknowledges. `epoch` counts connections; it rises when one is lost."""

    def __init__(self, settings: MqttSettings, inlet: Inlet, counts: GatewayCounts) -> None:
        self._settings, self._inlet, self._counts = settings, inlet, counts
        self._loop = asyncio.get_running_loop()
        self.epoch = 0
        self.paused = self._closing = False
        self.subscribed = asyncio.Event()
        self._gone = asyncio.Event()
        self._handing_over = False  # paho is connecting in a thread: its callbacks must not touch the loop
        self._again: asyncio.Handle | None = None
        self._resumed = self._pinged = time.monotonic()
        self._complained = ""
        self._client = self._make_client()

    @property
    def lane(self) -> str:
        """Which lane is in use: fast or stock."""
        return "fast" if isinstance(self._client, FastLane) else "stock"

    def _make_client(self) -> StockLane:
        settings = self._settings
        client = choose_lane(settings)(settings.client_id, self._inlet.receive)
        if settings.username:
            client.username_pw_set(settings.username, settings.password.get_secret_value() or None)
        if settings.ca_file is not None:
            client.tls_set(ca_certs=str(settings.ca_file))
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry
        properties.ReceiveMaximum = min(65535, settings.max_unacknowledged)
        client.connect_async(settings.host, settings.port, settings.keepalive, clean_start=False, properties=properties)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_socket_close = self._socket_closes
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._wrote
        return client

    async def run(self) -> None:
        """Keeps the connection up until cancelled."""
        ticking = asyncio.create_task(self._tick())
        pause = _SHORTEST_PAUSE
        try:
            while True:
                connections = self._counts.connections
                if await self._connect():
                    await self._gone.wait()
                if self._counts.connections > connections:
                    pause = _SHORTEST_PAUSE
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking

    async def _connect(self) -> bool:
        self._gone.clear()
        self._handing_over = True
        try:
            await asyncio.to_thread(self._client.reconnect)
        except OSError as error:
            self._complain(
                f"the MQTT broker at {self._settings.host}:{self._settings.port} cannot be reached ({error})"
            )
            return False
        finally:
            self._handing_over = False
        sock = self._client.socket()
        if sock is None:
            return False
        if not self.paused:
            self._loop.add_reader(sock.fileno(), self._readable)
        self._client.loop_write()
        return True

    def _complain(self, what: str) -> None:
        if what != self._complained:
            self._complained = what
            logger.error("%s; trying again until it answers", what)

    def _connected(self, _c: Any, _d: Any, flags: mqtt.ConnectFlags, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._complain(
                f"the MQTT broker refused us ({reason}); check mqtt.username, mqtt.password and its access list"
            )
            return
        self._complained = ""
        self._counts.connections += 1
        if self._counts.connections > 1 and not flags.session_present:
            self._counts.lost_sessions += 1
            logger.error("the MQTT broker has forgotten our session: messages it held for us are lost")
        logger.info(
            "connected to the MQTT broker at %s:%s, %s lane, session %s",
            self._settings.host, self._settings.port, self.lane, "kept" if flags.session_present else "new",
        )  # fmt: skip
        self._client.subscribe([(f, 1) for f in self._settings.filters])

    def _subscribed(self, _c: Any, _d: Any, _mid: int, reasons: Sequence[Any], _p: Any) -> None:
        refused = [f for f, r in zip(self._settings.filters, reasons, strict=False) if r.is_failure]
        if refused:
            logger.error("the MQTT broker does not let us subscribe to %s; correct its access list", ", ".join(refused))
        else:
            self.subscribed.set()

    def _disconnected(self, _c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        self.epoch += 1
        logger.log(
            logging.INFO if self._closing else logging.WARNING, "the connection to the MQTT broker ended (%s)", reason
        )
        self._gone.set()
        self._inlet.broken()

    def _socket_closes(self, _c: Any, _d: Any, sock: Any) -> None:
        if not self._handing_over:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    def _wants_to_write(self, _c: Any, _d: Any, sock: Any) -> None:
        if not self._handing_over:
            self._loop.add_writer(sock.fileno(), self._client.loop_write)

    def _wrote(self, _c: Any, _d: Any, sock: Any) -> None:
        if not self._handing_over:
            self._loop.remove_writer(sock.fileno())

    def _readable(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self.paused or self._client.socket() is None:
            return
        if self._client.read() and not self.paused:
            self._again = self._loop.call_soon(self._readable)  # what was read ahead, the socket does not announce
        else:
            self._inlet.rest()

    def acknowledge(self, epoch: int, tokens: Sequence[Any]) -> bool:
        """Acknowledges in order, if the connection the tokens came by still stands; otherwise they will come again."""
        if epoch != self.epoch or self._client.socket() is None:
            return False
        self._client.acknowledge(tokens)
        self._client.loop_write()
        return True

    def pause(self) -> None:
        """Stops reading: the broker then keeps what it has. The connection is kept alive."""
        if not self.paused:
            self.paused = True
            sock = self._client.socket()
            if sock is not None:
                self._loop.remove_reader(sock.fileno())

    def resume(self) -> None:
        """Reads on, beginning with what was read ahead."""
        if self.paused:
            self.paused = False
            self._resumed = time.monotonic()
            sock = self._client.socket()
            if sock is not None and not self._handing_over:
                self._loop.add_reader(sock.fileno(), self._readable)
                self._again = self._loop.call_soon(self._readable)

    async def _tick(self) -> None:
        """Keep-alive. While we do not read, the broker's answers stay on the wire and say nothing about it."""
        while True:
            await asyncio.sleep(min(1.0, self._settings.keepalive / 4))
            if self._handing_over or self._client.socket() is None:
                continue
            now = time.monotonic()
            if self.paused or now - self._resumed < self._settings.keepalive:
                if now - self._pinged > self._settings.keepalive / 2:
                    self._pinged = now
                    self._client.ping()
                    self._client.loop_write()
            else:
                self._client.loop_misc()

    async def close(self) -> None:
        """Says goodbye; the broker keeps the session and what was not acknowledged."""
        self._closing = True
        self.pause()
        if self._client.socket() is not None:
            self._client.disconnect()
            deadline = time.monotonic() + 2
            while self._client.socket() is not None and time.monotonic() < deadline:
                self._client.loop_write()
                await asyncio.sleep(0.01)
