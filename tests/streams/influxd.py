"""A private InfluxDB 2 for the contract suite, where `influxd` is installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.settings import SeriesSettings

BUILT = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tocsin" / "influxd" / "bin"
)  # deploy/influxdb/install


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[SeriesSettings]:
    """A server in `folder` with a bucket of ours; skips where there is no binary."""
    binary = shutil.which("influxd") or shutil.which("influxd", path=BUILT)
    if binary is None:
        pytest.skip(
            "no influxd on the PATH, and deploy/influxdb/install has not built one: only the embedded store is held to it"
        )
    port, bolt = _free_port(), folder / "influxd.bolt"
    server = subprocess.Popen(
        [binary, f"--http-bind-address=127.0.0.1:{port}", f"--bolt-path={bolt}", f"--sqlite-path={folder / 'influxd.sqlite'}",
         f"--engine-path={folder / 'engine'}", "--reporting-disabled"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        setup = {"username": "u", "password": "long-enough-1", "org": "tocsin", "bucket": "tocsin", "token": "t"}
        deadline = time.monotonic() + 20
        while True:
            try:
                request = urllib.request.Request(f"{url}/api/v2/setup", json.dumps(setup).encode(), method="POST")  # noqa: S310
                urllib.request.urlopen(request, timeout=5).read()  # noqa: S310
                break
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.1)
        yield SeriesSettings(store="influx", url=url, token=SecretStr("t"))
    finally:
        server.kill()
        server.wait()
