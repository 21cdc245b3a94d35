"""The memory of a process that makes many short-lived values: when Python looks for rings of them.

Cases, entries and rows are made by the hundred thousand and hardly ever refer to each other in a ring, yet by default a look is taken after
every 700 of them: a seventh of a storm's time. What a process has when it starts never goes away, so that is not looked at again either.
"""

from __future__ import annotations

import gc
from typing import Final

FRESH: Final = 50_000  # new values after which the youngest are looked at


def settle_down() -> None:
    """What is there now stays; from now on it is looked for rings less often. For the beginning of a process, once it is composed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(FRESH, 20, 20)
