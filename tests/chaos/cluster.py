"""Everything a city runs, on this machine: three brokers, Mosquitto, PostgreSQL, InfluxDB, two gateways with standbys, two workers, two
senders and an API.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import BaseModel, SecretStr

from alerts.ledger import open_ledger
from alerts.people.roster import Person
from api.child import free_ports
from api.keeper import Keeper
from api.stack import environment_of
from ingest.log import ensure_topics
from ingest.registry import Device, Grid
from ingest.settings import LogSettings
from tests.chaos import clocks
from tests.chaos.county import GATEWAYS, POLICIES, SHARDS
from tests.chaos.disk import SmallDisk
from tests.chaos.feed import Address
from tests.chaos.proxy import Proxies, TroubledDoor
from tests.live.servers import Influx, Kafka, Mosquitto, Postgres

PARTITIONS = 6
# Everything runs on one small machine here, and at a few hundred messages a second a frame of one row costs the log and its readers as
# much as one of a hundred.
PACE = 0.05
STANDBY = "-standby"
BROKEN = "tests.chaos.broken"
_DISK_MB = {"ledger": 160, "log": 400}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a cluster is made of. `broken` names a negative control that the product processes of `broken_verbs` run under."""

    brokers: int = 3
    workers: int = 2
    influx: bool = True
    broken: str = ""
    slow: float = 0.4  # seconds that a broken agent works on a record that rings
    broken_verbs: tuple[str, ...] = ("gateway", "worker", "sender")
    partitions: int = PARTITIONS
    max_connections: int | None = None
    more_topics: tuple[str, ...] = ()  # compacted ones, beside the product's own
    small_disk: str = ""  # "ledger" or "log": that server's files live on a small tmpfs
    proxied: bool = False  # every link between two parts runs through a proxy of `tests.chaos.proxy`
    own_clocks: bool = False  # each of the product's processes has a time of day of its own that can be set
    settings: Mapping[str, Any] = field(default_factory=dict)


class Cluster:
    """`with Cluster(folder, shape, …) as cluster`: every process is ready inside, and gone afterwards."""

    def __init__(
        self,
        folder: Path,
        shape: Shape,
        *,
        place: tuple[list[Grid], list[Device], list[Person]],
        twilio: Mapping[str, Any],
        provider_port: int,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder, self.shape, self._place, self._twilio, self._say = folder, shape, place, twilio, progress
        self._provider_port = provider_port
        self._ports: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.disk = SmallDisk(folder / "disk", _DISK_MB[shape.small_disk]) if shape.small_disk else None
        self.proxies = Proxies(self.pids) if shape.proxied else None
        doors = [self.proxies.add(f"kafka-{i}").port for i in range(shape.brokers)] if self.proxies else None
        small = self.disk.path if self.disk else None
        self.kafka = Kafka(
            folder / "kafka", shape.brokers, advertised=doors, data=small if shape.small_disk == "log" else None
        )
        self.mosquitto = Mosquitto(folder / "mosquitto")
        self.postgres = Postgres(
            folder / "postgres", max_connections=shape.max_connections,
            data=small if shape.small_disk == "ledger" else None,
        )  # fmt: skip
        self.influx = Influx(folder / "influx") if shape.influx else None
        self.door: TroubledDoor | None = None
        self.keeper = Keeper(folder / "parts")
        self.database = ""
        self.log: LogSettings
        self.ledger_url = ""
        self.api_port = 0
        self._password = ""

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> Self:
        servers = [s for s in (self.kafka, self.mosquitto, self.postgres, self.influx) if s is not None]
        self._say("starting the servers")
        with ThreadPoolExecutor(len(servers)) as pool:
            for started in [pool.submit(s.start) for s in servers]:
                started.result()
        self._password = self.mosquitto.user(*GATEWAYS)
        self.log = self.kafka.settings(partitions=self.shape.partitions)
        self.ledger_url = self.postgres.new_database()
        self.database = self.ledger_url.rpartition("/")[2]
        if self.influx is not None:
            self.door = TroubledDoor(self.influx.port)
        self._ports = {"mosquitto": self.mosquitto.port, "ledger": self.postgres.port, "provider": self._provider_port}
        if self.proxies is not None:
            for i, port in enumerate(self.kafka.ports):
                self.proxies.links[f"kafka-{i}"].target = port
            self._ports = {name: self.proxies.add(name, port).port for name, port in self._ports.items()}
        self._say("topics, schema, place")
        asyncio.run(ensure_topics(self.log))
        if self.shape.more_topics:
            asyncio.run(self._more_topics())
        ledger = open_ledger(self.ledger_url)
        ledger.replace_place(*self._place)
        ledger.close()
        self.api_port = free_ports(1)[0]
        (self.folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
        for name, verb in self.parts().items():
            self._add(name, verb)
        self._say("starting the product")
        self.keeper.start()
        for name in self.keeper.names:
            self.keeper.await_ready(name)
        return self

    async def _more_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.log.brokers)
        await admin.start()
        configs = {"cleanup.policy": "compact"}
        try:
            await admin.create_topics([
                NewTopic(name, self.log.partitions, self.log.replication, topic_configs=configs)
                for name in self.shape.more_topics
            ])  # fmt: skip
        finally:
            await admin.close()

    def parts(self) -> dict[str, str]:
        """Names of the product's processes and their verbs."""
        workers = {f"worker-{n}": "worker" for n in range(1, self.shape.workers + 1)}
        gateways = {f"gateway-{shard}{which}": "gateway" for which in ("", STANDBY) for shard in SHARDS}
        return {**gateways, **workers, "sender-1": "sender", "sender-2": "sender", "api": "api"}

    def pids(self) -> dict[str, int]:
        """The product's processes as they are now."""
        return {name: self.keeper.pid(name) for name in self.keeper.names}

    def named(self, verb: str) -> list[str]:
        """The processes of a verb."""
        return [name for name in self.keeper.names if name.split("-")[0] == verb]

    def active(self, verb: str) -> list[str]:
        """Those that do the work now: of a gateway and its standby the one that connected last."""
        names = self.named(verb)
        if verb != "gateway":
            return names
        return [max((n for n in names if shard_in(n) == shard), key=self._connected_at) for shard in SHARDS]

    def _connected_at(self, name: str) -> str:
        lines = self.keeper.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return max((line[:23] for line in lines if "connected to the MQTT broker" in line), default="")

    def add_worker(self, name: str) -> None:
        """One worker more."""
        self._add(name, "worker")
        self.keeper.await_ready(name)

    def _add(self, name: str, verb: str, extra: Mapping[str, str] | None = None) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
        env |= environment_of(self._values(name)) | (extra or {})
        if self.shape.own_clocks:
            env |= clocks.environment(self._clock_file(name))
        if self.shape.broken and verb in self.shape.broken_verbs:
            broken = {"CHAOS_BROKEN": self.shape.broken, "CHAOS_SLOW": str(self.shape.slow)}
            self.keeper.add(name, verb, {**env, **broken}, module=BROKEN)
        else:
            self.keeper.add(name, verb, env, module=clocks.MODULE if self.shape.own_clocks else "")

    def _values(self, name: str) -> dict[str, Any]:
        values: dict[str, Any] = {
            "mqtt": {
                **plain(self.mosquitto.settings(client_id=f"tocsin-{name.removesuffix(STANDBY)}")),
                "port": self._ports["mosquitto"],
                **wire(name),
            },
            "log": plain(self.log),
            "ledger": {"url": self.ledger_url.replace(f":{self.postgres.port}/", f":{self._ports['ledger']}/")},
            "worker": {"sends": "false"},
            "gateway": {"pace": PACE},
            "selfwatch": {"shards": SHARDS},
            "api": {"port": self.api_port},
            "notify": {
                "channels": ("sms",),
                "policies": str(self.folder / "policies.toml"),
                "public_url": f"http://127.0.0.1:{self.api_port}",
                "twilio": {**self._twilio, "base_url": f"http://127.0.0.1:{self._ports['provider']}"},
            },
        }
        if self.influx is not None and self.door is not None:
            values["series"] = plain(self.influx.settings(url=f"http://127.0.0.1:{self.door.port}"))
        else:
            values["series"] = {"path": str((self.folder / f"series-{name}.db").absolute())}
        for section, over in self.shape.settings.items():
            values[section] = {**values.get(section, {}), **over}
        return values

    def address(self) -> Address:
        """Where gateways in the field connect."""
        return Address("127.0.0.1", self.mosquitto.port, "{gateway}", self._password, "{shard}/")

    def product_memory(self) -> float:
        """Resident megabytes of all product processes together."""
        return sum(resident_mb(self.keeper.pid(name)) for name in self.keeper.names)

    def ready(self) -> bool:
        """Whether every process of the product that is not held has said that it is ready."""
        names = [name for name, part in self.keeper._parts.items() if not part.held]
        return all(self.keeper.is_ready(name) and self.keeper.pid(name) for name in names)

    def await_ready(self, within: float = 90.0) -> bool:
        """Wait for that; False when it takes too long."""
        deadline = time.monotonic() + within
        while not self.ready():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def stop(self) -> None:
        """End everything, the product first."""
        self.keeper.stop()
        stopping = [
            threading.Thread(target=s.stop) for s in (self.kafka, self.mosquitto, self.postgres, self.influx) if s
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(60)
        if self.door is not None:
            self.door.stop()
        if self.proxies is not None:
            self.proxies.stop()
        if self.disk is not None:
            self.disk.remove()

    def clock(self, name: str, ahead: int) -> None:
        """Set a process's clock so many seconds ahead of the machine's; it jumps while it runs."""
        clocks.set_ahead(self._clock_file(name), ahead)

    def _clock_file(self, name: str) -> Path:
        return self.folder.absolute() / "clocks" / name

    def local_time_jumps(self, *, in_seconds: float, forward: bool) -> None:
        """Start every process of the product again in a time zone whose clocks change so soon."""
        zone = clocks.changing_zone(time.time() + in_seconds, forward=forward)
        for name, verb in self.parts().items():
            self.keeper.hold(name)
            self._add(name, verb, {"TZ": zone})


def wire(name: str) -> dict[str, Any]:
    """What a gateway process listens to, its shard, and whether it begins as a standby."""
    if not name.startswith("gateway"):
        return {}
    return {"shards": (shard_in(name),), "standby": str(name.endswith(STANDBY)).lower()}


def shard_in(name: str) -> str:
    """The shard of a gateway process."""
    return name.split("-")[1]


def plain(section: BaseModel) -> dict[str, Any]:
    """A section of settings as values for the environment; what is not set is left out."""
    found: dict[str, Any] = {}
    for key, said in section:
        value = said.get_secret_value() if isinstance(said, SecretStr) else said
        if value is None or value in ("", ()):
            continue
        found[key] = str(value).lower() if isinstance(value, bool) else value
    return found


def resident_mb(pid: int) -> float:
    """Resident megabytes of a process; 0 when there is none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) if pid else 0
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
