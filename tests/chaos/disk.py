"""A small disk: a tmpfs that can be filled to the last byte, and freed again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.chaos.skip import Skip


class SmallDisk:
    """Mounted where `path` says; needs root."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
        if os.getuid() != 0:
            raise Skip("a small disk is a tmpfs that only root may mount; run as root")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tocsin-chaos", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            raise Skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
        for above in path.parents:  # the database's own account must be able to enter
            if above == Path("/tmp"):
                break
            above.chmod(above.stat().st_mode | 0o055)

    def fill(self) -> None:
        """Take whatever is free, until there is nothing."""
        with (self.path / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 1_000_000)
            except OSError:
                pass
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                return

    def free(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)
