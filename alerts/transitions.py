"""The table of transitions, and what each move needs. It is the only place that says which move leads where.

The diagram and the table in docs/lifecycle.md are printed from here by `python -m alerts.transitions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from alerts.alert import OVER, Handling
from alerts.commands import Command
from alerts.moves import Move
from alerts.outcome import NotAllowed

_H = Handling
OPEN: Final = tuple(h for h in Handling if h not in OVER)
_WITH_PEOPLE: Final = (_H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED, _H.ON_SCENE, _H.HANDLED, _H.VERIFIED)
_BEFORE_DONE: Final = (_H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED, _H.ON_SCENE)
_FINISHED: Final = (_H.CLOSED, _H.EVALUATED, _H.FALSE_ALARM, _H.VOID, _H.SUPPRESSED)
_TOLD_HOW: Final = (_H.HANDLED, _H.VERIFIED, _H.CLOSED)  # when callers can be told how it ended


def _rows() -> dict[tuple[Handling, Move], Handling]:
    def to(target: Handling, move: Move, *sources: Handling) -> dict[tuple[Handling, Move], Handling]:
        return {(source, move): target for source in sources}

    def stay(move: Move, *sources: Handling) -> dict[tuple[Handling, Move], Handling]:
        return {(source, move): source for source in sources}

    return {
        **to(_H.ACKNOWLEDGED, Move.ACKNOWLEDGE, _H.NEW),
        **stay(Move.ACKNOWLEDGE, *_WITH_PEOPLE),  # a second one is welcome and changes nothing
        **to(_H.NEW, Move.UNDO, _H.ACKNOWLEDGED),
        **to(_H.NEW, Move.EXPIRE, _H.ACKNOWLEDGED),
        **to(_H.DISPATCHED, Move.DISPATCH, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED),
        **to(_H.ACKNOWLEDGED, Move.GIVE_BACK, _H.DISPATCHED, _H.ACCEPTED),
        **to(_H.ACCEPTED, Move.ACCEPT, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED),
        **to(_H.ON_SCENE, Move.ARRIVE, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED),
        **to(_H.HANDLED, Move.HANDLE, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED, _H.ON_SCENE),
        **to(_H.VERIFIED, Move.VERIFY, _H.HANDLED),
        **stay(Move.CALL_BACK, *_TOLD_HOW),
        **to(_H.NEW, Move.COMPLAIN, *_TOLD_HOW),  # one level higher, with its history
        **to(_H.CLOSED, Move.CLOSE, _H.HANDLED, _H.VERIFIED),
        **to(_H.EVALUATED, Move.RATE, _H.CLOSED),
        **to(_H.FALSE_ALARM, Move.FALSE_ALARM, *OPEN),
        **to(_H.VOID, Move.VOID, *OPEN),
        **to(_H.MERGED, Move.MERGE, *OPEN),
        **to(_H.NEW, Move.SPLIT, _H.MERGED),
        **to(_H.NEW, Move.REOPEN, *_FINISHED),
        **to(_H.NEW, Move.WORSEN, *OPEN),  # law 7, also when somebody is already there
        **to(_H.NEW, Move.RETURN, _H.HANDLED, _H.VERIFIED),
        **stay(Move.GRADE, *OPEN),  # a higher level is Move.WORSEN
        **stay(Move.TRIAGE, *OPEN),  # as for a grade
        **stay(Move.CHECK_IN, *_BEFORE_DONE),
        **stay(Move.JOIN, *OPEN),
        **stay(Move.TAKE_IN, *Handling),
        **stay(Move.FOLLOW, _H.MERGED),
        **stay(Move.CLEAR, *Handling),  # a sensor returning to normal never closes a case
        **stay(Move.ESCALATE, *Handling),
        **stay(Move.CONTACT, *OPEN),
        **stay(Move.PAUSE, *OPEN),  # these four are about a service clock
        **stay(Move.RESUME, *OPEN),
        **stay(Move.EXTEND, *OPEN),
        **stay(Move.AGREE, *OPEN),
        **stay(Move.WHISTLE, *OPEN),  # units are called beside whoever has it
        **stay(Move.NOTE, *Handling),
        **stay(Move.SHOW, *Handling),
    }


TABLE: Final[Mapping[tuple[Handling, Move], Handling]] = MappingProxyType(_rows())


class Role(StrEnum):
    """Who may make a move."""

    OPERATOR = "operator"  # 值班员
    SUPERVISOR = "supervisor"  # 带班领导
    RESPONDER = "responder"  # 网格长 and whoever else was sent
    SYSTEM = "system"  # signals, timers, receipts


@dataclass(frozen=True, slots=True)
class Need:
    """What a move needs: who makes it, a reason in words, and the approval of somebody else."""

    roles: tuple[Role, ...]
    reason: bool = False
    approval: bool = False


_DESK: Final = (Role.OPERATOR, Role.SUPERVISOR)
_ANYBODY: Final = (*_DESK, Role.RESPONDER)
_SYSTEM: Final = (Role.SYSTEM,)
NEEDS: Final[Mapping[Move, Need]] = MappingProxyType({
    Move.ACKNOWLEDGE: Need(_ANYBODY),
    Move.UNDO: Need(_DESK),
    Move.DISPATCH: Need(_DESK),
    Move.GIVE_BACK: Need(_ANYBODY, reason=True),
    Move.ACCEPT: Need(_ANYBODY),
    Move.CONTACT: Need(_ANYBODY),
    Move.ARRIVE: Need(_ANYBODY),
    Move.CHECK_IN: Need(_ANYBODY),
    Move.HANDLE: Need(_ANYBODY),
    Move.VERIFY: Need(_DESK),
    Move.CALL_BACK: Need(_DESK),
    Move.COMPLAIN: Need(_DESK),
    Move.CLOSE: Need(_DESK),
    Move.RATE: Need(_DESK),
    Move.FALSE_ALARM: Need(_DESK),
    Move.VOID: Need(_DESK, reason=True, approval=True),
    Move.GRADE: Need(_DESK, reason=True),  # a lower level needs approval as well
    Move.TRIAGE: Need(_DESK),
    Move.MERGE: Need(_DESK),
    Move.SPLIT: Need(_DESK),
    Move.REOPEN: Need(_DESK),
    Move.PAUSE: Need(_ANYBODY, reason=True, approval=True),
    Move.RESUME: Need(_ANYBODY),
    Move.EXTEND: Need(_ANYBODY, reason=True, approval=True),
    Move.AGREE: Need(_ANYBODY, reason=True, approval=True),
    Move.WHISTLE: Need(_ANYBODY),
    Move.NOTE: Need(_ANYBODY),
    Move.SHOW: Need(_ANYBODY),
    **dict.fromkeys(
        (Move.EXPIRE, Move.WORSEN, Move.RETURN, Move.JOIN, Move.TAKE_IN, Move.FOLLOW, Move.CLEAR, Move.ESCALATE),
        Need(_SYSTEM),
    ),
})  # fmt: skip
_OF_CLOCKS: Final = frozenset({Move.PAUSE, Move.RESUME, Move.EXTEND, Move.AGREE})
_SAID_ALWAYS: Final = _OF_CLOCKS | {Move.NOTE, Move.CONTACT, Move.CALL_BACK, Move.GRADE, Move.TRIAGE}


def after(ident: str, handling: Handling, move: Move) -> Handling:
    """Where a move leads. Raises `NotAllowed`, which names what is possible instead."""
    found = TABLE.get((handling, move))
    if found is None:
        choices = ", ".join(allowed(handling))
        raise NotAllowed(
            f"{ident} is {handling}, so it cannot {move}; from here one can: {choices}", handling=handling, move=move
        )
    return found


@cache
def allowed(handling: Handling) -> tuple[Move, ...]:
    """What people may do now: the moves that a person makes and that lead somewhere or may always be said."""
    by_people = (m for m, need in NEEDS.items() if need.roles is not _SYSTEM)
    return tuple(
        m for m in by_people if (handling, m) in TABLE and (TABLE[handling, m] is not handling or m in _SAID_ALWAYS)
    )


def ask(ident: str, handling: Handling, command: Command, *, approval: bool = False) -> None:
    """Hold a command to what its move needs; `approval` asks for one beyond the table. Raises `NotAllowed` with what is missing."""
    need = NEEDS[command.move]
    missing: str = ""
    approved_by = getattr(command, "approved_by", "").strip()
    if need.reason and not getattr(command, "note", "").strip():
        missing = "a reason: say it in the note"
    elif (need.approval or approval) and not approved_by:
        missing = "somebody's approval: name who approved it"
    elif (need.approval or approval) and approved_by == getattr(command, "by", ""):
        missing = "the approval of somebody else than who asks for it"
    if missing:
        raise NotAllowed(f"{command.move} of {ident} needs {missing}", handling=handling, move=command.move)


def diagram() -> str:
    """The table as a Mermaid state diagram; moves that stay where they are are left out."""
    arrows: dict[tuple[Handling, Handling], list[str]] = {}
    for (source, move), target in TABLE.items():
        if source is not target:
            arrows.setdefault((source, target), []).append(move)
    lines = [f"    {source} --> {target}: {', '.join(moves)}" for (source, target), moves in sorted(arrows.items())]
    begins = [f"    [*] --> {Handling.NEW}: a signal", f"    [*] --> {Handling.TEST}: a test or a drill"]
    begins.append(f"    [*] --> {Handling.SUPPRESSED}: late, retained or historical")
    return "\n".join(["stateDiagram-v2", *begins, *lines])


def needs() -> str:
    """What each move needs, as a Markdown table."""
    rows = [
        f"| `{move}` | {', '.join(need.roles)} | {'yes' if need.reason else ''} | {'yes' if need.approval else ''} |"
        for move, need in NEEDS.items()
    ]
    return "\n".join(["| move | by | reason | approval |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(diagram() + "\n\n" + needs())  # noqa: T201  (the one thing this module says when it is run)
