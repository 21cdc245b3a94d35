"""An alert as a value: what is wrong, where, how bad, who has it, and when each stage was reached.

Two axes, as in ISA-18.2: `condition` (is it still so?) and `handling` (what have people done about it?). Only `alerts.lifecycle.step`
makes new ones out of old ones (law 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from alerts.work import EMPTY, Work
from ingest.events import Mark, Place
from streams.signal import Level


class Condition(StrEnum):
    """Whether what was wrong still is."""

    ACTIVE = "active"
    CLEARED = "cleared"


class Handling(StrEnum):
    """What people have done. The last five are exits."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SCENE = "on_scene"
    HANDLED = "handled"
    VERIFIED = "verified"
    CLOSED = "closed"
    EVALUATED = "evaluated"
    FALSE_ALARM = "false_alarm"
    MERGED = "merged"
    VOID = "void"
    TEST = "test"
    SUPPRESSED = "suppressed"

    @property
    def over(self) -> bool:
        """Whether the case is finished: nothing rings for it any more."""
        return self in OVER


OVER: Final = frozenset({
    Handling.CLOSED, Handling.EVALUATED, Handling.FALSE_ALARM, Handling.MERGED, Handling.VOID, Handling.TEST, Handling.SUPPRESSED,
})  # fmt: skip

# Every stage an alert keeps as an instant: the first time it was reached.
# `rung_at` alone is the last time: when the bell was last opened.
STAGES: Final = (
    "event_at", "received_at", "raised_at", "rung_at", "shown_at", "first_notice_at", "acked_at", "dispatched_at",
    "sent_at", "delivered_at", "accepted_at", "contacted_at", "on_scene_at", "handled_at", "verified_at", "closed_at", "rated_at",
)  # fmt: skip


class Reason(StrEnum):
    """Why somebody is told something. A reason is on every notice."""

    FIRST = "first"
    WORSE = "worse"
    REPEAT = "repeat"
    ESCALATE = "escalate"
    REASSIGNED = "reassigned"
    RESOLVED = "resolved"
    INSTRUCTION = "instruction"
    SUPERVISE = "supervise"  # 督办: a service clock is about to run out, or has
    WHISTLE = "whistle"  # 吹哨报到: a unit is called to a case, and what follows from it
    CHECK_IN = "check_in"  # 报平安: whoever is alone at the scene is asked for a word
    NO_WORD = "no_word"  # none has come, says the notice to the level above …
    WORD = "word"  # … and then one has
    ORDER = "order"  # 回写: the platform of a work order hears how it stands
    REPORTED = "reported"  # what became of it, to the grid worker who reported it


AFTERWARDS: Final = frozenset(
    {Reason.RESOLVED, Reason.REPORTED, Reason.ORDER}
)  # said when a case is over: they begin nothing


class NoticeState(StrEnum):
    """A notice on its way. Moves are monotone: `rank` never falls, so late and repeated receipts change nothing."""

    HELD = "held"  # waits for its group or its receiver's budget, or travels in the message named by `Notice.carrier`
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    ANSWERED = "answered"  # a key press, a reply or a click: the only thing that counts as heard
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation chain: after `after` seconds tell `target` over `channels`.

    `target` is "grid" (the first asked of the lowest staffed level at the alert's grid), "all" (everybody of the level that was told last),
    "up" (one staffed level above that), or a role. `after` counts from the instant at which the bell was opened.
    """

    after: float
    target: str
    channels: tuple[str, ...]
    confirm_all: bool = False  # the bell falls silent when everybody of the step has answered, not when the first has
    more_than: int = 0  # rung only when more than so much evidence came within `within` seconds; 0 asks for nothing
    within: float = 0.0
    between: tuple[str, str] | None = None  # rung only between two times of day, China's, such as ("22:00", "06:00")


@dataclass(frozen=True)  # without slots, for `alerts.evolve`
class Alert:
    """One open or finished case. `chain` is the escalation chain as it was when the case began; `step` the next one; `escalate_at` when."""

    id: str
    identity: str
    kind: str
    level: Level
    place: Place
    condition: Condition = Condition.ACTIVE
    handling: Handling = Handling.NEW
    origins: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    count: int = 1
    text: str = ""
    value: float | None = None
    marks: Mark = Mark.NONE
    stages: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    last_seen: datetime | None = None
    assignee: str = ""
    chain: tuple[Step, ...] = ()
    step: int = 0
    escalate_at: datetime | None = None
    reached: str = ""  # the grid code of the level that was told last: "up" climbs from here
    active_keys: tuple[str, ...] = ()  # signal keys that are still active: the condition clears with the last
    policy: str = ""
    outcome: str = ""
    timers: Mapping[str, datetime] = field(
        default_factory=lambda: MappingProxyType({})
    )  # what falls due by itself, by name
    work: Work = EMPTY
    version: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the append-only timeline (law 5). `seq` is given by the ledger and grows; it is what a live stream resumes from."""

    alert: str
    at: datetime
    what: str
    by: str = "tocsin"
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seq: int = 0


@dataclass(frozen=True)  # without slots, for `alerts.evolve`
class Notice:
    """One message to one person over one channel. `key` is deterministic, so that it exists once however often it is decided (law 3)."""

    key: str
    alert: str
    person: str
    name: str
    role: str
    grid: str
    channel: str
    reason: Reason
    level: Level
    text: str
    created_at: datetime
    due_at: datetime
    step: int = 0
    state: NoticeState = NoticeState.QUEUED
    attempts: int = 0
    provider_id: str = ""
    error: str = ""
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    finished_at: datetime | None = None
    bundle: str = ""  # the key of the group it is told with (`alerts.quiet.grouping`)
    carrier: str = ""  # the key of the notice that speaks for it
    turn: int = 1  # among those of one level the lower goes first (`alerts.quiet.budgets.turn`)
