"""The ways of speaking that the gateway understands, one module each; every one reads a topic and bytes into `claims`.

`DIALECTS` is the registry: a new format is a new module and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingest.dialects.claims import Dialect
from ingest.dialects.mapped import mapped_dialects
from ingest.dialects.native import Native

# Asked in this order; each is made with the deployment's own profiles file, or None.
DIALECTS: Final[dict[str, Callable[[Path | None], tuple[Dialect, ...]]]] = {
    "native": lambda _: (Native(),),
    "mapped": mapped_dialects,
}


def open_dialects(profiles: Path | None = None) -> tuple[Dialect, ...]:
    """Every dialect, ready to read. Raises `ingest.dialects.mapped.ProfileError`."""
    return tuple(dialect for make in DIALECTS.values() for dialect in make(profiles))
