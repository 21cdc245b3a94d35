"""InfluxDB 2 as a plain process, from deploy/influxdb."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.settings import SeriesSettings
from tests.live.process import DEPLOY, HOST, Server, ServerMissing

BUILT = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin" / "influxd" / "bin"
)  # deploy/influxdb/install
ORG, BUCKET, TOKEN = "tocsin", "tocsin", "a-token-for-tests"


class Influx(Server):
    """One server, set up with an organisation, a bucket and a token."""

    NAME = "influxd"

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
        while True:
            try:
                if self._ask("GET", "/api/v2/setup")["allowed"]:
                    own = {
                        "username": "tocsin",
                        "password": "long-enough-1",
                        "org": ORG,
                        "bucket": BUCKET,
                        "token": TOKEN,
                    }
                    self._ask("POST", "/api/v2/setup", own)
                return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or not self.pid:
                    raise
                time.sleep(0.05)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        head = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, head, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found

    def new_bucket(self) -> str:
        """The name of a fresh, empty bucket that keeps everything."""
        name = f"t{uuid.uuid4().hex}"
        org = self._ask("GET", f"/api/v2/orgs?org={ORG}")["orgs"][0]["id"]
        self._ask("POST", "/api/v2/buckets", {"orgID": org, "name": name, "retentionRules": []})
        return name

    def settings(self, **over: object) -> SeriesSettings:
        """Settings that find this server and its bucket."""
        own = {"store": "influx", "url": self.url, "org": ORG, "bucket": BUCKET, "token": TOKEN}
        return SeriesSettings.model_validate({**own, **over})
