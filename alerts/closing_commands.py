"""What people say about the end of a case, and about beginning it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alerts.moves import Move
from alerts.work import Finding


@dataclass(frozen=True, slots=True)
class Verify:
    """Somebody else than who handled it looked, and it is done (核查).

    Where a sensor cannot say that it is over (it burned), a supervisor may approve that in its place, with the reason in `note`.
    """

    move: ClassVar[Move] = Move.VERIFY
    by: str
    note: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class CallBack:
    """A caller was told the result (回访). `content` says whether the caller was content; a caller who is not opens the case again."""

    move: ClassVar[Move] = Move.CALL_BACK
    by: str
    call: str
    content: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The case is closed (结案) with an outcome in words and what it turned out to be.

    While a caller is owed a word it does not close, but where `unreached` says why they could not be told.
    """

    move: ClassVar[Move] = Move.CLOSE
    by: str
    outcome: str = ""
    finding: Finding = Finding.FOUNDED
    unreached: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """How content the resident was, 1 to 5 (效果评价)."""

    move: ClassVar[Move] = Move.RATE
    by: str
    score: int
    note: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.score <= 5:
            raise ValueError(f"a rating is 1 to 5, got {self.score}; ask again")


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """There was nothing (误报)."""

    move: ClassVar[Move] = Move.FALSE_ALARM
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Void:
    """It should not have been opened at all (作废): with a reason, and with another's approval."""

    move: ClassVar[Move] = Move.VOID
    by: str
    note: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """It was not over: the bell opens again (重开)."""

    move: ClassVar[Move] = Move.REOPEN
    by: str
    note: str = ""
