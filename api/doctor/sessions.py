"""Does the MQTT broker let us in, does it lose messages, and is a gateway process at work? Touches MQTT, says nothing there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from api.doctor.finding import Finding
from ingest.lookout import identify
from ingest.settings import MqttSettings
from ingest.turns import Word, status_topic

_STATUS: Final = status_topic("anybody").replace("anybody", "+")
_DROPPED: Final = "$SYS/broker/publish/messages/dropped"
_CLIENTS: Final = "$SYS/broker/clients/connected"
_WITHIN: Final = 5.0
_QUIET: Final = 1.5  # seconds after the last word: the active gateway speaks every second


@dataclass(slots=True)
class Heard:
    """What was said within a moment. `gateways` by client id: whether the process says that it is here."""

    refused: str = ""
    gateways: dict[str, bool] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)


def listen(settings: MqttSettings) -> Heard:
    """Connect under a name of our own, hear what is retained and what is said in a moment, and leave. Raises `OSError`."""
    heard, entered = Heard(), [False]
    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"tocsin-doctor-{secrets.token_hex(4)}", protocol=mqtt.MQTTv5)
    identify(client, settings)

    def connected(_c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            heard.refused = str(reason)
        else:
            entered[0] = True
            for topic in (_STATUS, _DROPPED, _CLIENTS):  # one by one: a broker without $SYS refuses only that
                client.subscribe(topic, 1)

    def message(_c: Any, _d: Any, said: mqtt.MQTTMessage) -> None:
        if said.topic.startswith("$SYS/"):
            if said.payload.isdigit():
                heard.figures[said.topic] = int(said.payload)
        elif (word := Word.decode(bytes(said.payload))) is not None:
            heard.gateways[said.topic.split("/")[1]] = word.here

    client.on_connect, client.on_message = connected, message
    client.connect(settings.host, settings.port, 10)
    begun = time.monotonic()
    while time.monotonic() < begun + (_QUIET if entered[0] else _WITHIN) and not heard.refused:
        if client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS:
            break
    client.disconnect()
    return heard


def sessions(settings: MqttSettings) -> Iterator[Finding]:
    """The broker, and the gateways on it."""
    where = f"{settings.host}:{settings.port}"
    try:
        heard = listen(settings)
    except (OSError, ValueError) as error:  # ssl's complaints are among them
        do = "start the broker, or set mqtt.host and mqtt.port; `tocsin up` starts one here"
        yield Finding("mqtt", False, f"{where}: {error}", do)
        return
    if heard.refused:
        yield Finding("mqtt", False, f"{where}: {heard.refused}", "check mqtt.username and mqtt.password")
        return
    yield _broker(where, heard.figures)
    yield _gateways(heard.gateways)


def _broker(where: str, figures: Mapping[str, int]) -> Finding:
    clients = f", {figures[_CLIENTS]} clients" if _CLIENTS in figures else ""
    dropped = figures.get(_DROPPED, 0)
    if dropped:
        do = "a queue was full: is a gateway away for too long? max_queued_messages in deploy/mosquitto/mosquitto.conf"
        return Finding("mqtt", False, f"{where} has dropped {dropped} messages since it started{clients}", do)
    return Finding("mqtt", True, f"{where} lets us in{clients}")


def _gateways(seen: Mapping[str, bool]) -> Finding:
    here = sorted(name for name, is_here in seen.items() if is_here)
    gone = sorted(name for name, is_here in seen.items() if not is_here)
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in (("at work", here), ("gone", gone)) if names)
    if here and not gone:
        return Finding("gateway", True, found)
    return Finding("gateway", False, found or "none is at work", "start `tocsin gateway` (and its standby)")
