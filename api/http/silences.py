"""When not to ring, over HTTP: silences, recurring maintenance and drills: made, looked at beforehand, listed, approved and ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from typing_extensions import TypedDict

from alerts.quiet.book import QuietBook
from alerts.quiet.terms import NotQuiet
from alerts.quieting import Quieting, UnknownRule
from api.http.desk import TheDesk, answer
from api.http.problems import Problem
from api.http.quiet_rows import (
    About,
    By,
    ChangeRow,
    DrillRow,
    NewDrill,
    NewSilence,
    NewWindow,
    SilenceRow,
    WindowRow,
    change_row,
    drill_row,
    rule_row,
    silence_row,
    window_row,
)

router = APIRouter(prefix="/api/v1", tags=["quiet"])
SHOWN: Final = 50  # alerts named in a preview
T = TypeVar("T")


Ident = Annotated[str, Path(max_length=64, description="Id of the silence, window or drill")]


class LimitsRow(TypedDict):
    """How long each may last, in seconds: a silence by its author alone, one that somebody approved, a drill, a recurring window."""

    silence_s: float
    approved_s: float
    drill_s: float
    recurring_s: float


class QuietRow(TypedDict):
    """Everything that keeps bells shut, and how long it may."""

    silences: list[SilenceRow]
    maintenance: list[WindowRow]
    drills: list[DrillRow]
    limits: LimitsRow


class PreviewRow(TypedDict):
    """How many open cases it would keep shut, and how many of them ring all the same because they are life-safety; `alerts` names 50.

    `truncated`: there are more open cases than were looked at.
    """

    held: int
    spared: int
    looked: int
    truncated: bool
    alerts: list[str]


class RuleWhole(TypedDict):
    """One silence, window or drill, and what was done to it."""

    rule: dict[str, Any]
    changes: list[ChangeRow]


async def _quieting(request: Request) -> Quieting:
    found: Quieting = request.app.state.quieting
    return found


Quiet = Annotated[Quieting, Depends(_quieting)]


@router.get(
    "/silences", response_model=QuietRow, summary="屏蔽、维护与演练 · Everything that keeps bells shut and is not over"
)
def list_quiet(
    desk: TheDesk,
    quiet: Quiet,
    every: Annotated[bool, Query(alias="all", description="Also what is over, back to the first")] = False,
) -> Response:
    now, lengths = desk.clock.now(), quiet.policy.lengths
    book: QuietBook = desk.ledger.quiet.book(None if every else now)
    return answer(
        QuietRow(
            silences=[silence_row(one, lengths, now) for one in book.silences],
            maintenance=[window_row(one, now) for one in book.windows],
            drills=[drill_row(one, now) for one in book.drills],
            limits=LimitsRow(
                silence_s=lengths.longest.total_seconds(),
                approved_s=lengths.longest_approved.total_seconds(),
                drill_s=lengths.longest_drill.total_seconds(),
                recurring_s=lengths.longest_recurring.total_seconds(),
            ),
        )
    )


@router.post(
    "/silences/preview",
    response_model=PreviewRow,
    summary="预览 · What a silence of this matter would keep shut, before it does",
)
def preview(about: About, quiet: Quiet) -> Response:
    found, truncated = _asked(lambda: quiet.preview(about.matcher()))
    return answer(
        PreviewRow(
            held=len(found.held),
            spared=len(found.spared),
            looked=found.looked,
            truncated=truncated,
            alerts=list(found.held[:SHOWN]),
        )
    )


@router.post(
    "/silences",
    response_model=SilenceRow,
    summary="新建屏蔽 · Keep bells shut for a while, with a reason and an end",
    status_code=201,
)
def new_silence(said: NewSilence, desk: TheDesk, quiet: Quiet) -> Response:
    """Longer than its author alone may make it, it counts only that long until somebody else approves it. The same words make one."""
    now = desk.clock.now()
    one = _asked(lambda: said.value(quiet.policy.lengths, now))
    quiet.add(one, now)
    return answer(silence_row(one, quiet.policy.lengths, now), 201)


@router.post(
    "/silences/maintenance",
    response_model=WindowRow,
    summary="新建维护窗口 · A weekly window about named kinds of alert",
    status_code=201,
)
def new_window(said: NewWindow, desk: TheDesk, quiet: Quiet) -> Response:
    now = desk.clock.now()
    one = _asked(lambda: said.value(quiet.policy.lengths, now))
    quiet.add(one, now)
    return answer(window_row(one, now), 201)


@router.post(
    "/silences/drills",
    response_model=DrillRow,
    summary="新建演练 · A drill, which counts once two others have approved it",
    status_code=201,
)
def new_drill(said: NewDrill, desk: TheDesk, quiet: Quiet) -> Response:
    now = desk.clock.now()
    one = _asked(lambda: said.value(quiet.policy.lengths, now))
    strangers = sorted({person for person in one.people if desk.roster().person(person) is None})
    if strangers:
        raise Problem("not_quiet", why=f"nobody on the roster is called {strangers[0]!r}")
    quiet.add(one, now)
    return answer(drill_row(one, now), 201)


@router.get(
    "/silences/{ident}",
    response_model=RuleWhole,
    summary="屏蔽详情 · One silence, window or drill, with what was done to it",
)
def one_rule(ident: Ident, desk: TheDesk, quiet: Quiet) -> Response:
    found = desk.ledger.quiet.rule(ident)
    if found is None:
        raise Problem("no_such_silence", id=ident)
    row: Any = rule_row(found, quiet.policy.lengths, desk.clock.now())
    changes = [change_row(change) for change in desk.ledger.quiet.changes(ident)]
    return answer(RuleWhole(rule=row, changes=changes))


@router.post("/silences/{ident}/approve", summary="审批 · Somebody else approves a long silence, or a drill")
def approve(ident: Ident, said: By, desk: TheDesk, quiet: Quiet) -> Response:
    now = desk.clock.now()
    return answer(rule_row(_asked(lambda: quiet.approve(ident, said.by, now)), quiet.policy.lengths, now))


@router.post("/silences/{ident}/end", summary="提前结束 · End it now: what is still so rings at once")
def end(ident: Ident, said: By, desk: TheDesk, quiet: Quiet) -> Response:
    """One that is over already is answered as it is."""
    now = desk.clock.now()
    return answer(rule_row(_asked(lambda: quiet.end(ident, said.by, now)), quiet.policy.lengths, now))


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except NotQuiet as error:
        raise Problem("not_quiet", why=str(error)) from error
    except UnknownRule as error:
        raise Problem("no_such_silence", id=error.ident) from error
