"""The conductor: takes signals, people's commands, timers and receipts to the ledger, one transaction each.

It decides nothing itself: what belongs together is `identity`, what happens is `lifecycle`, who is told is `telling`. It keeps
nothing but what makes it quick, so any number of workers and API processes may each have one on the same ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from alerts import canary, returns
from alerts.alert import Alert, Notice, NoticeState
from alerts.candidates import Candidates, gathered
from alerts.closing_commands import CallBack, Rate, Reopen
from alerts.commands import (
    Cleared,
    Command,
    Dispatch,
    Grade,
    LetGo,
    Merge,
    Raised,
    Split,
    TakeIn,
)
from alerts.delivery.letting_go import LANES, divert, leave, let_go
from alerts.docket import Docket
from alerts.identity import alert_id, earlier, end_of, follows, identity, mark, order_keys
from alerts.instructions.instructed import Speaker, no_link
from alerts.instructions.instructing import Instructor
from alerts.instructions.instruction import part_of
from alerts.ledger.port import Conflict, Ledger, Transaction
from alerts.orders.areas import Areas, goes_on_in, must_be_apart
from alerts.orders.events import Ordered
from alerts.outcome import NotAllowed, Why
from alerts.people.roster import Roster
from alerts.phrases import Phrases
from alerts.policy import Policies
from alerts.telling import Teller
from alerts.transitions import after
from alerts.triage.commands import Triage
from alerts.waking import fall_due, look_again, recall, set_right
from alerts.whistle.commands import Blow, NameUnits
from alerts.words import Words
from ingest.registry import Registry
from streams.canary import KIND as CANARY
from streams.signal import Signal

TRIES: Final = 8  # times a transaction is worked out anew when somebody else was faster
IN_TURN: Final = 20  # batches after one that was decided ahead in vain
UNREACHED: Final = timedelta(minutes=30)  # how long a person to whom nothing could be delivered is passed over
BATCH: Final = 200  # escalations in one transaction
LEASE: Final = timedelta(seconds=10)
ACCEPT_DIGIT: Final = "1"
T = TypeVar("T")


class UnknownAlert(LookupError):
    """There is no alert of that id."""


class Conductor:
    """Every method is one or more whole transactions, may be called from any thread, and may be repeated: a repeat changes nothing."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        policies: Policies,
        registry: Callable[[], Registry],
        roster: Callable[[], Roster],
        words: Words,
        channels: tuple[str, ...],
        language: str = "zh",
        link: Callable[[str, str], str] = no_link,
        platforms: frozenset[str] = frozenset(),
    ) -> None:
        self._ledger = ledger
        self._policies = policies
        self._registry = registry
        self._roster = roster
        self._phrases = Phrases(words, registry())
        self._in_turn = 0  # so many batches wait for their turn before they are decided
        self._channels = channels
        self._language = language
        self._platforms = platforms
        self._link = link
        speaker = Speaker(words, channels, language, link)
        self.instructor = Instructor(ledger, policies.instructions, registry=registry, roster=roster, speaker=speaker)

    def signals(self, batch: Sequence[Signal], now: datetime) -> list[Alert]:
        """Conduct signals in their order, all in one transaction; returns the alerts that changed.

        A signal that was conducted before changes nothing.
        """
        return self._transact(now, lambda docket: self._conduct(docket, batch), ahead=True)[1]

    def command(self, alert_id: str, command: Command, now: datetime) -> Alert:
        """Do what a person says. Raises `UnknownAlert` or `NotAllowed`; then nothing has changed."""
        alert, saved = self._transact(now, lambda docket: self._obey(docket, alert_id, command))
        return next((a for a in saved if a.id == alert.id), alert)

    def bulk(self, ids: Sequence[str], command: Command, now: datetime) -> dict[str, Alert | Exception]:
        """The same command for many alerts in one transaction.

        Each is done or refused by itself: the answer has its alert, or the exception that says why not.
        """

        def obey(docket: Docket) -> dict[str, Alert | Exception]:
            docket.load(docket.tx.alerts(ids))
            return {ident: self._one_of(docket, ident, command) for ident in dict.fromkeys(ids)}

        results, saved = self._transact(now, obey)
        return {**results, **{a.id: a for a in saved if not isinstance(results.get(a.id), Exception)}}

    def escalate(self, now: datetime) -> int:
        """Ring every step, and do whatever a timer asks for, that is due by `now`; returns how many alerts were looked at."""
        done = 0
        while ids := self._ledger.due_escalations(now, limit=BATCH, lease=LEASE):
            self._transact(now, partial(fall_due, ids=ids))
            done += len(ids)
            if len(ids) < BATCH:
                break
        return done + self._let_go(now)

    def _let_go(self, now: datetime) -> int:
        """Send off, bundle or drop what was held until `now`, for a few lanes at a time; returns for how many. The rest is still due."""
        lanes = self._ledger.due_lanes(now, limit=LANES)
        if lanes:
            self._transact(now, partial(let_go, lanes=lanes))
        return len(lanes)

    def leave(self, notice_key: str, now: datetime) -> Notice | None:
        """A message of several notices right before it is handed over; None when all of them were called back."""
        return self._transact(now, partial(leave, key=notice_key))[0]

    def divert(self, notice_key: str, channels: Sequence[str], why: str, now: datetime) -> bool:
        """Try the next of some channels for a message of several notices. False when there is none."""
        return self._transact(now, partial(divert, key=notice_key, channels=channels, why=why))[0]

    def receipt(
        self, notice_key: str, state: NoticeState, now: datetime, *, provider_id: str = "", error: str = ""
    ) -> None:
        """A notice moved on its way. Late and repeated receipts change nothing. Raises `UnknownNotice`."""

        def take(docket: Docket) -> None:
            notice = returns.known(docket, notice_key)
            if part_of(notice.alert)[0]:
                self.instructor.moved(docket.tx, notice, state, now, provider_id=provider_id, error=error)
            else:
                returns.received(docket, notice, state, provider_id, error)

        self._transact(now, take)

    def answered(self, notice_key: str, now: datetime, digit: str) -> Alert | None:
        """The person on the telephone pressed a key: 1 takes the alert and silences its bell, or accepts the instruction.

        Any other key only proves that somebody was there. The alert, None for an instruction. Raises `UnknownNotice`.
        """
        state = NoticeState.ANSWERED if digit == ACCEPT_DIGIT else NoticeState.DELIVERED

        def take(docket: Docket) -> Alert | None:
            notice = returns.known(docket, notice_key)
            if not part_of(notice.alert)[0]:
                return returns.answered(docket, notice, state)
            self.instructor.moved(docket.tx, notice, state, now)
            return None

        alert, saved = self._transact(now, take)
        return next((a for a in saved if alert is not None and a.id == alert.id), alert)

    def _transact(self, now: datetime, work: Callable[[Docket], T], *, ahead: bool = False) -> tuple[T, list[Alert]]:
        """`ahead` is for a first try, and not while others keep writing about the same: then it would only be decided twice."""
        if ahead and self._in_turn:
            self._in_turn, ahead = self._in_turn - 1, False
        for left in reversed(range(TRIES)):
            try:
                with self._ledger.transaction(ahead=ahead and left == TRIES - 1) as tx:
                    docket = Docket(tx, self._teller(tx, now), self._policies.quiet, now)
                    result = work(docket)
                    return result, docket.finish()
            except Conflict:
                self._in_turn = IN_TURN if ahead else self._in_turn
                if not left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _teller(self, tx: Transaction, now: datetime) -> Teller:
        registry, phrases = self._registry(), self._phrases
        if registry is not phrases.registry:
            self._phrases = phrases = Phrases(phrases.words, registry)
        return Teller(
            phrases, self._roster(), self._channels, self._language,
            now=now, unreachable=lambda: tx.unreachable(now - UNREACHED), hours=self._policies.quiet.hours,
            reach=self._policies.reach,
            platforms=self._platforms, link=self._link,
        )  # fmt: skip

    def audit(self, ids: Sequence[str], now: datetime) -> list[Alert]:
        """Set right what the auditor found: bells that should ring and would not. Returns the alerts that changed."""
        return self._transact(now, partial(set_right, ids=ids))[1]

    def reconsider(self, ids: Sequence[str], now: datetime, *, by: str = "tocsin") -> list[Alert]:
        """Look at bells again after what keeps bells shut has changed. Returns the alerts that changed."""
        return self._transact(now, partial(look_again, ids=ids, by=by))[1]

    def _one_of(self, docket: Docket, ident: str, command: Command) -> Alert | Exception:
        try:
            return self._obey(docket, ident, command)
        except (NotAllowed, UnknownAlert) as refused:
            return refused

    def _obey(self, docket: Docket, ident: str, command: Command) -> Alert:
        alert = _known(docket, ident)
        if isinstance(command, Merge):
            into = _known(docket, command.into)
            after(ident, alert.handling, command.move)
            docket.apply(into, TakeIn(command.by, alert, self._policies.policy(into.kind)))
            return docket.apply(alert, command)
        if isinstance(command, Split) and alert.work.merged_into:
            into = _known(docket, alert.work.merged_into)
            theirs = into.work
            own = replace(command, callers=theirs.callers, orders=theirs.orders, active=into.active_keys)
            apart = docket.apply(alert, own)
            for key in (*alert.active_keys, *order_keys(alert)):  # what its devices say next is about this case again
                docket.hold(key, alert.id)
            docket.apply(_known(docket, into.id), LetGo(command.by, alert))
            return apart
        if isinstance(command, Dispatch):
            must_be_apart(docket, alert, command)
        begins = recall(docket, alert) if isinstance(command, CallBack | Rate | Reopen) else alert
        return docket.apply(begins, self._resolved(docket.teller, begins, command))

    def _resolved(self, teller: Teller, alert: Alert, command: Command) -> Command:
        """A dispatch names somebody who is on the roster; without a name it goes to whoever answers for the grid."""
        if isinstance(command, Grade):
            return replace(command, policy=self._policies.policy(alert.kind))
        if isinstance(command, Triage):
            return replace(
                command, policy=self._policies.policy(alert.kind), questions=self._policies.triage.of(alert.kind)
            )
        if isinstance(command, Blow | NameUnits):
            return replace(command, plan=self._policies.whistle)
        if not isinstance(command, Dispatch):
            return command
        person = teller.person(command.to) if command.to else teller.leader(alert.place.grid)
        if person is None:
            raise NotAllowed(
                f"nobody on the roster is called {command.to!r}; choose somebody who is",
                handling=alert.handling,
                move=command.move,
            )
        return replace(command, to=person.id)

    def _conduct(self, docket: Docket, batch: Sequence[Signal]) -> None:
        batch = [s for s in batch if s.kind != CANARY or docket.now - s.raised_at <= canary.STALE]
        said = [(s, mark(s), end_of(s.key)) for s in batch]
        held = docket.tx.holding(list({key for s, this, end in said for key in (s.key, this, end, *earlier(s))}))
        candidates = gathered(docket, [s for s, this, _ in said if this not in held], held, self._policies)
        docket.gate.load(batch)
        areas = Areas(docket, batch)
        for signal, this, end in said:
            if this in held or docket.holds(this) is not None:
                continue
            known = next((k for key in (signal.key, *earlier(signal)) if (k := docket.holds(key) or held.get(key))), "")
            alert = goes_on_in(docket, docket.get(known)) if known else None
            if alert is not None and follows(signal, alert):
                then: Alert | None = docket.apply(alert, Ordered(signal, self._policies.policy(signal.kind)))
            elif not signal.active:
                then = docket.apply(alert, Cleared(signal)) if alert else None
            else:
                then = self._raise(docket, candidates, signal, alert)
                if end in held or docket.holds(end) is not None:  # its end was faster than it
                    then = docket.apply(then, Cleared(signal))
            docket.hold(this, then.id if then else "")  # the end of an episode nobody knew of is held as well
            if then is not None:
                turned = docket.gate.edge(signal)
                then = areas.met(signal, docket.apply(then, turned) if turned else then)
                candidates.put(then)
                docket.hold(signal.key, then.id)

    def _raise(self, docket: Docket, candidates: Candidates, signal: Signal, known: Alert | None) -> Alert:
        policy = self._policies.policy(signal.kind)
        if known is not None and (not known.handling.over or signal.marks.mutes):
            return docket.apply(known, Raised(signal, policy, why=Why.SAME_EPISODE))
        what = identity(signal, policy.merging)
        # a test is a record of its own and never touches a real case
        found = None if signal.marks.staged else candidates.home(signal, what, policy.merging)
        if found is not None:
            return docket.apply(found[0], Raised(signal, policy, why=found[1]))
        return docket.apply(None, Raised(signal, policy, alert_id(what, signal), what, Why.FIRST_SIGN))


def _known(docket: Docket, ident: str) -> Alert:
    alert = docket.get(ident)
    if alert is None:
        raise UnknownAlert(f"there is no alert {ident}; look it up in the list again")
    return alert
