"""What can happen to an alert: what people say about it, and what signals, timers and receipts bring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from alerts.alert import Notice, NoticeState, Reason
from alerts.policy import Policy
from streams.signal import Signal


class Move(StrEnum):
    """Everything the table of transitions knows."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    HANDLE = "handle"
    VERIFY = "verify"
    CLOSE = "close"
    RATE = "rate"
    FALSE_ALARM = "false_alarm"
    VOID = "void"
    REOPEN = "reopen"
    CONTACT = "contact"
    NOTE = "note"
    SHOW = "show"
    JOIN = "join"  # more evidence, not worse
    WORSEN = "worsen"  # the level rose
    RETURN = "return"  # it came back after it had been handled and had been over
    CLEAR = "clear"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody has it (接警): the bell falls silent."""

    move: ClassVar[Move] = Move.ACKNOWLEDGE
    by: str
    via: str = "desk"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """It is given to `to`, a person's id (派单); empty leaves whom to the lowest staffed level."""

    move: ClassVar[Move] = Move.DISPATCH
    by: str
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Accept:
    """Whoever it was given to signs for it (签收)."""

    move: ClassVar[Move] = Move.ACCEPT
    by: str
    via: str = "desk"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """The resident or the place was spoken to."""

    move: ClassVar[Move] = Move.CONTACT
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Arrive:
    """Somebody is on the scene (到场)."""

    move: ClassVar[Move] = Move.ARRIVE
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Handle:
    """The work is done (处置完毕)."""

    move: ClassVar[Move] = Move.HANDLE
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verify:
    """Somebody looked and it is done (核查)."""

    move: ClassVar[Move] = Move.VERIFY
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The case is closed (结案) with an outcome in words."""

    move: ClassVar[Move] = Move.CLOSE
    by: str
    outcome: str = ""


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
    """It should not have been opened at all (作废)."""

    move: ClassVar[Move] = Move.VOID
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """It was not over: the bell opens again (重开)."""

    move: ClassVar[Move] = Move.REOPEN
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark for the timeline."""

    move: ClassVar[Move] = Move.NOTE
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An operator's screen showed it."""

    move: ClassVar[Move] = Move.SHOW
    by: str = "desk"


Command = (
    Acknowledge
    | Dispatch
    | Accept
    | Contact
    | Arrive
    | Handle
    | Verify
    | Close
    | Rate
    | FalseAlarm
    | Void
    | Reopen
    | Note
    | Shown
)


@dataclass(frozen=True, slots=True)
class Raised:
    """A signal that says something is out of order. For a new alert `id` and `identity` say which; `why` says why it belongs here."""

    signal: Signal
    policy: Policy
    id: str = ""
    identity: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A signal that ends its episode."""

    move: ClassVar[Move] = Move.CLEAR
    signal: Signal


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """The time of the next step of the chain may have come."""

    move: ClassVar[Move] = Move.ESCALATE


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody who was not told, and why: a grid without people, a channel that is not in use."""

    why: str
    what: str


@dataclass(frozen=True, slots=True)
class Told:
    """Routing was done: these people are being told over these channels; `grid` is the level that was reached."""

    reason: Reason
    step: int
    grid: str
    told: tuple[tuple[str, str], ...]  # person id, channel
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """A notice moved on its way to `state`. `hopeless` when no other notice of its step can still reach anybody."""

    notice: Notice
    state: NoticeState
    why: str = ""
    error: str = ""
    hopeless: bool = False


Event = Command | Raised | Cleared | EscalationDue | Told | Delivered
