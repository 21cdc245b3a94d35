"""A drill that kills gateway and worker with SIGKILL while messages flow, and counts what the log and the telephones saw.

`python -m tests.live.kill_drill --messages 30000 --kills 10` runs it at length; `test_kill_drill.py` runs a short one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt

from alerts.ledger.port import Filter
from alerts.people.roster import Person
from api.child import free_ports
from api.county.lines import Kind
from api.county.telephone import TelephoneNetwork, nobody_answers
from api.stack import Plan, Stack
from ingest.registry import Device, Grid, GridLevel

SID = "ACdrill0000000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Result:
    """What was published and what became of it. `doubled` are texts or calls a person got twice for the same step of the same alert."""

    published: int
    acknowledged: int
    in_log: int
    lost: int
    repeats_in_log: int
    alarms: int
    alerts: int
    notices: int
    doubled: int
    gateway_kills: int
    worker_kills: int
    seconds: float


def place(grids: int) -> tuple[list[Grid], list[Device], list[Person]]:
    """A county of one township with many grids, one device and one leader each."""
    county = Grid("c", "演练县", GridLevel.COUNTY)
    township = Grid("c-t", "演练镇", GridLevel.TOWNSHIP, "c")
    below = [Grid(f"c-t-{i:03d}", f"第{i}网格", GridLevel.GRID, "c-t") for i in range(grids)]
    devices = [Device(f"alarm-{i:03d}", "smoke", "gw-drill", f"c-t-{i:03d}") for i in range(grids)]
    leaders = [Person(f"p{i}", f"第{i}网格长", f"+8610000{i:05d}", "grid_leader", f"c-t-{i:03d}") for i in range(grids)]
    duty = Person("duty", "县值班", "+861000099999", "county_duty", "c")
    return [county, township, *below], devices, [*leaders, duty]


class Publisher(threading.Thread):
    """Publishes `count` QoS 1 messages at an even pace; every `count / alarms`th is an alarm of the next device."""

    def __init__(self, port: int, count: int, alarms: int, rate: float) -> None:
        super().__init__(name="publisher", daemon=True)
        self._port, self._count, self._rate = port, count, rate
        self._alarm_every = count // alarms
        self.sent = 0
        self.acknowledged = 0
        self.alarms = 0

    def run(self) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="drill", protocol=mqtt.MQTTv5)
        client.max_inflight_messages_set(200)
        client.max_queued_messages_set(0)
        client.on_publish = lambda *_: setattr(self, "acknowledged", self.acknowledged + 1)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        begun = time.time()
        for n in range(self._count):
            pause = begun + n / self._rate - time.time()
            if pause > 0:
                time.sleep(pause)
            client.publish(*self._message(n), qos=1)
            self.sent += 1
        deadline = time.monotonic() + 30
        while self.acknowledged < self.sent and time.monotonic() < deadline:
            time.sleep(0.05)
        client.disconnect()
        client.loop_stop()

    def _message(self, n: int) -> tuple[str, bytes]:
        # the message's own instant is its identity in the log: one microsecond apart is enough
        at = time.time_ns() // 1000
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at // 1_000_000))}.{at % 1_000_000:06d}+00:00"
        if n % self._alarm_every == self._alarm_every // 2:
            device = f"alarm-{self.alarms:03d}"
            self.alarms += 1
            return f"tocsin/gw-drill/{device}/telemetry", orjson.dumps({"at": stamp, "alarm": True})
        return f"tocsin/gw-drill/calm-{n % 97}/telemetry", orjson.dumps({"at": stamp, "temperature": 20 + n % 5})


def doubled(network: TelephoneNetwork) -> int:
    """Texts with the same words to the same number: each alert has a grid of its own, so there is none when all is well."""
    texts = Counter((line.to, line.text) for line in network.lines(Kind.MESSAGE))
    return sum(n - 1 for n in texts.values())


def drill(*, messages: int, kills: int, alarms: int, rate: float, keep: Path | None = None) -> Result:
    """Run it. Kills are spread evenly over the run, gateway and worker in turn. `keep` is a folder for what the parts wrote."""
    begun = time.monotonic()
    port = free_ports(1)[0]
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-drill-", ignore_cleanup_errors=True) as made,
        TelephoneNetwork(SID, "drill", answers=nobody_answers) as network,
        Stack(keep or Path(made), _plan(network, alarms, port, keep or Path(made))) as stack,
    ):
        publisher = Publisher(stack.settings.mqtt.port, messages, alarms, rate)
        publisher.start()
        _kill(stack, kills, messages / rate)
        publisher.join(messages / rate + 60)
        stack.drained(publisher.sent, 60)
        _await_first_notices(stack, alarms)
        counted = stack.tally()
        raised = stack.ledger.page(Filter(), limit=1000).alerts
        return Result(
            published=publisher.sent,
            acknowledged=publisher.acknowledged,
            in_log=counted.kept,
            lost=publisher.acknowledged - counted.kept,
            repeats_in_log=counted.repeats,
            alarms=publisher.alarms,
            alerts=len(raised),
            notices=len(network.lines(Kind.MESSAGE)),
            doubled=doubled(network),
            gateway_kills=stack.starts("gateway") - 1,
            worker_kills=stack.starts("worker") - 1,
            seconds=round(time.monotonic() - begun, 1),
        )


def _plan(network: TelephoneNetwork, alarms: int, port: int, folder: Path) -> Plan:
    folder.mkdir(parents=True, exist_ok=True)
    policies = folder / "policies.toml"
    policies.write_text(CALM, encoding="utf-8")
    twilio = {"account_sid": SID, "auth_token": "drill", "sender": "+10000000000", "base_url": network.url}
    notify = {
        "channels": ("sms",),
        "policies": str(policies),
        "public_url": f"http://127.0.0.1:{port}",
        "twilio": twilio,
    }
    return Plan(("gateway", "worker", "api"), place(alarms), overrides={"notify": notify, "api": {"port": port}})


# One text to the leader and nothing more, so that every further text is one too many.
CALM = """
version = "drill"

[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
"""


def _kill(stack: Stack, kills: int, seconds: float) -> None:
    for n in range(2 * kills):
        time.sleep(seconds / (2 * kills + 1))
        name = ("gateway", "worker")[n % 2]
        pid = stack.pid(name)
        if pid:
            os.kill(pid, signal.SIGKILL)


def _await_first_notices(stack: Stack, alarms: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(stack.ledger.outbox(states=("sent", "delivered"), limit=1000)) >= alarms:
            return
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--alarms", type=int, default=60)
    parser.add_argument("--rate", type=float, default=250.0)
    parser.add_argument("--keep", type=Path, default=None, help="folder for ledger and logs")
    asked = parser.parse_args()
    result = drill(messages=asked.messages, kills=asked.kills, alarms=asked.alarms, rate=asked.rate, keep=asked.keep)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main()
