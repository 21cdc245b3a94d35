"""PostgreSQL as plain processes, from deploy/postgres."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
import weakref
from collections.abc import Sequence
from pathlib import Path

import psycopg

from alerts.ledger import open_ledger
from tests.live.process import DEPLOY, HOST, Server, ServerMissing, wait_until_dead

USER = "tocsin"
ROOM = 4 << 30


def programs() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return found[-1].parent if found else None


def _memory() -> Path | None:
    """A folder in memory with room for many small databases, where this machine has one: making and deleting their files is most of the
    time of a contract suite.
    """
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > ROOM else None


class Postgres(Server):
    """One server. The server's user `tocsin` may do anything and needs no password."""

    NAME = "postgres"
    _stop_signal = signal.SIGINT  # ends connections that are open; SIGTERM would wait for them

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        port: int = 0,
        data: Path | None = None,
        max_connections: int | None = None,
    ) -> None:
        """`durable` as deployed; without it nothing is waited for on the disk, which a contract suite does not ask for. `data`: where the
        files live (PostgreSQL's own account must be able to enter), a temporary folder without it.
        """
        super().__init__(folder, port=port)
        self._pattern = ""  # the database that new ledgers are copied from
        self._durable, self._home, self._max_connections = durable, data, max_connections

    def _prepare(self) -> None:
        found = programs()
        if found is None:
            raise ServerMissing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        self._programs = found
        self._as: list[str] = []
        if self._home is None:  # not the folder itself: the server's account may not enter that
            self._home = Path(tempfile.mkdtemp(prefix="tocsin-postgres-", dir=None if self._durable else _memory()))
            weakref.finalize(self, shutil.rmtree, self._home, ignore_errors=True)
        if os.getuid() == 0:  # the server refuses to run as root
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                raise ServerMissing("PostgreSQL will not run as root, and there is no account postgres") from None
            os.chown(self._home, account.pw_uid, account.pw_gid)
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=SIGKILL"]
        self._data = self._home / "data"
        own = Path(shutil.copy(DEPLOY / "postgres" / "postgresql.conf", self._home / "postgresql.conf"))
        own.chmod(0o644)
        command = [
            *self._as, str(self._programs / "initdb"), "-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-sync",
        ]  # fmt: skip
        with (self.folder / "initdb.log").open("wb") as out:
            subprocess.run(command, check=True, timeout=60, cwd=self._home, stdout=out, stderr=out)

    def _command(self) -> Sequence[str]:
        over = {
            "config_file": f"{self._home}/postgresql.conf",
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": self._home,
        }
        if not self._durable:
            over |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        if self._max_connections is not None:
            over["max_connections"] = self._max_connections
        options = [part for key, value in over.items() for part in ("-c", f"{key}={value}")]
        return [*self._as, str(self._programs / "postgres"), "-D", str(self._data), *options]

    def _ready(self) -> None:
        deadline = time.monotonic() + 60
        while True:  # it may be reading its log again
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _address(self, database: str) -> str:
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"

    def url(self, database: str) -> str:
        """The SQLAlchemy address of a database."""
        return self._address(database).replace("postgresql:", "postgresql+psycopg:", 1)

    def new_database(self) -> str:
        """The address of a fresh, empty database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_ledger(self) -> str:
        """The address of a fresh, empty ledger: the tables are made once and copied, as a contract suite needs many."""
        if not self._pattern:
            self._pattern = self.new_database()
            open_ledger(self._pattern).close()
        name, pattern = f"t{uuid.uuid4().hex}", self._pattern.rpartition("/")[2]
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {pattern}")
        return self.url(name)

    def immediate(self) -> None:
        """`pg_ctl -m immediate stop`: nothing is written back; the next start reads the log again."""
        family = self.program.family()
        if family:
            os.kill(family[0], signal.SIGQUIT)
            wait_until_dead(family)
        self.program.kill()
