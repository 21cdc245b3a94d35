"""Held notices whose time has come: what a plan says of them is done, in one transaction, with every reason on the timelines.

Everything about some lanes is read in a handful of questions. A message that speaks for several notices is a notice of its own; what
becomes of it becomes of them. Until it is handed over it may be put together anew: whoever answers one case takes it out of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.alert import Alert, Entry, Handling, Notice, NoticeState, Reason
from alerts.answering import pressed
from alerts.commands import Delivered
from alerts.delivery.bundles import PREFIX, Bundle, Lane, Message, Plan, View, plan, ringing
from alerts.delivery.failover import other_channel, over
from alerts.delivery.holding import budgets_of, settle
from alerts.docket import Docket
from alerts.escalation import RINGING
from alerts.hushing import kept
from alerts.notices import Telling, moved, notice, waiting
from alerts.outcome import NotAllowed, Why
from alerts.quiet.budgets import Let, turn
from alerts.quiet.events import Bundled, Hushed, KeptBack
from alerts.quiet.grouping import Group
from alerts.quiet.hush import Hush
from ingest.events import digest
from streams.signal import Level

LANES: Final = 5  # in one transaction, after which others have their turn: they wait meanwhile, and red must not


def let_go(docket: Docket, lanes: Sequence[Lane]) -> None:
    """Do what falls due in some lanes."""
    bundles = docket.tx.bundles
    held = bundles.held(lanes)
    groups = bundles.groups({n.bundle for n in held if n.bundle}) | bundles.repeating(lanes, docket.now)
    told = {ident for group in groups.values() if group.log is not None for ident in group.log.firing}
    docket.load(docket.tx.alerts(sorted({n.alert for n in held} | told)))
    docket.gate.remember(alert for one in held if (alert := docket.get(one.alert)) is not None)
    for one in held:
        _hush(docket, one)
    for group in groups.values():
        if group.repeat_at is not None and group.repeat_at <= docket.now:
            _hush_again(docket, group)
    before = bundles.let_go(lanes)
    changed: dict[str, Group] = {}
    gone: dict[Lane, tuple[Let, ...]] = {}
    for lane in lanes:
        mine = tuple(n for n in map(docket.current, held) if Lane(n.person, n.channel) == lane and waiting(n))
        some = {key: group for key, group in groups.items() if (group.person, group.channel) == lane}
        alerts = {ident: found for n in mine if (found := docket.get(n.alert)) for ident in (n.alert,)}
        alerts |= {ident: found for ident in told if (found := docket.get(ident))}
        budgets, asleep = budgets_of(lane, docket.teller.roster, docket.quiet), _asleep_until(docket, lane)
        view = View(mine, some, alerts, budgets, before.get(lane, ()), asleep)
        made = plan(view, docket.quiet.groups, docket.now)
        changed |= _done(docket, lane, view, made)
        if made.before != view.before:
            gone[lane] = made.before
    bundles.keep_groups(changed.values())
    bundles.keep_let_go(gone)


def _hush(docket: Docket, held: Notice) -> None:
    """What has come since, such as something worse at the same place, may keep the bell shut: it is called back and rings at its end."""
    alert = docket.get(held.alert)
    if alert is None or held.due_at > docket.now or held.reason not in RINGING:
        return
    if alert.handling is not Handling.NEW or kept(alert) is not None:
        return
    hush = docket.gate.answer(alert, held.step)
    if isinstance(hush, Hush):
        step = held.step if held.step == alert.step - 1 else alert.step
        docket.apply(alert, Hushed(hush, held.reason, step))


def _hush_again(docket: Docket, group: Group) -> None:
    """A group that is to be told again asks of each bell, as every ring does, whether something keeps it shut by now."""
    for ident in sorted(group.log.firing if group.log is not None else ()):
        if (alert := docket.get(ident)) is not None and ringing(alert):
            docket.reconsider(alert, "tocsin")


def _asleep_until(docket: Docket, lane: Lane) -> datetime | None:
    """When the quiet hours of a lane's receiver end. They may have begun while it waited for something else."""
    person = docket.teller.person(lane.person)
    said = person.quiet if person is not None else ""
    return docket.quiet.hours.held_until(lane.person, Level.YELLOW, docket.now, said)


def _done(docket: Docket, lane: Lane, view: View, made: Plan) -> dict[str, Group]:
    if made.dropped:
        docket.know(docket.tx.bundles.of_alerts(sorted({one.alert for one, _ in made.dropped})))
    for one, why in made.dropped:
        docket.move(one, NoticeState.CANCELLED, Delivered(one, NoticeState.CANCELLED, why))
    for one, until, why in made.kept:
        docket.put(replace(one, due_at=until, error=why))
        if one.error != why and (alert := docket.get(one.alert)) is not None:
            docket.apply(alert, KeptBack(one, why, until))
    groups = dict(made.groups)
    for message in made.messages:
        carrier = _sent_off(docket, lane, view, message)
        for part in message.parts:
            group = replace(groups[part.group], carrier=carrier) if carrier else groups[part.group]
            groups[part.group] = group
    return groups


def _sent_off(docket: Docket, lane: Lane, view: View, message: Message) -> str:
    """Queue a message; returns the key of the notice that carries it, empty when there is nobody to tell any more."""
    riders = [*message.riders, *_again(docket, lane, message)]
    if not riders:
        return ""
    first = any(n.reason is Reason.FIRST for n in riders)
    place = turn(view.before, docket.now, first=first)
    if len(riders) == 1:
        one = replace(riders[0], state=NoticeState.QUEUED, due_at=docket.now, error="", turn=place)
        docket.put(one) if message.riders else docket.bear(one)
        carrier = one
    else:
        key = digest("bundle", *sorted(n.key for n in riders))
        carrier = _carrier(docket, key, riders, message.told, place)
        docket.bear(carrier)
        for rider in riders:
            rides = replace(rider, carrier=key, error="")
            docket.put(rides) if rider in message.riders else docket.bear(rides)
    for rider in riders:
        alert = docket.get(rider.alert)
        if alert is not None and (message.told or len(riders) > 1):
            docket.apply(alert, Bundled(replace(rider, carrier=carrier.key), message.told, len(riders)))
    if message.parts or len(riders) > 1:
        docket.tx.bundles.keep_bundle(Bundle(carrier.key, message.told, message.parts))
    return carrier.key


def _again(docket: Docket, lane: Lane, message: Message) -> list[Notice]:
    """Notices for those of whom the receiver is told again. Whoever has left the roster is told nothing."""
    person = docket.teller.person(lane.person)
    if person is None:
        return []
    telling = Telling(Reason.REPEAT, -1, docket.now.isoformat())
    key = message.parts[0].group if message.parts else ""
    made: list[Notice] = []
    for alert in [found for ident in message.again if (found := docket.get(ident))]:
        text = docket.teller.text(alert, person, lane.channel, telling)
        one = notice(alert, person, lane.channel, telling, text, docket.now)
        made.append(replace(one, state=NoticeState.HELD, bundle=key))
    return made


def _carrier(docket: Docket, key: str, riders: Sequence[Notice], told: str, place: int) -> Notice:
    one = riders[0]
    return Notice(
        key=key,
        alert=f"{PREFIX}{key}",
        person=one.person,
        name=one.name,
        role=one.role,
        grid=one.grid,
        channel=one.channel,
        reason=min((n.reason for n in riders), key=_ORDER.index),
        level=max((n.level for n in riders), key=lambda level: level.rank),
        text=_text(docket, riders, told),
        created_at=min(n.created_at for n in riders),
        due_at=docket.now,
        turn=place,
    )


_ORDER: Final = [Reason.WORSE, Reason.ESCALATE, Reason.FIRST, Reason.REPEAT, Reason.RESOLVED]


def _text(docket: Docket, riders: Sequence[Notice], told: str) -> str:
    def alerts(some: Iterable[Notice]) -> list[Alert]:
        return [alert for n in some if (alert := docket.get(n.alert)) is not None]

    over = alerts(n for n in riders if n.reason is Reason.RESOLVED)
    rings = alerts(n for n in riders if n.reason is not Reason.RESOLVED)
    return docket.teller.together(riders[0].person, riders[0].channel, told, rings, over, docket.now)


def speaks_for_others(one: Notice) -> bool:
    """Whether a notice is the message of several."""
    return one.alert.startswith(PREFIX)


def leave(docket: Docket, key: str) -> Notice | None:
    """A message as it is to be handed over now, put together anew when somebody has taken a case since; None when nothing is left of it.

    Once it may have been handed over its words stay as they were.
    """
    carrier = docket.tx.notice(key)
    if carrier is None or carrier.state is not NoticeState.SENDING:
        return None
    all_of_them = docket.tx.bundles.riders(key)
    left = [n for n in all_of_them if n.state is NoticeState.HELD]
    if not left:
        after = moved(carrier, NoticeState.CANCELLED, docket.now, error=Why.OVER)
        if after is not None:
            docket.put(after)
            settle(docket.tx, after, docket.now, docket.quiet)
        return None
    if carrier.attempts > 1 or len(left) == len(all_of_them):
        return carrier
    taken = [one for one in all_of_them if one.state is not NoticeState.HELD]
    for one in taken:
        docket.put(replace(one, carrier=""))
    bundle = docket.tx.bundles.bundle(key)
    if bundle is not None and bundle.parts:
        gone = frozenset(one.alert for one in taken if one.reason in RINGING)
        parts = tuple(replace(part, so=part.so.without(gone)) for part in bundle.parts)
        docket.tx.bundles.keep_bundle(replace(bundle, parts=parts))
    docket.load(docket.tx.alerts([n.alert for n in left]))
    after = replace(carrier, text=_text(docket, left, bundle.told if bundle else ""))
    docket.put(after)
    return after


def divert(docket: Docket, key: str, channels: Sequence[str], why: str) -> bool:
    """Queue a message, and all that it speaks for, over the receiver's next channel. False when there is none, or nothing is left of it."""
    carrier = docket.tx.notice(key)
    person = docket.teller.person(carrier.person) if carrier is not None else None
    if carrier is None or person is None or carrier.state is not NoticeState.SENDING:
        return False
    channel = other_channel(carrier, person, channels, docket.tx.notices(carrier.alert))
    left = [n for n in _riders(docket, key) if n.state is NoticeState.HELD]
    if not channel or not left:
        return False
    bundle = docket.tx.bundles.bundle(key) or Bundle(key, "")
    rides = [replace(over(channel, n, n.text, docket.now), state=NoticeState.HELD) for n in left]
    after = over(channel, carrier, _text(docket, rides, bundle.told), docket.now)
    docket.bear(after)
    for one in rides:
        docket.bear(replace(one, carrier=after.key))
        detail = {"person": one.person, "from": carrier.channel, "channel": channel, "error": why[:200]}
        docket.tx.append([Entry(one.alert, docket.now, "failed_over", why=Why.UNREACHABLE, detail=detail)])
    docket.tx.bundles.keep_bundle(replace(bundle, carrier=after.key))
    groups = docket.tx.bundles.groups(part.group for part in bundle.parts).values()
    docket.tx.bundles.keep_groups(replace(g, carrier=after.key) for g in groups if g.carrier == key)
    return True


def carried(docket: Docket, carrier: Notice, state: NoticeState, provider_id: str, error: str) -> None:
    """A message moved on its way: so did everything it speaks for, also what was called back too late."""
    after = moved(carrier, state, docket.now, provider_id=provider_id, error=error)
    if after is None:
        return
    docket.put(after)
    settle(docket.tx, after, docket.now, docket.quiet)
    for rider in _riders(docket, carrier.key):
        hopeless = state is NoticeState.FAILED and docket.hopeless(rider)
        docket.move(rider, state, Delivered(rider, state, Why.PROVIDER, error, hopeless))


def answered(docket: Docket, carrier: Notice, state: NoticeState) -> Alert | None:
    """The receiver of a message answered it: every bell it speaks for is taken; one that is over, or taken already, is left as it is."""
    carried(docket, carrier, state, "", "")
    taken: Alert | None = None
    for rider in _riders(docket, carrier.key):
        alert = docket.get(rider.alert)
        said = pressed(alert, rider) if alert is not None and state is NoticeState.ANSWERED else None
        if said is None:
            continue
        try:
            taken = docket.apply(alert, said)
        except NotAllowed:
            continue
    return taken


def _riders(docket: Docket, key: str) -> list[Notice]:
    riders = docket.tx.bundles.riders(key)
    idents = sorted({rider.alert for rider in riders})
    docket.load(docket.tx.alerts(idents))
    docket.know(docket.tx.bundles.of_alerts(idents))
    return [docket.current(rider) for rider in riders]
