"""Reading ahead of one's turn to write: what was read is read again when the turn has come, and must not have changed.

Writers take turns, and deciding about a large batch takes longer than writing it. Whoever decides ahead of the turn lets the others write
meanwhile, several workers decide at the same time, and the turn is short. It is safe because what is decided follows from what was read
and from nothing else: the same answers, the same decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, Executable, FrozenResult, Result

from alerts.ledger.port import Conflict


class Reads(Protocol):
    """What questions are put to: a connection, or one that reads ahead."""

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Result[Any]: ...


class Ahead:
    """Asks like a connection, and remembers what it was told until the turn comes."""

    def __init__(self, connection: Connection, take_turn: Callable[[Connection], None]) -> None:
        self._connection = connection
        self._take_turn = take_turn
        self._told: list[tuple[Executable, Mapping[str, Any] | None, FrozenResult[Any]]] = []
        self._waits = True

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Result[Any]:
        """The answer to a question that changes and locks nothing."""
        if not self._waits:
            return self._connection.execute(statement, parameters)
        frozen = self._connection.execute(statement, parameters).freeze()
        self._told.append((statement, parameters, frozen))
        return frozen()

    def take_turn(self) -> None:
        """From here on nobody else writes. Raises `Conflict` when an answer is another one by now; then nothing may be decided by it."""
        if not self._waits:
            return
        self._take_turn(self._connection)
        for statement, parameters, frozen in self._told:
            if not _same(self._connection.execute(statement, parameters), frozen()):
                raise Conflict("somebody wrote while this was decided: read again and decide again")
        self._waits = False  # only now: whoever passes over a conflict meets it again
        self._told.clear()


def _same(now: Result[Any], then: Result[Any]) -> bool:
    """Whether two answers have the same rows; their order is the server's own where a question names none."""
    left, right = now.all(), then.all()
    return left == right or sorted(map(repr, left)) == sorted(map(repr, right))
