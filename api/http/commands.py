"""What a person may say about an alert over HTTP, and how it becomes a command for the lifecycle."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from alerts import commands
from alerts.alert import Alert
from alerts.conduct import UnknownAlert
from alerts.lifecycle import NotAllowed
from api.http.desk import Desk
from api.http.problems import Problem


class Verb(StrEnum):
    """The commands, as the last part of their address."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    CONTACT = "contact"
    ARRIVE = "arrive"
    HANDLE = "handle"
    VERIFY = "verify"
    CLOSE = "close"
    RATE = "rate"
    FALSE_ALARM = "false-alarm"
    VOID = "void"
    REOPEN = "reopen"
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
    score: int = Field(5, ge=1, le=5, description="rate: how content the resident was")


COMMANDS: Final[dict[Verb, Callable[[Said], commands.Command]]] = {
    Verb.ACKNOWLEDGE: lambda said: commands.Acknowledge(said.by, "desk", said.note),
    Verb.DISPATCH: lambda said: commands.Dispatch(said.by, said.to, said.note),
    Verb.ACCEPT: lambda said: commands.Accept(said.by, "desk", said.note),
    Verb.CONTACT: lambda said: commands.Contact(said.by, said.note),
    Verb.ARRIVE: lambda said: commands.Arrive(said.by, said.note),
    Verb.HANDLE: lambda said: commands.Handle(said.by, said.note),
    Verb.VERIFY: lambda said: commands.Verify(said.by, said.note),
    Verb.CLOSE: lambda said: commands.Close(said.by, said.note),
    Verb.RATE: lambda said: commands.Rate(said.by, said.score, said.note),
    Verb.FALSE_ALARM: lambda said: commands.FalseAlarm(said.by, said.note),
    Verb.VOID: lambda said: commands.Void(said.by, said.note),
    Verb.REOPEN: lambda said: commands.Reopen(said.by, said.note),
    Verb.NOTE: lambda said: commands.Note(said.by, said.note),
}


def command_of(verb: Verb, said: Said) -> commands.Command:
    """The lifecycle's command for a verb. A note without words is a 422."""
    if verb is Verb.NOTE and not said.note.strip():
        raise Problem("invalid", why="/body/note: a note needs words")
    return COMMANDS[verb](said)


def obey(desk: Desk, ident: str, verb: Verb, said: Said) -> Alert:
    """Do it, and return the alert as it is now. A step that is not possible now is a 409 and changes nothing."""
    try:
        return desk.conductor.command(ident, command_of(verb, said), desk.clock.now())
    except UnknownAlert as error:
        raise Problem("no_such_alert", id=ident) from error
    except NotAllowed as error:
        raise Problem("not_allowed", why=str(error)) from error
