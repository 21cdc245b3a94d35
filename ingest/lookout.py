"""Watching the active gateway over a connection of its own, until it is our turn. Touches the network; `ingest.turns` decides."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.settings import MqttSettings
from ingest.turns import Turn, Word, status_topic

logger = logging.getLogger(__name__)

_KEEPALIVE: Final = 5
_BLIND: Final = 1.0  # seconds between two looks while nothing can be heard


async def await_turn(settings: MqttSettings, turn: Turn, me: str, watching: Callable[[], None]) -> None:
    """Returns when `turn` says so. `watching` is called when the active one can be heard, again after every reconnect."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def tell(change: Callable[[], None]) -> None:  # from paho's thread
        def told() -> None:
            change()
            news.set()

        loop.call_soon_threadsafe(told)

    def connected(c: mqtt.Client, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            logger.error("the MQTT broker refused us (%s); check mqtt.username and mqtt.password", reason)
        else:
            c.subscribe(status_topic(settings.client_id), 1)

    def subscribed(_c: Any, _d: Any, _m: int, reasons: Sequence[Any], _p: Any) -> None:
        if any(r.is_failure for r in reasons):
            logger.error(
                "the MQTT broker does not let us read %s; correct its access list", status_topic(settings.client_id)
            )
            return

        def hears() -> None:
            turn.watching(time.monotonic())
            watching()

        tell(hears)

    def message(_c: Any, _d: Any, said: mqtt.MQTTMessage) -> None:
        word = Word.decode(bytes(said.payload))
        if word is not None:
            tell(lambda: hears_of(word))

    def hears_of(word: Word) -> None:
        was_eager = turn.eager
        turn.hear(word, time.monotonic())
        if was_eager and not turn.eager:
            logger.warning("another process serves as the gateway %s now; standing by", settings.client_id)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{settings.client_id}-standby-{me[:8]}", protocol=mqtt.MQTTv5)
    identify(client, settings)
    client.reconnect_delay_set(1, 2)
    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, message
    client.on_disconnect = lambda *_: tell(lambda: turn.lost(time.monotonic()))
    client.connect_async(settings.host, settings.port, _KEEPALIVE, clean_start=True)
    client.loop_start()
    try:
        while not turn.due(now := time.monotonic()):
            news.clear()
            try:
                async with asyncio.timeout(_BLIND if turn.at is None else max(turn.at - now, 0)):
                    await news.wait()
            except TimeoutError:
                continue
    finally:
        client.disconnect()
        await asyncio.shield(asyncio.to_thread(client.loop_stop))


def identify(client: mqtt.Client, settings: MqttSettings) -> None:
    """User name, password and the broker's certificate as the settings have them."""
    if settings.username:
        client.username_pw_set(settings.username, settings.password.get_secret_value() or None)
    if settings.ca_file is not None:
        client.tls_set(ca_certs=str(settings.ca_file))
