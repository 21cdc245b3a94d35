"""A process ends when it is asked to, whatever it waits for: half an upgrade is restarting processes whose servers are being restarted too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.child import free_ports
from api.heartbeat import DRAIN_WITHIN

ROOT = Path(__file__).parents[2]
VERBS = ("gateway", "worker", "sender", "api")


def catches_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[subprocess.Popen[bytes], Path]]]:
    """One process of each kind, all started at once, whose servers are away; and where it writes."""
    nobody, folder = f"127.0.0.1:{free_ports(1)[0]}", tmp_path_factory.mktemp("waiting")
    started: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
    try:
        for verb in VERBS:
            env = {
                **os.environ, "TOCSIN_LOG__BROKERS": nobody, "TOCSIN_MQTT__PORT": nobody.partition(":")[2],
                "TOCSIN_LEDGER__URL": f"sqlite:///{folder}/{verb}.db", "TOCSIN_SERIES__PATH": str(folder / f"{verb}-series.db"),
                "TOCSIN_API__PORT": "0",
            }  # fmt: skip
            file = folder / f"{verb}.log"
            command = [sys.executable, "-m", "api.command.process", verb]
            with file.open("wb") as log:
                started[verb] = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log), file
        yield started
    finally:
        for process, _ in started.values():
            process.kill()
            process.wait()


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see that the process listens to SIGTERM"
)
@pytest.mark.parametrize("verb", VERBS)
def test_a_process_whose_servers_are_away_ends_when_asked_to(
    verb: str, waiting: dict[str, tuple[subprocess.Popen[bytes], Path]]
) -> None:
    process, log = waiting[verb]
    deadline = time.monotonic() + 60
    while not catches_term(process.pid):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.terminate()
    process.wait(DRAIN_WITHIN * 5)  # that it ends by itself; how soon is the heart's own test
