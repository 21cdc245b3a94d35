"""What deciding gives back: the alert as it is now, what goes on the timeline, and what must be done about people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.alert import Alert, Entry, Handling, Reason
from alerts.clocks.clock import Stroke
from alerts.moves import Move
from alerts.orders.order import Report
from alerts.whistle.whistle import Tell


class Why(StrEnum):
    """Reasons on the timeline. `alerts/words` has a sentence in each language for every one of them."""

    SAME_EPISODE = "same_episode"  # the same episode of the same device
    SAME_SUBJECT = "same_subject"  # the same device under the same rule
    SAME_GRID = "same_grid"
    NEAR = "near"
    FIRST_SIGN = "first_sign"  # nothing open fits
    FUSED = "fused"  # different senses agree
    ALREADY_RINGING = "already_ringing"
    ACKNOWLEDGED = "acknowledged"
    WORSE = "worse"
    RETURNED_TO_NORMAL = "returned_to_normal"
    POLICY_SILENT = "policy_silent"  # the policy rings nobody at this level
    NOBODY = "nobody"
    VACANT = "vacant"  # a level of the tree without people
    UNPLACED = "unplaced"  # no grid: the catcher
    TOP = "top"  # nobody above: the top again
    NO_ROLE = "no_role"
    CHANNEL_UNUSED = "channel_unused"
    PERSON_UNKNOWN = "person_unknown"
    CHAIN_ENDED = "chain_ended"
    UNREACHABLE = "unreachable"
    PROVIDER = "provider"
    TEST = "test"
    LATE = "late"
    OVER = "over"
    UNDONE = "undone"  # an acknowledgement was a slip
    EXPIRED = "expired"  # an acknowledgement that nothing followed
    CONDITION = "condition"  # the step's condition does not hold
    HOURS = "hours"  # outside the step's time of day
    CONFIRMED = "confirmed"  # this person has answered already; others are waited for
    AWAITED = "awaited"  # others of the step have not answered yet
    GIVEN_BACK = "given_back"
    ARBITRATION = "arbitration"  # given back twice: the level above assigns it for good
    DISSATISFIED = "dissatisfied"  # one level higher, with its history
    MERGED = "merged"
    SPLIT = "split"
    MISSED = "missed"  # the auditor found that a step would not have been rung
    APPROVED = "approved"
    UNREACHED = "unreached"  # a caller could not be told
    EXCLUDED = "excluded"  # left out of an instruction by name
    OUTSIDE = "outside"  # named, and not in the area or the role that the target names as well
    OFF_DUTY = "off_duty"  # people, and none of them on duty just now
    NOT_IN_FORCE = "not_in_force"  # a level that the tree does not have at this time
    OVERLAP = "overlap"  # several grids cover the point: the smallest
    NEAREST = "nearest"  # no grid covers the point: the nearest
    HOLE = "hole"  # no grid covers the point and none is near: what covers it
    HANDED_DOWN = "handed_down"  # a lower level is staffed again
    SILENCED = "silenced"  # these are the words of `alerts.quiet.hush.Quiet`
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    GATHERING = "gathering"
    DRILL = "drill"  # a named drill that two people approved
    MAX_LEVELS = "max_levels"  # so far up a case of this severity does not climb
    MIN_SEVERITY = "min_severity"  # that level only hears of worse
    GROUPED = "grouped"  # waits to be told with its group
    BUDGET = "budget"  # the receiver has been sent as much as the policy allows
    COLLAPSED = "collapsed"  # the same is waiting to be said already
    GROUP_FIRST = "group_first"  # these are the words of `alerts.quiet.grouping.Told`
    GROUP_NEW = "group_new"
    GROUP_ALL_RESOLVED = "group_all_resolved"
    GROUP_SOME_RESOLVED = "group_some_resolved"
    GROUP_REPEAT = "group_repeat"
    GROUP_UNCHANGED = "group_unchanged"
    QUIET_HOURS = "quiet_hours"  # waits until this person's quiet hours are over
    GRAVER = "graver"  # a clock struck something graver at the same time
    PAUSE_ENDED = "pause_ended"  # a service clock goes on by itself
    CALENDAR = "calendar"  # the working days of that year are not known
    STANDARD_MATTER = "standard_matter"  # a whistle for which the policy lists the units
    OTHER_MATTER = "other_matter"  # a whistle for which the county centre names them
    ATTENDANCE = "attendance"  # a unit did not come in time
    DEADLINE = "deadline"  # the units did not finish in time
    UNNAMED = "unnamed"  # the county centre did not name units in time
    WHISTLE_ANSWERED = "whistle_answered"  # the unit has come further, or the whistle is over
    NO_WORD = "no_word"  # nothing was heard from whoever is at the scene
    COMPANY = "company"  # whoever is at the scene is not alone
    CHECKED_IN = "checked_in"  # a word came from the scene
    LEFT = "left"  # nobody is at the scene any more
    TRIAGE = "triage"  # the answers to the questions of its kind say so
    SAME_ORDER = "same_order"  # an order about an order that is a case already (催单, 补单)
    ORDER_LIMIT = "order_limit"  # the limit that a work order came with
    NO_DOOR = "no_door"  # nothing is written back to that platform
    HOT_ISSUE = "hot_issue"  # one call of an area incident
    NOT_WORSE = "not_worse"  # they do not make it worse; they never make it less bad


class NotAllowed(RuntimeError):
    """A move that the table of transitions does not have from here. Nothing was changed. The message is one sentence."""

    def __init__(self, sentence: str, *, handling: Handling | None = None, move: Move | None = None) -> None:
        super().__init__(sentence)
        self.handling = handling
        self.move = move


@dataclass(frozen=True, slots=True)
class Notify:
    """Ring step `step` of the alert's chain."""

    reason: Reason
    step: int


@dataclass(frozen=True, slots=True)
class NotifyPerson:
    """Tell one person, by id; an empty id is whoever answers for the grid."""

    person: str
    reason: Reason
    channels: tuple[str, ...] = ("sms",)


@dataclass(frozen=True, slots=True)
class NotifyAbove:
    """Tell the lowest staffed level above `grid`; without one, above `person`, or above whoever answers for the place."""

    grid: str
    reason: Reason
    person: str = ""
    channels: tuple[str, ...] = ("sms",)


@dataclass(frozen=True, slots=True)
class HandDown:
    """Tell the lowest level that was passed over and has somebody now."""


@dataclass(frozen=True, slots=True)
class Supervise:
    """Tell the lowest staffed level above whoever has it that a service clock struck (督办). `key` makes the notice exist once."""

    clock: str
    stroke: Stroke
    key: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Every notice of the alert that has not left yet goes, for this reason (law 6); with `person`, only that person's.

    Those of a whistle only go when the case is over, or by `unit`: the number of a unit, or 0 for all of them. Those about whoever is at
    the scene only go then too, or by their `reasons`.
    """

    why: str
    person: str = ""
    unit: int | None = None
    reasons: frozenset[Reason] = frozenset()


@dataclass(frozen=True, slots=True)
class Cascade:
    """The cases that were merged into this one follow it."""

    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TellToldPeople:
    """Everybody who was told hears that it is over.

    `notice` narrows it to the receiver of one notice that left too late to be called back.
    """

    why: str
    notice: str = ""


@dataclass(frozen=True, slots=True)
class TellHeard:
    """Whoever was told since an instant that no word came from the scene hears that `person` has been heard of."""

    since: datetime
    person: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TellReporters:
    """The grid workers who reported it hear what became of it: (report, person), each once."""

    reports: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WriteBack:
    """The platform of a work order hears how it stands (回写). `number` counts the reports of one order; `text` is said beside them."""

    platform: str
    order: str
    report: Report
    number: int
    text: str = ""


Effect = (
    Notify
    | NotifyPerson
    | NotifyAbove
    | Supervise
    | HandDown
    | Tell
    | Cancel
    | Cascade
    | TellToldPeople
    | TellHeard
    | TellReporters
    | WriteBack
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one step. An unchanged alert without entries and effects means that nothing happened."""

    alert: Alert
    entries: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()

    def after(self, entry: Entry, *effects: Effect) -> Outcome:
        """The same outcome with something that comes before it."""
        return Outcome(self.alert, (entry, *self.entries), (*effects, *self.effects))
