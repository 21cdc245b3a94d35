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
import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.counts import GatewayCounts
from ingest.lane import FastLane, StockLane, fast_lane_fits
from ingest.lookout import await_turn, identify
from ingest.settings import MqttSettings
from ingest.turns import BEAT, Turn, Word, status_topic

logger = logging.getLogger(__name__)

_TAKEN_OVER: Final = 0x8E
_MOST_QUEUED: Final = 1000  # messages of our own on their way to the broker
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

    def connected(self, kept: bool) -> None:
        """A connection stands; `kept`: the broker still has our session."""
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
        self.serving = asyncio.Event()  # subscribed, or watching the one that is
        self._status, self._instance = status_topic(settings.client_id), uuid.uuid4().hex
        self._standing_by = settings.standby
        self._deaf = 0  # turns that came without a word of another: its words may not reach us
        self._beaten = 0.0
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
        identify(client, settings)
        client.will_set(self._status, Word(self._instance, here=False).encode(), 1, retain=True)
        client.max_queued_messages_set(_MOST_QUEUED)
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
        pause, watched = _SHORTEST_PAUSE, self._standing_by
        try:
            while True:
                if watched:
                    await self._watch()
                watched, connections = True, self._counts.connections
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

    async def _watch(self) -> None:
        """Until it is our turn to connect: another process with our client id may be serving."""
        if self._standing_by:
            logger.info("standing by for the gateway %s", self._settings.client_id)
        patience = self._settings.standby_after * 2 ** min(self._deaf, 4) * random.uniform(1.0, 1.2)
        turn = Turn(self._instance, patience, time.monotonic(), eager=not self._standing_by)
        await await_turn(self._settings, turn, self._instance, self.serving.set)
        if not turn.eager:
            self._deaf = 0 if turn.heard_other else self._deaf + 1
            logger.warning("taking over as the gateway %s", self._settings.client_id)
            self._standing_by = False

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
        logger.info(
            "connected to the MQTT broker at %s:%s, %s lane, session %s",
            self._settings.host, self._settings.port, self.lane, "kept" if flags.session_present else "new",
        )  # fmt: skip
        self._client.subscribe([(f, 1) for f in self._settings.subscriptions])
        self.publish(self._status, Word(self._instance, here=True).encode(), retain=True)
        self._inlet.connected(bool(flags.session_present))

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Sends a message of our own; False when there is no connection or too much is on its way already."""
        if self._handing_over or not self._client.is_connected():
            return False
        return self._client.publish(topic, payload, qos, retain).rc == mqtt.MQTT_ERR_SUCCESS

    def _subscribed(self, _c: Any, _d: Any, _mid: int, reasons: Sequence[Any], _p: Any) -> None:
        refused = [f for f, r in zip(self._settings.subscriptions, reasons, strict=False) if r.is_failure]
        if refused:
            logger.error("the MQTT broker does not let us subscribe to %s; correct its access list", ", ".join(refused))
        else:
            self.subscribed.set()
            self.serving.set()

    def _disconnected(self, _c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        self.epoch += 1
        if getattr(reason, "value", 0) == _TAKEN_OVER and not self._closing:
            logger.warning("another process serves as the gateway %s now", self._settings.client_id)
            self._standing_by = True
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
        try:
            more = self._client.read()
        except Exception:  # paho could not make sense of it: a new connection begins afresh and brings it again
            logger.exception("the wire could not be read; connecting anew")
            self._client.drop()
            return
        if more and not self.paused:
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
            if now - self._beaten >= BEAT:
                self._beaten = now
                self.publish(self._status, Word(self._instance, here=True).encode(), qos=0)
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
            self.publish(self._status, Word(self._instance, here=False).encode(), retain=True)
            self._client.disconnect()
            deadline = time.monotonic() + 2
            while self._client.socket() is not None and time.monotonic() < deadline:
                self._client.loop_write()
                await asyncio.sleep(0.01)
