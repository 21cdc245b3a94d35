"""`tocsin bench` with a real PostgreSQL beside SQLite, where one is installed: `python -m tests.live.bench [OPTIONS of tocsin bench]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.live.servers import Postgres, ServerMissing


def main() -> int:
    """The exit code of the bench."""
    command = [sys.executable, "-m", "api.command", "bench", *sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        try:
            server = Postgres(Path(folder)).start()
        except ServerMissing as missing:
            sys.stderr.write(f"PostgreSQL is left out: {missing}\n")
            return subprocess.run(command, check=False).returncode
        try:
            address = server.new_database()
            return subprocess.run([*command, "--postgres", address], check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
