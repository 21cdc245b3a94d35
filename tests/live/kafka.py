"""Apache Kafka as plain processes, from deploy/kafka/server.properties: one broker, or a cluster."""

from __future__ import annotations

import asyncio
import base64
import shutil
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from api.child import ChildFailed, free_ports
from ingest.settings import LogSettings
from tests.live.process import CACHE, DEPLOY, HOST, Program, ServerMissing

VERSION = "4.3.1"  # as in deploy/kafka/pom.xml
JARS = CACHE / f"kafka-{VERSION}"  # by deploy/kafka/install
PROPERTIES = DEPLOY / "kafka" / "server.properties"
# Small and quick to start: what a test asks of a broker is correctness.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_ONE_BROKER = {
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


def rendered(properties: str, own: Mapping[str, str]) -> str:
    """The deployed properties with a broker's own: a key that stands there is replaced, a new one follows."""
    rest = dict(own)
    lines = []
    for line in properties.splitlines():
        key = line.partition("=")[0].strip()
        lines.append(f"{key}={rest.pop(key)}" if key in rest and not line.startswith("#") else line)
    return "\n".join([*lines, *(f"{key}={value}" for key, value in rest.items()), ""])


def what_fits(brokers: int) -> dict[str, str]:
    """The deployed replication cut to what a smaller cluster can hold; nothing for three and more."""
    if brokers >= 3:
        return {}
    return {k: str(brokers) if k.endswith("factor") else v for k, v in _ONE_BROKER.items()}


class Kafka:
    """A cluster of combined brokers and controllers, numbered from 0. Ports and data stay the same over kills and restarts."""

    def __init__(
        self, folder: Path, brokers: int = 1, *, advertised: Sequence[int] | None = None, data: Path | None = None
    ) -> None:
        """`advertised`: one port per broker that clients are told to connect to, where a proxy stands in between (brokers among themselves
        never use it). `data`: where the brokers' logs live, the folder itself without it.
        """
        self.folder, self.count = folder, brokers
        self._advertised, self._data = advertised, data or folder
        self._programs: list[Program | None] = [None] * brokers
        self._ports: list[int] = []

    @property
    def brokers(self) -> str:
        """host:port of every broker as clients reach them, comma separated."""
        return ",".join(f"{HOST}:{port}" for port in self._advertised or self._ports)

    @property
    def ports(self) -> list[int]:
        """The port each broker listens on for clients (behind the proxy, where there is one)."""
        return self._ports

    def start(self) -> Self:
        """Every broker serves, and knows of every other, when this returns. Raises `ServerMissing`, `ChildFailed`."""
        if shutil.which("java") is None:
            raise ServerMissing("Apache Kafka needs Java 17 or later (Debian: apt-get install openjdk-17-jre-headless)")
        if not (JARS / f"kafka_2.13-{VERSION}.jar").exists():
            raise ServerMissing(f"Apache Kafka is not in {JARS}: deploy/kafka/install brings it (needs Maven)")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._data.mkdir(parents=True, exist_ok=True)
        ports = free_ports(3 * self.count)
        self._ports = ports[: self.count]
        inner, quorum = ports[self.count : 2 * self.count], ports[2 * self.count :]
        voters = ",".join(f"{i + 1}@{HOST}:{port}" for i, port in enumerate(quorum))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        formatting = []
        for i in range(self.count):
            own = {
                "node.id": str(i + 1),
                "controller.quorum.voters": voters,
                "listeners": f"CLIENTS://{HOST}:{self._ports[i]},BROKERS://{HOST}:{inner[i]},CONTROLLER://{HOST}:{quorum[i]}",
                "advertised.listeners": f"CLIENTS://{HOST}:{(self._advertised or self._ports)[i]},BROKERS://{HOST}:{inner[i]}",
                "log.dirs": str(self._data / f"log{i}"),
                **what_fits(self.count),
            }
            self._file(i).write_text(rendered(PROPERTIES.read_text(encoding="utf-8"), own), encoding="utf-8")
            formatting.append(self._format(i, cluster))
        for i, process in enumerate(formatting):
            if process.wait(60):
                said = self._said(i).read_text(encoding="utf-8", errors="replace")[-2000:]
                raise ChildFailed(f"Kafka's StorageTool did not format broker {i}: {said}")
        self._run(range(self.count))
        self._until_all_are_known()
        return self

    def _file(self, i: int) -> Path:
        return self.folder / f"broker{i}.properties"

    def _said(self, i: int) -> Path:
        return self.folder / f"broker{i}.log"

    def _java(self, *arguments: str) -> list[str]:
        quiet = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")
        return ["java", *_JVM, *quiet, "-cp", f"{JARS}/*", *arguments]

    def _format(self, i: int, cluster: str) -> Popen[bytes]:
        # One word, because one id in 64 begins with "-", which would be read as an option of its own.
        command = self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._file(i)))
        with self._said(i).open("ab") as out:
            return Popen(command, stdout=out, stderr=STDOUT)

    def _run(self, which: Sequence[int]) -> None:
        for i in which:
            self._programs[i] = Program(
                f"kafka-{i}", self._java("kafka.Kafka", str(self._file(i))), self._said(i), [self._ports[i]]
            )
        for i in which:
            self._program(i).wait(60)

    def _program(self, i: int) -> Program:
        program = self._programs[i]
        assert program is not None, f"broker {i} was not started"
        return program

    def _until_all_are_known(self, within: float = 60.0) -> None:
        """A port opens before its broker is unfenced, and a topic with three replicas needs three that are."""
        with ThreadPoolExecutor(1) as aside:  # a loop may be running in this thread
            aside.submit(asyncio.run, self._known(time.monotonic() + within)).result()

    async def _known(self, deadline: float) -> None:
        for port in self._ports:
            while True:
                client = AIOKafkaClient(bootstrap_servers=f"{HOST}:{port}")
                try:
                    await client.bootstrap()
                    if len(client.cluster.brokers()) == self.count:
                        break
                except (KafkaError, OSError):
                    pass
                finally:
                    await client.close()
                if time.monotonic() > deadline:
                    raise ChildFailed(f"the broker at port {port} does not know all {self.count}; see {self.folder}")
                await asyncio.sleep(0.05)

    def wipe(self, within: float = 60.0) -> None:
        """No topic of ours is there any more, and with them the groups' offsets, on any broker, when this returns."""
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, self._wiped(time.monotonic() + within)).result()

    async def _wiped(self, deadline: float) -> None:
        for port in self._ports:
            while True:
                admin = AIOKafkaAdminClient(bootstrap_servers=f"{HOST}:{port}")
                try:
                    await admin.start()
                    theirs = [name for name in await admin.list_topics() if not name.startswith("__")]
                    if not theirs:
                        break
                    await admin.delete_topics(theirs)
                except (KafkaError, OSError):
                    pass
                finally:
                    await admin.close()
                if time.monotonic() > deadline:
                    raise ChildFailed(f"the broker at port {port} still has topics; see {self.folder}")
                await asyncio.sleep(0.05)

    def pid(self, i: int) -> int:
        """The broker's own process id, 0 when it does not run."""
        program = self._programs[i]
        return program.pid if program else 0

    def kill(self, i: int) -> None:
        """SIGKILL; dead when this returns."""
        self._program(i).kill()

    def pause(self, i: int) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        self._program(i).tell(signal.SIGSTOP)

    def resume(self, i: int) -> None:
        """SIGCONT."""
        self._program(i).tell(signal.SIGCONT)

    def end(self, i: int) -> None:
        """SIGTERM: the broker hands its partitions over and leaves; killed where that takes more than ten seconds."""
        self._program(i).stop()

    def start_again(self, *which: int) -> Self:
        """The brokers' ports are open again, with the data they had. Those named together start together: a quorum of controllers may
        need more than one.
        """
        self._run(which)
        return self

    def settings(self, **over: object) -> LogSettings:
        """Settings that find this cluster and ask of it what it can hold."""
        asked = {"replication": min(3, self.count), "min_insync": min(2, self.count)}
        return LogSettings.model_validate({"brokers": self.brokers, **asked, **over})

    def stop(self) -> None:
        """Kills every broker: what they held is not needed any more. Safe to call twice, and when it never started."""
        for program in self._programs:
            if program is not None:
                program.kill()
