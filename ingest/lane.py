"""Two ways of reading the wire with paho, under one contract: the stock lane is paho's own, the fast lane cuts
PUBLISH packets itself.

In both, paho keeps the connection, the session, the keep-alive and everything rare. The fast lane hooks private
names of paho (2.1 and 2.2); where they are not as they were, `fast_lane_fits` says so and the stock lane serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest.packets import DUP, RETAIN, cut, is_publish, resolve

# topic, payload, retained, redelivered, token for the acknowledgement (None for QoS 0)
Receive = Callable[[bytes, bytes, bool, bool, Any], None]

_READ: Final = 256 * 1024
_STAMPS: Final = ("_last_bytes_received", "_last_msg_in")  # paho 2.2, paho 2.1
_HOOKS: Final = ("_create_socket", "_packet_read", "_packet_queue", "_sock_recv", "_handle_publish", "_loop_rc_handle")


class Lane(Protocol):
    """What the wire needs of a client beside paho's public face."""

    def read(self) -> bool:
        """Reads what there is. True when more may be waiting, False when the wire was empty."""
        ...

    def acknowledge(self, tokens: Sequence[Any]) -> None:
        """Acknowledges messages of this connection, in this order."""
        ...

    def ping(self) -> None:
        """Tells the broker that we are alive without expecting to read its answer soon."""
        ...

    def drop(self) -> None:
        """Ends the connection at once, as if it had been lost."""
        ...


def fast_lane_fits() -> str:
    """Why the fast lane cannot be used with the installed paho; empty when it can."""
    missing = [name for name in _HOOKS if not callable(getattr(mqtt.Client, name, None))]
    if missing:
        return f"paho has no {', '.join(missing)}"
    if "_packet_read" not in mqtt.Client.loop_read.__code__.co_names:
        return "paho's loop_read does not call _packet_read"
    if "_create_socket" not in mqtt.Client.reconnect.__code__.co_names:
        return "paho's reconnect does not call _create_socket"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    if not isinstance(getattr(client, "_in_packet", None), dict) or "command" not in client._in_packet:  # noqa: SLF001
        return "paho's _in_packet is not as it was"
    return "" if any(hasattr(client, stamp) for stamp in _STAMPS) else "paho does not note when it last received"


class StockLane(mqtt.Client):
    """paho as it is, driven from outside. Tokens are (mid, qos)."""

    def __init__(self, client_id: str, receive: Receive) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, manual_ack=True)
        self.receive = receive
        self.aliases: dict[int, bytes] = {}
        self.on_message = self._take

    def _take(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        topic = resolve(message._topic, getattr(message.properties, "TopicAlias", 0), self.aliases)  # noqa: SLF001
        token = self._token(message) if message.qos else None
        self.receive(topic or b"", bytes(message.payload), message.retain, message.dup, token)

    def _token(self, message: mqtt.MQTTMessage) -> Any:
        return message.mid, message.qos

    def reconnect(self) -> MQTTErrorCode:
        self.aliases.clear()  # an alias lives as long as its connection
        return super().reconnect()

    def read(self) -> bool:
        """One packet; TLS may hold more than the socket shows."""
        self.loop_read()
        sock = self.socket()
        pending = getattr(sock, "pending", None)
        return bool(pending and pending())

    def acknowledge(self, tokens: Sequence[Any]) -> None:
        for mid, qos in tokens:
            self.ack(mid, qos)

    def ping(self) -> None:
        queue = getattr(self, "_packet_queue", None)
        if queue is not None:
            queue(0xC0, b"\xc0\x00", 0, 0)

    def drop(self) -> None:
        self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)


class Buffered:
    """A socket with one buffer of what was read ahead. Everything but `recv` is the socket's own."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.data, self.at = b"", 0
        self.empty = False  # the last read left nothing on the wire

    def pending(self) -> int:
        """Bytes that were read and not yet used."""
        return len(self.data) - self.at

    def fill(self) -> bool:
        """Reads ahead. False when there was nothing to read; raises what the socket raises, `ConnectionError` at
        its end.
        """
        try:
            more = self._sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            self.empty = True
            return False
        if not more:
            raise ConnectionError("the broker closed the connection")
        self.empty = len(more) < _READ
        self.data, self.at = self.data[self.at :] + more if self.at < len(self.data) else more, 0
        return True

    def recv(self, size: int) -> bytes:
        """What paho asks for: from the buffer first, then from the wire."""
        if self.at < len(self.data):
            part: bytes = self.data[self.at : self.at + size]
            self.at += len(part)
            return part
        self.empty = True
        part = self._sock.recv(size)
        self.empty = len(part) < size
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class FastLane(StockLane):
    """Whole PUBLISH packets are cut from the buffer and PUBACKs go out together. Tokens are the acknowledgement
    packets.
    """

    def __init__(self, client_id: str, receive: Receive) -> None:
        super().__init__(client_id, receive)
        self._buffer: Buffered | None = None
        self._stamp = next(s for s in _STAMPS if hasattr(self, s))

    def _create_socket(self) -> Any:
        self._buffer = Buffered(super()._create_socket())
        return self._buffer

    def _deliver(self, topic: bytes, payload: bytes, first: int, acknowledgement: bytes | None) -> None:
        self.receive(topic, payload, bool(first & RETAIN), bool(first & DUP), acknowledgement)

    def _token(self, message: mqtt.MQTTMessage) -> Any:
        return (b"\x40\x02" if message.qos == 1 else b"\x70\x02") + message.mid.to_bytes(2, "big")

    def _packet_read(self) -> MQTTErrorCode:
        buffer = self._buffer
        if buffer is None or self._in_packet["command"]:
            return super()._packet_read()
        self._cut(buffer)
        try:
            if (not buffer.pending() or self._half(buffer)) and buffer.fill():
                self._cut(buffer)
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not buffer.pending() or self._half(buffer):
            return MQTTErrorCode.MQTT_ERR_AGAIN
        return super()._packet_read()

    def _cut(self, buffer: Buffered) -> None:
        stop = cut(buffer.data, buffer.at, self.aliases, self._deliver)
        if stop != buffer.at:
            buffer.at = stop
            setattr(self, self._stamp, time.monotonic())

    @staticmethod
    def _half(buffer: Buffered) -> bool:
        """Whether the buffer ends within a packet that will be ours once it is whole."""
        data, at = buffer.data, buffer.at
        if not is_publish(data[at]):
            return False
        length = 0
        for n, byte in enumerate(data[at + 1 : at + 4]):
            length |= (byte & 127) << 7 * n
            if byte < 128:
                return at + 2 + n + length > len(data)
        return len(data) < at + 4

    def read(self) -> bool:
        """Everything that one read brings."""
        while (buffer := self._buffer) is not None and self.socket() is not None:
            before = buffer.pending(), self._in_packet["command"]
            self.loop_read()
            if self.socket() is None or not buffer.pending():
                break
            if (buffer.pending(), self._in_packet["command"]) == before:
                break
        return self.socket() is not None and self._buffer is not None and not self._buffer.empty

    def acknowledge(self, tokens: Sequence[Any]) -> None:
        self._packet_queue(0x40, b"".join(tokens), 0, 1)
