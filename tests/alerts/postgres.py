"""A private PostgreSQL for tests: started on loopback by this process, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ADDRESS = "TOCSIN_TEST_POSTGRES"
MISSING = f"no PostgreSQL: set {ADDRESS} to an address, or install the server (looked in /usr/lib/postgresql/*/bin)"


def binaries() -> Path | None:
    """The newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return found[-1].parent if found and (os.getuid() != 0 or _account() is not None) else None


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The address (without a database's name) of a server that lives as long as the context."""
    programs = binaries()
    assert programs is not None
    home = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))  # not tmp_path: the server's account may not enter that
    who = {}
    if os.getuid() == 0:  # the server refuses to run as root
        account = _account()
        assert account is not None
        os.chown(home, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data, port = home / "data", _free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home}
    command = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "tocsin",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    subprocess.run(command, check=True, timeout=60, **quiet, **who)
    settings = [f"unix_socket_directories={home}", "listen_addresses=127.0.0.1", f"port={port}"]
    settings += [] if durable else ["fsync=off", "synchronous_commit=off"]
    options = [part for setting in settings for part in ("-c", setting)]
    child = subprocess.Popen([programs / "postgres", "-D", data, *options], **quiet, **who)
    try:
        _until_it_answers(child, port)
        yield f"postgresql+psycopg://tocsin@127.0.0.1:{port}"
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def new_database(address: str) -> str:
    """A fresh, empty database on a server; its address."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(address.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{address}/{name}"


def _until_it_answers(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert child.poll() is None, f"postgres ended with {child.returncode}"
        try:
            psycopg.connect(f"postgresql://tocsin@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
