"""From "ring this step" to notices for people: routing, channels and words together. Pure, for one place and one roster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final

from alerts import canary
from alerts.alert import AFTERWARDS, Alert, Notice, Reason
from alerts.commands import Skipped, Told
from alerts.delivery.bundle_text import said_together
from alerts.instructions.instructed import no_link
from alerts.notices import Telling, channels_for, episode, notice, reached
from alerts.orders.reports import report_notice
from alerts.outcome import Notify, NotifyAbove, NotifyPerson, Supervise, TellHeard, TellToldPeople, Why, WriteBack
from alerts.people.propagation import Reach
from alerts.people.roster import Person, Roster
from alerts.people.routing import Moment, Route, aim, line_of, look, next_staffed
from alerts.phrases import Phrases
from alerts.quiet.drill import MARK
from alerts.quiet.hours import ZONE, Hours
from alerts.quiet.hush import DRILL
from alerts.whistle import notices as whistle_notices
from alerts.whistle.whistle import Tell
from ingest.events import Mark
from streams.canary import KIND as CANARY

TEXT: Final = ("sms",)
LEVELS: Final = frozenset({"grid", "up"})  # targets that pass over a level for want of people
PASSED_OVER: Final = frozenset({Why.VACANT, Why.OFF_DUTY, Why.UNREACHABLE})


class Teller:
    """Makes notices at one state of the place. Routes are remembered, because a storm asks for the same few again and again.

    `now` is the instant of whoever is asked for without one; `unreachable` says whom notices do not reach, and is asked at most once.
    """

    def __init__(
        self,
        phrases: Phrases,
        roster: Roster,
        channels: tuple[str, ...],
        language: str,
        *,
        now: datetime | None = None,
        unreachable: Callable[[], frozenset[str]] = frozenset,
        hours: Hours | None = None,
        reach: Reach | None = None,
        link: Callable[[str, str], str] = no_link,
        platforms: frozenset[str] = frozenset(),
    ) -> None:
        self.registry = phrases.registry
        self.roster = roster
        self._phrases = phrases
        self._channels = channels
        self._language = language
        self._now = now
        self._unreachable = unreachable
        self._hours = hours or Hours()
        self._reach = reach or Reach()
        self._link = link
        self._platforms = platforms
        self._routes: dict[tuple[str, str, str, Moment], Route] = {}

    def ring(self, alert: Alert, notify: Notify, now: datetime) -> tuple[list[Notice], Told]:
        """The notices of a step of the alert's chain, and what is to be said about them on the timeline."""
        step = alert.chain[notify.step]
        nobody = Route((canary.PERSON,))
        found = nobody if alert.kind == CANARY else self._route(step.target, alert, alert.reached, now, climbs=True)
        people = found.people if step.target == "all" else found.people[:1]
        telling = Telling(notify.reason, notify.step, episode(alert))
        notices, skipped = self._to(people, step.channels, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        passed, staffed_at = self._passed(alert, found, now) if step.target in LEVELS else (None, None)
        return notices, Told(
            notify.reason, notify.step, found.grid, told, (*found.skipped, *skipped), passed, staffed_at
        )

    def hand_down(self, alert: Alert, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for the lowest level that was passed over and has somebody now; the chain goes on where it was."""
        moment = self._moment(None, now)
        over = alert.work.passed
        seen = next((s for s in (look(self.registry, self.roster, c, moment) for c in over) if s.why is None), None)
        lower = over[: over.index(seen.grid)] if seen else over  # what lies above it need not hear of it any more
        staffed_at = next_staffed(self.registry, self.roster, lower, moment)
        if seen is None:
            skipped = tuple(Skipped(Why.OFF_DUTY, code) for code in over)
            return [], Told(Reason.REASSIGNED, -1, "", (), skipped, lower, staffed_at)
        telling = Telling(Reason.REASSIGNED, -1, f"{episode(alert)}/{seen.grid}")
        notices, unused = self._to(seen.people[:1], TEXT, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        return notices, Told(Reason.REASSIGNED, -1, seen.grid, told, unused, lower, staffed_at, Why.HANDED_DOWN)

    def _passed(self, alert: Alert, found: Route, now: datetime) -> tuple[tuple[str, ...], datetime | None]:
        """The levels of an alert's line that were passed over and have not been told, lowest first, and when one has somebody again."""
        moment = self._moment(alert.stages.get("event_at"), now)
        before = alert.work.passed if alert.reached else ()
        over = {*before, *(s.what for s in found.skipped if s.why in PASSED_OVER)} - {found.grid}
        if not over:
            return (), None
        line = line_of(self.registry, alert.place.grid, moment)
        passed = tuple(grid.code for grid in line if grid.code in over)
        return passed, next_staffed(self.registry, self.roster, passed, moment)

    def rehearse(self, alert: Alert, notify: Notify, people: Sequence[str], now: datetime) -> tuple[list[Notice], Told]:
        """The notices of a step of a drill: the listed people instead of those it would reach. Somebody who has left is passed over."""
        step = alert.chain[notify.step]
        found = self._route(step.target, alert, alert.reached, now)
        listed = [(ident, self.person(ident)) for ident in people]
        gone = tuple(Skipped(Why.PERSON_UNKNOWN, ident) for ident, person in listed if person is None)
        telling = Telling(notify.reason, notify.step, episode(alert))
        there = [person for _, person in listed if person is not None]
        notices, skipped = self._to(there, step.channels, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        return notices, Told(notify.reason, notify.step, found.grid, told, (*gone, *skipped))

    def instruct(self, alert: Alert, wanted: NotifyPerson, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for somebody to whom the alert is given."""
        person = self.person(wanted.person)
        if person is None:
            return [], Told(wanted.reason, -1, "", (), (Skipped(Why.PERSON_UNKNOWN, wanted.person),))
        # Going back and forth between two people is a new decision each time, so the alert's version is part of the episode.
        telling = Telling(wanted.reason, -1, f"{episode(alert)}/{alert.version}")
        made, skipped = self._to((person,), wanted.channels, alert, telling, now)
        link = self._link(alert.id, person.id) if made else ""  # of the page where one signs for it, and checks in
        notices = [replace(n, text=f"{n.text}\n{link}") if link and n.channel in TEXT else n for n in made]
        return notices, Told(wanted.reason, -1, "", tuple((n.person, n.channel) for n in notices), skipped)

    def above(self, alert: Alert, wanted: NotifyAbove, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for the first asked of the lowest staffed level above a grid, or above a person."""
        grid = wanted.grid or self._grid_of(wanted.person, alert, now)
        found = self._route("up", alert, grid, now)
        about = self.person(wanted.person)
        telling = Telling(wanted.reason, -1, f"{episode(alert)}/{alert.version}", who=about.name if about else "")
        notices, skipped = self._to(found.people[:1], wanted.channels, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        return notices, Told(wanted.reason, -1, found.grid, told, (*found.skipped, *skipped))

    def supervise(self, alert: Alert, wanted: Supervise, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for the first asked of the lowest staffed level above whoever it was given to, else above who answers for it."""
        found = self._route("up", alert, self._grid_of(alert.assignee, alert, now), now)
        telling = Telling(Reason.SUPERVISE, -1, wanted.key, wanted.clock, wanted.stroke)
        notices, skipped = self._to(found.people[:1], TEXT, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        return notices, Told(Reason.SUPERVISE, -1, found.grid, told, (*found.skipped, *skipped))

    def whistle(self, alert: Alert, tell: Tell, now: datetime) -> tuple[list[Notice], Told]:
        """The notice about a whistle for the first asked of those who are meant. It carries the number of the unit, 0 without one."""
        moment = self._moment(alert.stages.get("event_at"), now)
        found = whistle_notices.whom(tell, alert.place.grid, self.registry, self.roster, moment)
        number = tell.whistle.number_of(tell.unit) if tell.unit else 0
        telling = Telling(Reason.WHISTLE, number, f"{tell.whistle.number}/{tell.what}/{tell.turn}", whistle=tell)
        notices, skipped = self._to(found.people[:1], tell.whistle.channels, alert, telling, now)
        told = tuple((n.person, n.channel) for n in notices)
        return notices, Told(Reason.WHISTLE, number, found.grid, told, (*found.skipped, *skipped))

    def resolve(
        self, alert: Alert, over: TellToldPeople, known: Iterable[Notice], now: datetime
    ) -> tuple[list[Notice], Told | None]:
        """One notice to everybody who was told since the bell was last opened or before, that it is over."""
        if alert.kind == CANARY:
            return [], None  # nobody was told
        told = {n.person: n for n in known if n.reason not in AFTERWARDS and reached(n) and over.notice in {"", n.key}}
        telling = Telling(Reason.RESOLVED, -1, episode(alert))
        notices: list[Notice] = []
        skipped: list[Skipped] = []
        for ident, last in told.items():
            person = self.person(ident)
            if person is None:
                skipped.append(Skipped(Why.PERSON_UNKNOWN, ident))
                continue
            channels = TEXT if TEXT[0] in self._channels else (last.channel,)
            made, unused = self._to((person,), channels, alert, telling, now)
            notices += made[:1]
            skipped += unused if not made else ()
        if not notices and not skipped:
            return [], None
        return notices, Told(Reason.RESOLVED, -1, "", tuple((n.person, n.channel) for n in notices), tuple(skipped))

    def heard(self, alert: Alert, told: TellHeard, person: str, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for somebody who was told that no word came from the scene: one has."""
        known, about = self.person(person), self.person(told.person)
        if known is None:
            return [], Told(Reason.WORD, -1, "", (), (Skipped(Why.PERSON_UNKNOWN, person),))
        telling = Telling(Reason.WORD, -1, f"{episode(alert)}/{alert.version}", who=about.name if about else "")
        notices, skipped = self._to((known,), told.channels, alert, telling, now)
        return notices, Told(Reason.WORD, -1, "", tuple((n.person, n.channel) for n in notices), skipped)

    def report(self, alert: Alert, report: str, person: str, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for the grid worker who reported it: what became of it. One report gives one notice, whatever happens later."""
        known = self.person(person)
        if known is None:
            return [], Told(Reason.REPORTED, -1, "", (), (Skipped(Why.PERSON_UNKNOWN, person),))
        notices, skipped = self._to((known,), TEXT, alert, Telling(Reason.REPORTED, -1, report), now)
        return notices, Told(Reason.REPORTED, -1, "", tuple((n.person, n.channel) for n in notices), skipped)

    def write_back(self, alert: Alert, wanted: WriteBack, now: datetime) -> tuple[list[Notice], Told]:
        """The notice for the platform of a work order; none where nothing is written back to it."""
        if wanted.platform not in self._platforms:
            return [], Told(Reason.ORDER, wanted.number, "", (), why=Why.NO_DOOR)
        made = report_notice(alert, wanted, self.registry, now)
        return [made], Told(Reason.ORDER, wanted.number, "", ((made.person, made.channel),))

    def _grid_of(self, person: str, alert: Alert, now: datetime) -> str:
        """The grid that somebody answers for; of somebody unknown, the level that answers for the place."""
        known = self.person(person)
        return known.grid if known else self._route("grid", alert, "", now).grid

    def text(self, alert: Alert, person: Person, channel: str, telling: Telling) -> str:
        """What one person is told of an alert over a channel."""
        return self._phrases.text(person.language or self._language, channel, telling, alert)

    def together(
        self, ident: str, channel: str, told: str, rings: Sequence[Alert], over: Sequence[Alert], now: datetime
    ) -> str:
        """What one person is told of several alerts in one message. Drills are marked: the whole message, or each case by itself."""
        person = self.person(ident)
        language = person.language if person and person.language else self._language
        drilled = all(alert.marks & Mark.DRILL for alert in (*rings, *over))

        def place(alert: Alert) -> str:
            name = self._phrases.place(language, alert.place.grid)
            return f"{MARK}{name}" if alert.marks & Mark.DRILL and not drilled else name

        text = said_together(self._phrases.words, language, channel, told, rings, over, place=place, now=now)
        return f"{MARK}{text}" if drilled else text

    def person(self, ident: str) -> Person | None:
        """Somebody on the roster."""
        return self.roster.person(ident)

    def leader(self, grid: str) -> Person | None:
        """Who is asked first for a grid."""
        found = aim(self.registry, self.roster, "grid", grid, moment=self._moment(None, self._now)).people
        return found[0] if found else None

    @cached_property
    def _gone(self) -> frozenset[str]:
        return self._unreachable()

    def _moment(self, event_at: datetime | None, now: datetime | None) -> Moment:
        """The tree of the event's time only matters where grids are dated; without dates the same few routes serve a storm."""
        return Moment(now, event_at if self.registry.times else None, self._gone)

    def _route(self, target: str, alert: Alert, told: str, now: datetime, *, climbs: bool = False) -> Route:
        """Whom a target means. The bell `climbs`, and passes over the levels that do not hear of such a case."""
        moment = self._moment(alert.stages.get("event_at"), now)
        if climbs and self._reach.limits:
            line = line_of(self.registry, alert.place.grid, moment)
            moment = replace(moment, barred=self._reach.barred(alert.level, line))
        key = (target, alert.place.grid, told, moment)
        if key not in self._routes:
            self._routes[key] = aim(self.registry, self.roster, target, alert.place.grid, told=told, moment=moment)
        return self._routes[key]

    def _to(
        self, people: Sequence[Person], wanted: tuple[str, ...], alert: Alert, telling: Telling, now: datetime
    ) -> tuple[list[Notice], tuple[Skipped, ...]]:
        notices: list[Notice] = []
        skipped: list[Skipped] = []
        # Every notice is made here: a canary's goes to the sink whatever asked for it, and nothing else ever does.
        used = (canary.SINK,) if alert.kind == CANARY else tuple(c for c in self._channels if c != canary.SINK)
        drill = alert.work.hush if alert.work.hush is not None and alert.work.hush.why == DRILL else None
        for person in people:
            if drill is not None and person.id not in drill.people:
                skipped.append(Skipped(Why.DRILL, person.id))
                continue
            channels, unused = channels_for(person, wanted, used)
            skipped += unused
            language = person.language or self._language
            texts = ((c, self._phrases.text(language, c, telling, alert)) for c in channels)
            made = [notice(alert, person, channel, telling, text, now) for channel, text in texts]
            held = self._held(person, alert, telling, now)
            if held is not None and made:
                skipped.append(Skipped(Why.QUIET_HOURS, f"{person.id} {held.astimezone(ZONE):%H:%M}"))
                made = [replace(n, due_at=held) for n in made]
            notices += made
        return notices, tuple(skipped)

    def _held(self, person: Person, alert: Alert, telling: Telling, now: datetime) -> datetime | None:
        """Until when a notice waits because of somebody's quiet hours. What a person asks of a person never waits."""
        asked = (
            telling.reason in {Reason.INSTRUCTION, Reason.REASSIGNED, Reason.WHISTLE, Reason.CHECK_IN}
            or alert.kind == CANARY
        )
        return None if asked else self._hours.held_until(person.id, alert.level, now, person.quiet)
