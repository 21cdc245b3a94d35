"""A changed copy of a frozen value, for the few places where a storm makes most of its copies.

`dataclasses.replace` asks for every field by name and lets the class set every field by name again, which for an alert was a seventh of a
storm. Here all fields are copied at once, so only for classes without `__slots__`, and without `__post_init__`, since that is passed over.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

T = TypeVar("T")
_FIT: Final[set[type]] = set()  # classes that were looked at


def evolve(old: T, **changes: Any) -> T:
    """The value with some fields changed. Raises `TypeError` for a field that it does not have, or a class that checks its values."""
    cls = old.__class__
    if cls not in _FIT:
        if hasattr(cls, "__post_init__") or not hasattr(old, "__dict__"):
            raise TypeError(f"{cls.__name__} has slots or a __post_init__; use dataclasses.replace")
        _FIT.add(cls)
    before = old.__dict__
    after = before | changes
    if len(after) != len(before):
        raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(changes.keys() - before.keys()))}")
    new = object.__new__(cls)
    object.__setattr__(new, "__dict__", after)
    return new
