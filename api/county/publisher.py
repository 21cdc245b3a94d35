"""A gateway's side of the wire: publishes with QoS 1 and counts what the broker has taken. Touches the network.

At most `window` messages are under way; `publish` waits for room, so memory stays bounded while the broker is away.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.settings import MqttSettings

CONNECT_WITHIN: Final = 10.0
WINDOW: Final = 1000


class NoBroker(RuntimeError):
    """The MQTT broker cannot be reached or refuses us; the message says where it was sought and what to do."""


class Publisher:
    """`with Publisher(settings, client_id) as publisher: publisher.publish(topic, payload)`."""

    def __init__(self, settings: MqttSettings, client_id: str, *, window: int = WINDOW) -> None:
        self._settings = settings
        self._room = threading.Condition()
        self._window = window
        self._connected = threading.Event()
        self._refused = ""
        self._interrupted = False
        self.published = 0
        self.acknowledged = 0
        self.turned_away = ""  # why the broker did not want a message that it acknowledged, an ACL for instance
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(200)
        self._client.max_queued_messages_set(0)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password.get_secret_value())
        if settings.ca_file is not None:
            self._client.tls_set(ca_certs=str(settings.ca_file))

    def __enter__(self) -> Self:
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self._client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive)
        except OSError as error:
            raise NoBroker(f"no MQTT broker at {where}: {error}; start one or set mqtt.host and mqtt.port") from error
        self._client.loop_start()
        if not self._connected.wait(CONNECT_WITHIN) or self._refused:
            self.close()
            why = self._refused or f"no answer within {CONNECT_WITHIN:g} s"
            raise NoBroker(
                f"the MQTT broker at {where} did not let us in: {why}; check mqtt.username and mqtt.password"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand one message over with QoS 1; waits while `window` messages have not been acknowledged yet.

        After `interrupt` nothing is handed over any more.
        """
        with self._room:
            self._room.wait_for(lambda: self._interrupted or self.published - self.acknowledged < self._window)
            if self._interrupted:
                return
            self.published += 1
        self._client.publish(topic, payload, qos=1)

    def interrupt(self) -> None:
        """Let go whoever waits in `publish`: we are about to leave."""
        with self._room:
            self._interrupted = True
            self._room.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until the broker has acknowledged everything; False when it took longer than `timeout` seconds."""
        with self._room:
            return self._room.wait_for(lambda: self.acknowledged >= self.published, timeout)

    def close(self) -> None:
        """Leave the broker. What it has not acknowledged by now is not sent any more; safe to call twice."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self._refused = str(reason) if reason.is_failure else ""
        self._connected.set()

    def _on_publish(self, _client: mqtt.Client, _data: Any, _mid: int, reason: ReasonCode, _properties: Any) -> None:
        with self._room:
            self.turned_away = str(reason) if reason.is_failure else self.turned_away
            self.acknowledged += 1
            self._room.notify_all()
