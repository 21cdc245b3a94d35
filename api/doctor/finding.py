"""What a look found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `do` says what to do about it; where it is well, what will have to be done before long, or nothing."""

    part: str
    well: bool
    found: str
    do: str = ""
