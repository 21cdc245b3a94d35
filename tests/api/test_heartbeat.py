"""A process beats while its parts get on, and leaves when one of them does not."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.delivery import sender
from alerts.ledger.port import LedgerUnavailable
from api import heartbeat
from api.heartbeat import LOOP_WITHIN, Heart, follow_answers, main
from ingest.clock import Clock
from ingest.doors import _progress
from ingest.receipts import Shipment
from streams.guard import LEAVE_UNDRAINED

PATIENCE = 10.0  # seconds after which a test gives up waiting for another thread


@contextmanager
def systemd(folder: Path, *, abstract: bool = False) -> Iterator[tuple[str, socket.socket]]:
    """The address that a unit would be given, and the end at which systemd listens."""
    name = f"@tocsin-{os.getpid()}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if abstract else name)
        listening.settimeout(PATIENCE)
        yield name, listening


@pytest.mark.parametrize("abstract", [False, True], ids=["a socket with a path", "a socket without"])
def test_systemd_hears_ready_then_watchdog_then_stopping(tmp_path: Path, abstract: bool) -> None:
    with systemd(tmp_path, abstract=abstract) as (name, listening), Heart(name, every=0.01) as heart:
        heart()
        assert listening.recv(100) == b"READY=1"
        assert [listening.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        heart.stopping()
        said = listening.recv(100)
        while said == b"WATCHDOG=1":
            said = listening.recv(100)
        assert said == b"STOPPING=1"


def test_nothing_beats_before_the_process_is_ready(tmp_path: Path) -> None:
    heart, looks = Heart(file=tmp_path / "beat", every=0.001), threading.Event()
    heart.moves("a part", 60)()
    heart._parts["a part"].watchdog = SimpleNamespace(limit=60, look=lambda *_: looks.set() or [])
    with heart:
        assert looks.wait(PATIENCE)
        assert not (tmp_path / "beat").exists()


def test_the_health_check_goes_by_the_age_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run" / "beat"
    assert main([str(file)]) == 1
    assert "not ready" in capsys.readouterr().err
    with Heart(file=file, every=60) as heart:
        heart()
        assert main([str(file)]) == 0
        os.utime(file, (0, 0))
        assert main([str(file)]) == 1
        assert "frozen" in capsys.readouterr().err
    assert not file.exists(), "a process that has ended is not well"


def test_the_health_check_is_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.heartbeat", str(tmp_path / "none")], check=False, capture_output=True
    )
    assert done.returncode == 1
    assert b"no heartbeat" in done.stderr


STANDING = [
    # sentence, the moments at which the part moves, the moments at which somebody looks, stands still at the last
    ("a part that moves is well", [0, 5, 10, 15], [1, 6, 11, 16], False),
    ("a part that stopped moving is found", [0], [1, 6, 11], True),
    ("a part that has not begun is not judged", [], [1, 6, 11, 500], False),
    ("one look long after the last is not enough", [0], [1, 500], False),
]


@pytest.mark.parametrize(("_sentence", "moves", "looks", "found"), STANDING, ids=[row[0] for row in STANDING])
def test_who_stands_still(_sentence: str, moves: list[int], looks: list[int], found: bool) -> None:
    heart = Heart()
    moved = heart.moves("a part", 8.0)
    said: list[str] = []
    for at in sorted({*moves, *looks}):
        if at in moves:
            moved()
        if at in looks:
            said = heart.stands_still(float(at))
    assert said == (["a part"] if found else [])


def test_a_process_that_was_frozen_as_a_whole_gets_time_to_move() -> None:
    heart = Heart()
    heart.moves("a part", 8.0)()
    heart.stands_still(1.0), heart.stands_still(2.0)
    heart.forgive()
    assert [heart.stands_still(at) for at in (100.0, 101.0, 102.0)] == [[], [], []]
    assert heart.stands_still(109.0) == ["a part"]


def test_a_process_with_a_part_that_stands_still_leaves_to_be_started_again(tmp_path: Path) -> None:
    left: list[int] = []
    gone = threading.Event()
    with systemd(tmp_path) as (name, listening):
        with Heart(name, every=0.001, leave=lambda code: (left.append(code), gone.set())) as heart:
            heart.moves("the part", 0.0)()
            assert gone.wait(PATIENCE)
        assert left == [75]
        assert listening.recv(100) == b"STATUS=no progress in the part"


FROZEN = """
import asyncio, sys, time
import api.heartbeat
from api.command.process import until_told
from api.settings import Settings
api.heartbeat.LOOP_WITHIN = 0.2
async def run(settings, stop, heart):
    heart()
    {body}
    await stop.wait()
with api.heartbeat.Heart(every=0.05, on_ready=lambda: print("ready", flush=True)) as heart:
    asyncio.run(until_told(run, Settings(), heart))
"""


def process(body: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FROZEN.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_process_whose_event_loop_is_blocked_leaves_and_says_where_it_was() -> None:
    child = process("await asyncio.sleep(0.1); time.sleep(3600)")
    try:
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 75
    assert b'File "<string>", line' in said, "the stack of the thread that blocks is the only witness"


def test_a_process_is_ended_by_a_signal_and_not_by_its_heart() -> None:
    child = process("pass")
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, said) == (0, b"")


def test_the_loop_s_limit_is_below_the_patience_of_the_units() -> None:
    assert LOOP_WITHIN <= 60


async def _answering(line: bytes) -> int:
    """How often a server that answers so was found to live, in three questions."""
    asked, moved, stop = 0, 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readline()
        writer.write(line)
        writer.close()
        stop.set()

    def count() -> None:
        nonlocal moved
        moved += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.wait_for(follow_answers("0.0.0.0", port, count, stop), PATIENCE)
    assert asked == 1
    return moved


@pytest.mark.parametrize(
    ("line", "lives"), [(b"HTTP/1.1 200 OK\r\n\r\n", 1), (b"HTTP/1.1 500 No\r\n\r\n", 0), (b"", 0)]
)
def test_an_api_lives_when_it_answers_itself_with_200(line: bytes, lives: int) -> None:
    assert asyncio.run(_answering(line)) == lives


def rounds(oldest: list[Shipment | None], *, healthy: bool = True) -> int:
    """How often a gateway moves that has these in hand, second after second."""
    moved, seen = 0, iter(oldest)

    class Hand:
        @property
        def oldest(self) -> Shipment | None:
            return next(seen)

    def count() -> None:
        nonlocal moved
        moved += 1

    async def live() -> None:
        hand: Any = Hand()
        writer: Any = SimpleNamespace(healthy=healthy)
        await _progress(hand, writer, count, every=0.0)

    with pytest.raises(RuntimeError):  # the seconds are over
        asyncio.run(live())
    return moved


A, B = Shipment(0, 1), Shipment(0, 1)


@pytest.mark.parametrize(
    ("_sentence", "oldest", "healthy", "moves"),
    [
        ("nothing in hand is well", [None, None, None], True, 3),
        ("one after another is well", [A, B, A], True, 3),
        ("the same again and again gets nowhere", [A, A, A], True, 1),
        ("a log that is known to be away is waited for", [A, A, A], False, 3),
    ],
)
def test_a_gateway_moves(_sentence: str, oldest: list[Shipment | None], healthy: bool, moves: int) -> None:
    assert rounds(oldest, healthy=healthy) == moves


@pytest.mark.parametrize(
    ("_sentence", "busy", "away", "moves"),
    [
        ("a sender with a free hand moves", 0, False, True),
        ("one whose ledger is away knows why it waits", 0, True, True),
        ("one whose hands are all full does not", sender.WORKERS, False, False),
    ],
)
def test_a_sender_moves(_sentence: str, busy: int, away: bool, moves: bool) -> None:
    stop, moved = threading.Event(), []

    def lease(*_: Any, **__: Any) -> list[Any]:
        stop.set()
        if away:
            raise LedgerUnavailable("away")
        return []

    ledger: Any = SimpleNamespace(lease_notices=lease, next_due=lambda: None)
    mine = sender.Sender(
        ledger, SimpleNamespace(receipt=None), {}, roster=lambda: None, clock=Clock(), moved=lambda: moved.append(1)
    )  # type: ignore[arg-type]
    mine._busy = busy
    if busy:
        mine._wake = SimpleNamespace(clear=lambda: None, wait=lambda _: stop.set(), set=lambda: None)  # type: ignore[assignment]
    else:
        mine.wake()
    mine.run(stop)
    assert bool(moved) is moves


def test_a_process_that_does_not_drain_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "DRAIN_WITHIN", 0.05)
    left, gone = [], threading.Event()

    def leave(code: int) -> None:
        left.append(code)
        gone.set()

    with Heart(file=tmp_path / "beat", every=0.01, leave=leave) as heart:
        heart()
        heart.stopping()
        assert gone.wait(PATIENCE)
    assert left == [LEAVE_UNDRAINED]


def test_a_real_process_under_a_unit(tmp_path: Path) -> None:
    """A sender as systemd starts it, with a health check beside: ready, alive, asked to end, ended."""
    file = tmp_path / "run" / "heartbeat"
    with systemd(tmp_path) as (name, listening):
        listening.settimeout(60)
        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
        env |= {
            "NOTIFY_SOCKET": name,
            "WATCHDOG_USEC": "300000",
            "TOCSIN_LEDGER__URL": f"sqlite:///{tmp_path / 'ledger.db'}",
            "TOCSIN_SERIES__PATH": str(tmp_path / "series.db"),
        }
        command = [sys.executable, "-m", "api.command.process", "sender", "--heartbeat", str(file)]
        child = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
        try:
            assert [listening.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            assert main([str(file)]) == 0
            child.send_signal(signal.SIGTERM)
            said = listening.recv(100)
            while said == b"WATCHDOG=1":
                said = listening.recv(100)
            assert said == b"STOPPING=1"
            _, errors = child.communicate(timeout=60)
        finally:
            child.kill()
            child.wait(60)
    assert child.returncode == 0, errors
    assert not file.exists()
