"""A process ends when it is asked to, whatever it waits for: half an upgrade is restarting processes whose servers are being restarted too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.child import free_ports
from api.heartbeat import DRAIN_WITHIN

ROOT = Path(__file__).parents[2]


def catches_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see that the process listens to SIGTERM"
)
@pytest.mark.parametrize("verb", ["gateway", "worker", "sender", "api"])
def test_a_process_whose_servers_are_away_ends_when_asked_to(verb: str, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    env = {
        **os.environ, "TOCSIN_LOG__BROKERS": nobody, "TOCSIN_MQTT__PORT": nobody.partition(":")[2],
        "TOCSIN_LEDGER__URL": f"sqlite:///{tmp_path}/ledger.db", "TOCSIN_SERIES__PATH": str(tmp_path / "series.db"),
        "TOCSIN_API__PORT": "0",
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.command.process", verb], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while not catches_term(process.pid):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.terminate()
        process.wait(DRAIN_WITHIN * 5)  # that it ends by itself; how soon is the heart's own test
    finally:
        process.kill()
        process.wait()
