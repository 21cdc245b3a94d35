"""The peer of the path bench: a bare paho subscriber that a person would write in an afternoon. It keeps nothing and tells nobody.

`python -m api.bench.bare PORT SECONDS` prints {"hold": […], "receive": […]}: lateness of "over 0.5 for 3 s" after the third second with
one timer per device, and the way of an alarm from its publisher to here, both in seconds.
"""

from __future__ import annotations

import heapq
import sys
import time
from typing import Any, Final

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

HOLD: Final = 3.0


class Bare:
    """Last values, and a heap of the instants at which somebody has been over long enough."""

    def __init__(self) -> None:
        self.over: dict[str, float] = {}
        self.due: list[tuple[float, str]] = []
        self.late: list[float] = []
        self.received: list[float] = []

    def message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        said = orjson.loads(message.payload)
        at = said["at"] / 1000
        if said.get("alarm"):
            self.received.append(time.time() - at)
        elif said.get("load", 0) <= 0.5:
            self.over.pop(message.topic, None)
        elif message.topic not in self.over:
            self.over[message.topic] = at
            heapq.heappush(self.due, (at + HOLD, message.topic))

    def ring(self) -> None:
        while self.due and self.due[0][0] <= time.time():
            due, topic = heapq.heappop(self.due)
            if self.over.get(topic) == due - HOLD:
                self.late.append(time.time() - due)


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    bare = Bare()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-bare", protocol=mqtt.MQTTv5)
    client.on_message = bare.message
    client.connect("127.0.0.1", port)
    client.subscribe("tocsin/#", 1)
    ends = time.time() + seconds
    while time.time() < ends:
        nearest = bare.due[0][0] - time.time() if bare.due else 0.05
        client.loop(min(max(nearest, 0.001), 0.05))
        bare.ring()
    sys.stdout.buffer.write(orjson.dumps({"hold": bare.late, "receive": bare.received}))


if __name__ == "__main__":
    main()
