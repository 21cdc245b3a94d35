"""A changed copy of a frozen, slotted value, for the few places where a storm makes most of its copies.

`dataclasses.replace` asks for every field by name and lets the class set every field by name again, which for an alert was a seventh of a
storm. Here both are written out once for each class. Only for classes without `__post_init__`, since that is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")
_Copier = Callable[[Any, dict[str, Any]], Any]
_COPIERS: Final[dict[type, _Copier]] = {}


def evolve(old: T, **changes: Any) -> T:
    """The value with some fields changed. Raises `TypeError` for a field that it does not have, or a class that checks its values."""
    cls = old.__class__
    if (copier := _COPIERS.get(cls)) is None:
        copier = _COPIERS[cls] = _copier(cls)
    return cast("T", copier(old, changes))


def _copier(cls: type) -> _Copier:
    if hasattr(cls, "__post_init__") or "__slots__" not in vars(cls):
        raise TypeError(f"{cls.__name__} is not a slotted dataclass without __post_init__; use dataclasses.replace")
    names = [field.name for field in fields(cls)]
    known = frozenset(names)
    lines = ["def copier(old, changes):", " if not changes.keys() <= known:", "  refuse(changes)", " new = make(cls)"]
    lines += [f" set_{n}(new, changes[{n!r}] if {n!r} in changes else old.{n})" for n in names]
    room: dict[str, Any] = {f"set_{n}": getattr(cls, n).__set__ for n in names}

    def refuse(changes: dict[str, Any]) -> None:
        raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(changes.keys() - known))}")

    room |= {"cls": cls, "make": object.__new__, "known": known, "refuse": refuse}
    exec("\n".join([*lines, " return new"]), room)  # noqa: S102  # as dataclasses do: the names are those of our own fields
    return cast("_Copier", room["copier"])
