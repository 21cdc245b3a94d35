"""InfluxDB 2 as a plain process, from deploy/influxdb, set up as `tocsin migrate` does it."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from api.child import ChildFailed
from api.provision import provide_series
from streams.settings import SeriesSettings
from tests.live.process import CACHE, DEPLOY, HOST, Server, ServerMissing

BUILT = CACHE / "influxd" / "bin"  # by deploy/influxdb/install
ORG, BUCKET, TOKEN = "tocsin", "tocsin", "a-token-for-tests"


class Influx(Server):
    """One server with an organisation, a bucket that keeps everything, and a token; nothing of that where it is to be `bare`."""

    NAME = "influxd"

    def __init__(self, folder: Path, *, port: int = 0, bare: bool = False) -> None:
        super().__init__(folder, port=port)
        self._bare = bare

    def _prepare(self) -> None:
        found = shutil.which("influxd") or shutil.which("influxd", path=BUILT)
        if found is None:
            raise ServerMissing("no influxd on the PATH, and deploy/influxdb/install has not built one (ten minutes)")
        self._binary = found

    def _command(self) -> Sequence[str]:
        return [
            self._binary, f"--http-bind-address={HOST}:{self.port}", f"--bolt-path={self.folder / 'influxd.bolt'}",
            f"--sqlite-path={self.folder / 'influxd.sqlite'}", f"--engine-path={self.folder / 'engine'}",
        ]  # fmt: skip

    def _environment(self) -> Mapping[str, str] | None:
        return {**os.environ, "INFLUXD_CONFIG_PATH": str(DEPLOY / "influxdb" / "config.yml")}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def _ready(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or not self.pid:
                raise ChildFailed(f"influxd listens and does not answer; see its log in {self.folder}")
            time.sleep(0.05)
        if not self._bare:
            provide_series(self.settings(), lambda _: None, within=30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def new_bucket(self) -> str:
        """The name of a fresh, empty bucket that keeps everything."""
        name = f"t{uuid.uuid4().hex}"
        provide_series(self.settings(bucket=name), lambda _: None, within=30)
        return name

    def settings(self, **over: object) -> SeriesSettings:
        """Settings that find this server and its bucket."""
        own = {"store": "influx", "url": self.url, "org": ORG, "bucket": BUCKET, "token": TOKEN, "retention_days": 0}
        return SeriesSettings.model_validate({**own, **over})
