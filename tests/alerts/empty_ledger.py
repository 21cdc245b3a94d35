"""Empty ledgers for tests that are about something else than migrations: the tables are made once and copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from alerts.ledger import open_ledger


@cache
def _tables() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        open_ledger(f"sqlite:///{file}").close()
        assert list(Path(folder).iterdir()) == [file], "the whole of it is in one file"
        return file.read_bytes()


def empty_ledger(folder: Path) -> str:
    """The address of an empty SQLite ledger in a folder, as `open_ledger` would have made it. One that is there already is left."""
    file = folder / "ledger.db"
    if not file.exists():
        file.write_bytes(_tables())
    return f"sqlite:///{file}"
