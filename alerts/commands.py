"""What can happen to an alert: what people say about it, and what signals, timers and receipts bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.clocks.commands import Agree, Extend, Pause, Resume
from alerts.closing_commands import CallBack, Close, FalseAlarm, Rate, Reopen, Verify, Void
from alerts.dispatch.scene_commands import Arrive, CheckIn
from alerts.moves import Move
from alerts.orders.events import Gains, InArea, Ordered
from alerts.orders.order import Linked
from alerts.policy import Policy
from alerts.quiet.events import QuietEvent
from alerts.triage.commands import Triage
from alerts.whistle.commands import WhistleCommand
from alerts.work import Caller
from streams.signal import Level, Signal


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody has it (接警): the bell falls silent."""

    move: ClassVar[Move] = Move.ACKNOWLEDGE
    by: str
    via: str = "desk"
    note: str = ""
    person: str = ""  # the id of whoever answered a notice; empty at the desk


@dataclass(frozen=True, slots=True)
class Undo:
    """The acknowledgement was a slip (撤销接警): within seconds, and only by whoever gave it, the bell goes on where it was."""

    move: ClassVar[Move] = Move.UNDO
    by: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """It is given to `to`, a person's id (派单); empty leaves whom to the lowest staffed level."""

    move: ClassVar[Move] = Move.DISPATCH
    by: str
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """It is not mine to do (退单), with the reason. The second time the level above must assign it for good."""

    move: ClassVar[Move] = Move.GIVE_BACK
    by: str
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
class Handle:
    """The work is done (处置完毕)."""

    move: ClassVar[Move] = Move.HANDLE
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """It is worse, or less bad, than was thought (升级、降级), with the reason; a lower level needs another's approval."""

    move: ClassVar[Move] = Move.GRADE
    by: str
    level: Level
    note: str = ""
    approved_by: str = ""
    policy: Policy | None = None  # of the alert's kind: put in by the conductor


@dataclass(frozen=True, slots=True)
class Merge:
    """It is the same matter as another case (并案), which goes on for both."""

    move: ClassVar[Move] = Move.MERGE
    by: str
    into: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """It is a matter of its own after all (拆案): it rings for itself again, and its own times still count."""

    move: ClassVar[Move] = Move.SPLIT
    by: str
    note: str = ""
    callers: tuple[Caller, ...] = ()  # as the other case knows them: put in by the conductor …
    orders: tuple[Linked, ...] = ()  # … as are the work orders …
    active: tuple[str, ...] | None = None  # … and the signal keys that are still active there; None: not known


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
    | Undo
    | Dispatch
    | GiveBack
    | Accept
    | Contact
    | Arrive
    | CheckIn
    | Handle
    | Verify
    | CallBack
    | Close
    | Rate
    | FalseAlarm
    | Void
    | Grade
    | Triage
    | Merge
    | Split
    | Reopen
    | Note
    | Shown
    | Pause
    | Resume
    | Extend
    | Agree
    | WhistleCommand
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
class Gone:
    """While a case was over, these of its episodes ended or went on in another case: now that it begins again it waits for none of them."""

    move: ClassVar[Move] = Move.CLEAR
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """The time of the next step of the chain may have come."""

    move: ClassVar[Move] = Move.ESCALATE


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The instant of one of the alert's timers has come. It may be said again, and changes nothing then."""

    name: str


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Another case was merged into this one: what it knows and whom it owes a word is this one's now."""

    move: ClassVar[Move] = Move.TAKE_IN
    by: str
    other: Alert
    policy: Policy


@dataclass(frozen=True, slots=True)
class LetGo:
    """A case that had been merged into this one was split off again."""

    move: ClassVar[Move] = Move.TAKE_IN
    by: str
    other: Alert


@dataclass(frozen=True, slots=True)
class Follow:
    """The case into which this one was merged is over."""

    move: ClassVar[Move] = Move.FOLLOW
    into: Alert


@dataclass(frozen=True, slots=True)
class Missed:
    """The auditor found that the next step of the chain was not going to be rung."""

    move: ClassVar[Move] = Move.ESCALATE


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody who was not told, and why: a grid without people, a channel that is not in use."""

    why: str
    what: str


@dataclass(frozen=True, slots=True)
class Told:
    """Routing was done: these people are being told over these channels; `grid` is the level that was reached.

    `passed` are the levels below it that should have been told and had nobody, `staffed_at` is when one of them is foreseen to have
    somebody again. `why` says more than the reason does.
    """

    reason: Reason
    step: int
    grid: str
    told: tuple[tuple[str, str], ...]  # person id, channel
    skipped: tuple[Skipped, ...] = ()
    passed: tuple[str, ...] | None = None  # None: as before
    staffed_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A notice moved on its way to `state`. `hopeless` when no other notice of its step can still reach anybody."""

    notice: Notice
    state: NoticeState
    why: str = ""
    error: str = ""
    hopeless: bool = False


Event = (
    Command
    | Raised
    | Cleared
    | Ordered
    | InArea
    | Gains
    | Gone
    | EscalationDue
    | TimerDue
    | TakeIn
    | LetGo
    | Follow
    | Missed
    | Told
    | Delivered
    | QuietEvent
)
