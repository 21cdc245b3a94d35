"""What a person may say about an alert over HTTP, and how it becomes a command for the lifecycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts import closing_commands, commands
from alerts.alert import Alert
from alerts.clocks.commands import CLOSE, Agree, Extend, Pause, Resume
from alerts.clocks.policy import LONGEST_HOURS
from alerts.conduct import UnknownAlert
from alerts.dispatch.scene_commands import Arrive, CheckIn
from alerts.lifecycle import NotAllowed
from alerts.work import Finding
from api.http.desk import Desk
from api.http.problems import Problem
from streams.signal import Level


class Verb(StrEnum):
    """The commands, as the last part of their address."""

    ACKNOWLEDGE = "acknowledge"
    UNDO = "undo"
    DISPATCH = "dispatch"
    GIVE_BACK = "give-back"
    ACCEPT = "accept"
    CONTACT = "contact"
    ARRIVE = "arrive"
    CHECK_IN = "check-in"
    HANDLE = "handle"
    VERIFY = "verify"
    CALL_BACK = "call-back"
    CLOSE = "close"
    RATE = "rate"
    FALSE_ALARM = "false-alarm"
    VOID = "void"
    GRADE = "grade"
    MERGE = "merge"
    SPLIT = "split"
    REOPEN = "reopen"
    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"
    AGREE = "agree"
    NOTE = "note"


class Said(BaseModel):
    """Who says it and what there is to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"by": "值班员01", "note": "已电话联系网格长"}]},
    )

    by: str = Field(min_length=1, max_length=64, description="Who acts: shown on the timeline")
    note: str = Field("", max_length=2000, description="The text of a note, the outcome of a closing, else a remark")
    to: str = Field(
        "", max_length=64, description="dispatch: a person's id; empty leaves it to the lowest staffed level"
    )
    company: bool = Field(False, description="arrive: whoever is there is not alone, so no word is waited for")
    score: int = Field(
        5, ge=1, le=5, description="rate: how content the resident was; less than 3 opens the case again"
    )
    approved_by: str = Field(
        "", max_length=64, description="void, a lower level, or verifying in place of readings: who approved it"
    )
    level: Level | None = Field(None, description="grade: the level it is from now on")
    into: str = Field("", max_length=64, description="merge: the id of the case that goes on")
    call: str = Field("", max_length=200, description="call-back: which of the case's callers was told")
    content: bool = Field(True, description="call-back: whether the caller was content; if not, the case opens again")
    finding: Finding = Field(Finding.FOUNDED, description="close: what it turned out to be")
    unreached: str = Field("", max_length=500, description="close: why callers who are owed a word cannot be told")
    clock: str = Field(CLOSE, max_length=24, description="pause, resume, extend, agree: which service clock")
    until: AwareDatetime | None = Field(None, description="pause: when the clock goes on by itself, at the latest")
    amount: float = Field(0.0, ge=0, le=LONGEST_HOURS, description="extend: how much more time")
    unit: Literal["hours", "days", "working_hours", "working_days"] = Field("hours", description="extend: of what")
    date: dt.date | None = Field(None, description="agree: by the end of which date, in China")


T = TypeVar("T")


def given(value: T | None) -> T:
    """What `command_of` has made sure of."""
    if value is None:
        raise Problem("invalid", why="/body: this verb needs more than was said")
    return value


COMMANDS: Final[dict[Verb, Callable[[Said], commands.Command]]] = {
    Verb.ACKNOWLEDGE: lambda said: commands.Acknowledge(said.by, "desk", said.note),
    Verb.UNDO: lambda said: commands.Undo(said.by),
    Verb.DISPATCH: lambda said: commands.Dispatch(said.by, said.to, said.note),
    Verb.GIVE_BACK: lambda said: commands.GiveBack(said.by, said.note),
    Verb.ACCEPT: lambda said: commands.Accept(said.by, "desk", said.note),
    Verb.CONTACT: lambda said: commands.Contact(said.by, said.note),
    Verb.ARRIVE: lambda said: Arrive(said.by, said.note, said.company),
    Verb.CHECK_IN: lambda said: CheckIn(said.by, "", said.note),
    Verb.HANDLE: lambda said: commands.Handle(said.by, said.note),
    Verb.VERIFY: lambda said: closing_commands.Verify(said.by, said.note, said.approved_by),
    Verb.CALL_BACK: lambda said: closing_commands.CallBack(said.by, said.call, said.content, said.note),
    Verb.CLOSE: lambda said: closing_commands.Close(said.by, said.note, said.finding, said.unreached),
    Verb.RATE: lambda said: closing_commands.Rate(said.by, said.score, said.note),
    Verb.FALSE_ALARM: lambda said: closing_commands.FalseAlarm(said.by, said.note),
    Verb.VOID: lambda said: closing_commands.Void(said.by, said.note, said.approved_by),
    Verb.GRADE: lambda said: commands.Grade(said.by, said.level or Level.BLUE, said.note, said.approved_by),
    Verb.MERGE: lambda said: commands.Merge(said.by, said.into, said.note),
    Verb.SPLIT: lambda said: commands.Split(said.by, said.note),
    Verb.REOPEN: lambda said: closing_commands.Reopen(said.by, said.note),
    Verb.PAUSE: lambda said: Pause(said.by, given(said.until), said.note, said.approved_by, said.clock),
    Verb.RESUME: lambda said: Resume(said.by, said.note, said.clock),
    Verb.EXTEND: lambda said: Extend(said.by, said.amount, said.unit, said.note, said.approved_by, said.clock),
    Verb.AGREE: lambda said: Agree(said.by, given(said.date), said.note, said.approved_by, said.clock),
    Verb.NOTE: lambda said: commands.Note(said.by, said.note),
}


_WITHOUT: Final[dict[Verb, tuple[str, str]]] = {
    Verb.NOTE: ("note", "a note needs words"),
    Verb.GRADE: ("level", "name the level it is from now on"),
    Verb.MERGE: ("into", "name the case that goes on"),
    Verb.PAUSE: ("until", "say when the clock goes on at the latest; a pause without an end would lose the case"),
    Verb.EXTEND: ("amount", "say how much more time, and in `unit` of what"),
    Verb.AGREE: ("date", "name the date that was agreed on"),
    Verb.CALL_BACK: ("call", "name the call; the case lists whom it owes a word"),
}


def command_of(verb: Verb, said: Said) -> commands.Command:
    """The lifecycle's command for a verb. One without what it speaks of is a 422."""
    if (missing := _WITHOUT.get(verb)) and not str(getattr(said, missing[0]) or "").strip():
        raise Problem("invalid", why=f"/body/{missing[0]}: {missing[1]}")
    return COMMANDS[verb](said)


def obey(desk: Desk, ident: str, verb: Verb, said: Said) -> Alert:
    """Do it, and return the alert as it is now. A step that is not possible now is a 409 and changes nothing."""
    try:
        return desk.conductor.command(ident, command_of(verb, said), desk.clock.now())
    except UnknownAlert as error:
        raise Problem(
            "no_such_alert", id=said.into if verb is Verb.MERGE and said.into in str(error) else ident
        ) from error
    except NotAllowed as error:
        raise Problem("not_allowed", why=str(error)) from error
