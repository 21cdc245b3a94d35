"""What people owe and did on a case, beside the alert itself. Only `alerts.lifecycle` makes new ones out of old ones (law 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import TypeAdapter

from alerts.clocks.clock import Clock
from alerts.dispatch.scene import Scene
from alerts.evolve import evolve
from alerts.orders.order import Linked
from alerts.quiet.hush import Kept
from alerts.rules import NONE, Rules
from alerts.triage.questions import Triaged
from alerts.whistle.whistle import Whistle

CALLERS: Final = 1000  # owed a word by one case; the next call opens a case of its own, so that nobody is forgotten
NOTICE: Final = "notice"
PAGE: Final = "page"
VERSIONS: Final = 50  # of rules, named on a case
RECENT: Final = 100  # instants of evidence that a chain's conditions can count


class Finding(StrEnum):
    """What a case turned out to be. It is what false-alarm rates are reckoned from."""

    FOUNDED = "founded"
    UNFOUNDED = "unfounded"
    DUPLICATE = "duplicate"
    NOT_RESPONSIBLE = "not_responsible"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who called about the case and is owed a word about its end. `call` is the identity of the call."""

    call: str
    at: datetime
    told_at: datetime | None = None
    by: str = ""
    content: bool | None = None  # whether the caller was content; None when that was not said
    note: str = ""
    way: str = ""  # how the caller learns of the end: "" somebody calls back, "notice" to `person`, "page" they look themselves
    person: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """The bell as it was when somebody took the alert, so that a slip can be undone."""

    by: str
    at: datetime
    step: int = 0


@dataclass(frozen=True)  # without slots, for `alerts.evolve`
class Work:
    """One case's work. Everything here has its lines on the timeline as well."""

    rules: Rules = NONE
    taken: Taken | None = None  # the acknowledgement that holds
    handled_by: str = ""
    normal_since: datetime | None = None  # when the last sensor returned to normal
    bounces: int = 0  # how often it was returned
    arbiter: str = ""  # the grid code of the level that must assign it for good
    binding: bool = False  # it was assigned for good, and cannot be returned
    callers: tuple[Caller, ...] = ()
    merged_into: str = ""
    merged_from: str = ""  # the handling it had before
    merged: tuple[str, ...] = ()  # the cases that were taken in
    awaited: tuple[str, ...] = ()  # people of a step whom everybody's yes is waited for
    confirmed: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()  # by which form of which rules it was opened and added to, as `id@version`
    paused: bool = False  # the chain waits for a condition of its next step
    recent: tuple[datetime, ...] = ()  # when evidence came, newest last
    finding: str = ""
    clocks: tuple[Clock, ...] = ()  # the service clocks, as `alerts.clocks.clockwork` winds them
    hush: Kept | None = None  # what keeps the bell shut, while the timer `quiet` runs (`alerts.hushing`)
    passed: tuple[str, ...] = ()  # levels that were passed over for want of people, to which it is handed back down
    orders: tuple[Linked, ...] = ()  # the hotline's work orders it is about (`alerts.orders.ordered`)
    result: str = ""  # what whoever handled it said was done
    area: str = ""  # the area incident of which it is one call
    members: tuple[str, ...] = ()  # of an area incident: the cases that are its calls
    whistles: tuple[Whistle, ...] = ()  # blown for it, the last one last; only that one may be open
    scene: Scene | None = None  # who is there, from the arrival until it is handled
    triage: Triaged | None = None  # what was answered last to the questions of its kind

    @property
    def owed(self) -> tuple[Caller, ...]:
        """Callers whom somebody must call back, and who have not been told yet."""
        return tuple(caller for caller in self.callers if caller.told_at is None and not caller.way)

    @property
    def reporters(self) -> tuple[Caller, ...]:
        """Grid workers who reported it and are told over their own channels when it is over; those who have not been told yet."""
        return tuple(caller for caller in self.callers if caller.told_at is None and caller.way == NOTICE)

    @property
    def whistle(self) -> Whistle | None:
        """The whistle that is open."""
        return self.whistles[-1] if self.whistles and self.whistles[-1].open else None

    def heard(self, at: datetime) -> Work:
        """With one more piece of evidence."""
        return evolve(self, recent=(*self.recent[-RECENT + 1 :], at))

    def ruled(self, rule: str) -> Work:
        """With the form of a rule, as `id@version`, that said something about the case; the first so many are named."""
        if rule in self.versions or len(self.versions) >= VERSIONS:
            return self
        return replace(self, versions=(*self.versions, rule))

    def called(self, call: str, at: datetime, *, way: str = "", person: str = "") -> Work:
        """With one more caller; the same call counts once."""
        if any(caller.call == call for caller in self.callers):
            return self
        return replace(self, callers=(*self.callers, Caller(call, at, way=way, person=person)))


EMPTY: Final = Work()
_CODEC: Final = TypeAdapter(Work)


def to_json(work: Work) -> bytes:
    """The work as JSON; what says nothing is left out."""
    return _CODEC.dump_json(work, exclude_defaults=True)


def of_plain(plain: dict[str, Any]) -> Work:
    """The work in values read from JSON. Keys that a later version wrote are passed over."""
    return _CODEC.validate_python(plain) if plain else EMPTY
