"""What the field says: gateways that behave as docs/gateways.md asks of them, so that what they were promised can be held against Tocsin.

Each field gateway has a boot name, numbers its messages, and keeps every one in a ring until Tocsin itself has acknowledged it on
`ack/<gateway>`; what is not acknowledged is said again after a lost connection, and when no acknowledgement has come for a while. With
`trusting=True` it behaves as a simple gateway does: it forgets a message once the MQTT broker has acknowledged it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import orjson
import paho.mqtt.client as mqtt

from tests.chaos.county import GATEWAYS, calm_device, shard_of, spot
from tests.chaos.history import History, runs

log = logging.getLogger(__name__)
TICK: Final = 0.02
PATIENCE: Final = (
    15.0  # seconds without an acknowledgement after which everything unacknowledged is said again, doubled each time
)
LONGEST_PATIENCE: Final = 60.0
HANDED: Final = 100  # messages that the MQTT broker owes us an acknowledgement for; paho looks at every one of them at each acknowledgement
RECONNECT: Final = 0.5
POISON_SOURCE: Final = "poison"
REFUSED: Final = 0x10  # "no matching subscribers" and everything above it: not accepted


@dataclass(frozen=True, slots=True)
class Message:
    seq: int
    topic: str
    payload: bytes


class FieldGateway:
    """One gateway in the field: its ring, and its connection. Everything but the callbacks runs in the feed's thread."""

    def __init__(self, name: str, boot: str, address: Address, history: History, *, trusting: bool) -> None:
        self.name, self.boot, self.seq = name, boot, 0
        self._address, self._history, self._trusting = address, history, trusting
        self._waiting: deque[Message] = deque()
        self._handed: deque[Message] = deque()
        self._owed: dict[int, int] = {}  # mid -> seq
        self._spat: dict[int, int] = {}  # mid -> number of the poison
        self._heard: deque[tuple[str, Any, Any]] = deque()  # what the connection's thread has to tell, with whose it is
        self._client: mqtt.Client | None = None
        self._up = False
        self._next_try = self._moved = 0.0
        self._patience = PATIENCE
        self._published: list[int] = []
        self._pubacked: list[int] = []
        self._upto = 0

    @property
    def unacknowledged(self) -> int:
        return len(self._waiting) + len(self._handed)

    def say(self, topic: str, body: dict[str, Any]) -> int:
        """Queue a message; its number."""
        self.seq += 1
        payload = orjson.dumps({"boot": self.boot, "seq": self.seq, **body})
        self._waiting.append(Message(self.seq, self._topic(topic), payload))
        self._published.append(self.seq)
        return self.seq

    def spit(self, n: int, payload: bytes) -> None:
        """Something that is no message, from a broken device behind the gateway: said once, for it has no number to be said again by."""
        if self._client is None or not self._up:
            return
        info = self._client.publish(self._topic(f"broken-{n}/telemetry"), payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_SUCCESS:
            self._history.write("published", source=POISON_SOURCE, first=n, last=n)
            self._spat[info.mid] = n

    def _topic(self, rest: str) -> str:
        return f"{self._address.prefix.format(shard=shard_of(self.name))}tocsin/{self.name}/{rest}"

    def tick(self, now: float) -> None:
        """Listen to what came, hand over what waits, say again what nobody acknowledges."""
        while self._heard:
            self._hear(*self._heard.popleft(), now)
        if self._client is None and now >= self._next_try:
            self._connect(now)
        if self._up:
            if self._handed and not self._trusting and now - self._moved > self._patience:
                self._again(now)
            self._hand_over()

    def note(self) -> None:
        """Write down what was said and acknowledged since the last time."""
        said, self._published = self._published, []
        sure, self._pubacked = self._pubacked, []
        for first, last in runs(said):
            self._history.write("published", source=self.name, first=first, last=last)
        for first, last in runs(sure):
            self._history.write("puback", source=self.name, first=first, last=last)

    def close(self) -> None:
        self._drop()

    def _connect(self, now: float) -> None:
        self._next_try = now + RECONNECT
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self.name, protocol=mqtt.MQTTv5)
        if self._address.username:
            client.username_pw_set(self._address.username.format(gateway=self.name), self._address.password)
        client.max_inflight_messages_set(1000)
        client.on_connect = lambda c, u, f, reason, p: self._heard.append(
            ("up" if not reason.is_failure else "down", c, reason)
        )
        client.on_disconnect = lambda c, *_: self._heard.append(("down", c, None))
        client.on_publish = lambda c, u, mid, reason, p: self._heard.append(("puback", c, (mid, reason.value)))
        client.on_message = lambda c, u, m: self._heard.append(("ack", c, m.payload))
        try:
            client.connect(self._address.host, self._address.port, keepalive=10)
        except OSError:
            return
        client.loop_start()
        self._client = client
        self._spat.clear()

    def _drop(self) -> None:
        client, self._client, self._up = self._client, None, False
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _hear(self, what: str, client: mqtt.Client, more: Any, now: float) -> None:
        if client is not self._client:
            return
        if what == "up":
            client.subscribe(f"ack/{self.name}", qos=1)
            self._up = True
            self._again(now)
            self._patience = PATIENCE
        elif what == "down":
            self._drop()
        elif what == "puback":
            self._puback(*more)
        else:
            self._ack(more, now)

    def _puback(self, mid: int, code: int) -> None:
        if (spat := self._spat.pop(mid, None)) is not None and code < REFUSED:
            self._history.write("puback", source=POISON_SOURCE, first=spat, last=spat)
        seq = self._owed.pop(mid, None)
        if seq is None:
            return
        if code >= REFUSED:
            if self._trusting:  # nobody else will tell that it has to be said again
                self._waiting.extend(m for m in self._handed if m.seq == seq)
            return
        self._pubacked.append(seq)
        if self._trusting:
            self._handed = deque(m for m in self._handed if m.seq != seq)

    def _ack(self, payload: bytes, now: float) -> None:
        said = orjson.loads(payload)
        if said.get("boot") != self.boot or int(said["seq"]) <= self._upto:
            return
        self._upto, self._moved, self._patience = int(said["seq"]), now, PATIENCE
        self._history.write("acknowledged", source=self.name, upto=self._upto)
        if not self._trusting:
            for queue in (self._handed, self._waiting):
                while queue and queue[0].seq <= self._upto:
                    queue.popleft()

    def _again(self, now: float) -> None:
        """Everything that was handed over and not acknowledged comes first again, in its order."""
        self._waiting.extendleft(reversed(self._handed))
        self._handed.clear()
        self._owed.clear()
        self._moved, self._patience = now, min(self._patience * 2, LONGEST_PATIENCE)

    def _hand_over(self) -> None:
        while self._waiting and self._client is not None and len(self._owed) < HANDED:
            message = self._waiting[0]
            if not self._handed:
                self._moved = time.monotonic()
            info = self._client.publish(message.topic, message.payload, qos=1)
            if info.rc not in {mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_QUEUE_SIZE}:
                return
            self._owed[info.mid] = message.seq
            self._handed.append(self._waiting.popleft())


@dataclass(frozen=True, slots=True)
class Address:
    """Where the MQTT broker is. `{gateway}` in the user's name stands for the gateway's."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    prefix: str = "{shard}/"


class Feed:
    """All field gateways, a seeded mix of what they say, and one red alarm every `alarm_every` seconds."""

    def __init__(
        self,
        address: Address,
        history: History,
        *,
        seed: int,
        rate: float,
        alarms: int,
        alarm_every: float = 2.0,
        trusting: bool = False,
        poison: float = 0.0,
    ) -> None:
        self._history, self._random, self._alarms_at_most = history, random.Random(seed), alarms
        self.rate, self.alarm_every, self.poison, self.noisy = rate, alarm_every, poison, 0.0
        self.gateways = [
            FieldGateway(name, f"boot-{seed}-{name}", address, history, trusting=trusting) for name in GATEWAYS
        ]
        self.alarms: list[tuple[float, str]] = []  # at, grid
        self.presences: dict[tuple[str, int], int] = {}
        self.quiet = threading.Event()  # say nothing more, but see to it that what was said arrives
        self._ended = threading.Event()
        self._poisoned = self._last_at = 0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> Feed:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)
        for gateway in self.gateways:
            gateway.close()

    def unacknowledged(self) -> int:
        """Messages that some gateway still keeps."""
        return sum(g.unacknowledged for g in self.gateways)

    def _run(self) -> None:
        last = time.monotonic()
        next_alarm, next_note, owed, noise = last, last, 0.0, 0.0
        while not self._ended.wait(TICK):
            now = time.monotonic()
            passed, last = now - last, now
            try:
                if not self.quiet.is_set():
                    owed, noise = owed + passed * self.rate, noise + passed * self.noisy
                    for _ in range(int(owed)):
                        self._ordinary(self._random.choice(self.gateways))
                    for _ in range(int(noise)):
                        self._telemetry(self.gateways[0])
                    owed, noise = owed % 1, noise % 1
                    if now >= next_alarm:
                        next_alarm = max(next_alarm + self.alarm_every, now)
                        self._alarm()
                for gateway in self.gateways:
                    gateway.tick(now)
                if now >= next_note:
                    next_note = now + 0.2
                    for gateway in self.gateways:
                        gateway.note()
            except Exception:  # a feed that stops would make every fault look harmless
                log.exception("the feed has stumbled")

    def _at(self) -> tuple[str, int]:
        """This instant, unlike every other: as text, and in microseconds."""
        micros = self._last_at = max(self._last_at + 1, time.time_ns() // 1000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000))
        return f"{stamp}.{micros % 1_000_000:06d}+00:00", micros

    def _ordinary(self, gateway: FieldGateway) -> None:
        if self.poison and self._random.random() < self.poison:
            self._poison(gateway)
            return
        chance = self._random.random()
        if chance < 0.965:
            self._telemetry(gateway)
            return
        device, (at, micros) = calm_device(gateway.name, self._random.randrange(1000)), self._at()
        ident = f"{gateway.name}:{gateway.seq + 1}"
        if chance < 0.975:
            self.presences[gateway.name, micros] = gateway.say(f"{device}/presence", {"at": at, "state": "online"})
        elif chance < 0.985:
            gateway.say(f"{device}/sighting", {"at": at, "id": ident, "label": "person", "score": 0.8})
        elif chance < 0.99:
            gateway.say("call", {"at": at, "id": ident, "text": "路灯不亮", "category": "市政", "anonymous": True})
        else:  # a number as a text: kept as rejected
            gateway.say(f"{device}/telemetry", {"at": at, "temperature": "21.5"})

    def _telemetry(self, gateway: FieldGateway) -> None:
        device = calm_device(gateway.name, self._random.randrange(1000))
        # `uptime` carries the number through frames and log: no rule listens to it
        gateway.say(
            f"{device}/telemetry",
            {"at": self._at()[0], "temperature": 20 + self._random.randrange(3) / 2, "uptime": gateway.seq + 1},
        )

    def _alarm(self) -> None:
        at = spot(len(self.alarms))
        if len(self.alarms) >= self._alarms_at_most:
            raise RuntimeError(f"the county has room for {self._alarms_at_most} alarms only; make it larger")
        gateway = next(g for g in self.gateways if g.name == at.gateway)
        now, (stamp, _) = time.time(), self._at()
        seq = gateway.say(f"{at.device}/telemetry", {"at": stamp, "alarm": True, "uptime": gateway.seq + 1})
        self._history.write("alarm", at=now, source=gateway.name, seq=seq, grid=at.grid)
        self.alarms.append((now, at.grid))

    def _poison(self, gateway: FieldGateway) -> None:
        self._poisoned += 1
        gateway.spit(self._poisoned, POISONS[self._poisoned % len(POISONS)])


POISONS: Final = (
    b'{"temperature": 21.5',
    b"\xff\xfe\xfd",
    b"null",
    b"",
    b'{"temperature": NaN}',
    b'{"temperature": Infinity}',
    b"[" * 1000 + b"]" * 1000,
    b'{"a":' * 1000 + b"1" + b"}" * 1000,
    b'{"temperature": 1e999}',
    b"x" * 1_000_000,
)
