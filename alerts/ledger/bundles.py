"""Held notices, groups and what was let go, in SQL. Holds `bundle_port.WritesBundles` on the connection of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, literal, select, type_coerce

from alerts.alert import Notice, NoticeState
from alerts.delivery.bundles import Bundle, Lane, Part
from alerts.ledger import bundle_tables, tables
from alerts.ledger.ahead import Reads
from alerts.ledger.among import among
from alerts.ledger.bulk import Bulks
from alerts.ledger.rows import notice_of
from alerts.ledger.tables import EPOCH, Instant, microseconds
from alerts.quiet.budgets import Let
from alerts.quiet.grouping import Group, Log, Now

MOST: Final = 300  # held notices that are looked at together; the rest follows
_ROWS: Final = 20  # of the next that are due, for each lane that is asked for: they may be of few people
_O: Final = tables.outbox.c
_G: Final = bundle_tables.notice_group.c
_L: Final = bundle_tables.notice_lane.c
# In the words of the partial indexes.
WAITS: Final[tuple[ColumnElement[bool], ...]] = (
    _O.state == literal(NoticeState.HELD.value, literal_execute=True),
    _O.carrier == literal("", literal_execute=True),
)
# `+ 0` keeps the index by `due_at` out of it: it would save the sorting and read what is held for everybody.
_HELD: Final = (
    select(tables.outbox)
    .where(*WAITS, among(_O.person, "people"))
    .order_by(type_coerce(_O.due_at, BigInteger) + 0, _O.created_at, _O.key)
    .limit(MOST)
)
_RIDERS: Final = select(tables.outbox).where(
    _O.carrier == bindparam("ident"), _O.carrier != literal("", literal_execute=True)
)
OF_ALERTS: Final = select(tables.outbox).where(among(_O.alert, "idents")).order_by(_O.created_at, _O.step, _O.key)
_GROUPS: Final = select(bundle_tables.notice_group).where(among(_G.key, "keys"))
_REPEATING: Final = select(bundle_tables.notice_group).where(
    _G.repeat_at <= bindparam("now", type_=Instant), among(_G.person, "people")
)
_BUNDLE: Final = select(bundle_tables.notice_bundle).where(bundle_tables.notice_bundle.c.carrier == bindparam("ident"))
_LET_GO: Final = select(bundle_tables.notice_lane).where(among(_L.person, "people"))
_KEEP_GROUP: Final = "ON CONFLICT (key) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in ("flush_at", "firing", "resolved", "told_at", "repeat_at", "carrier")
)
_KEEP_BUNDLE: Final = "ON CONFLICT (carrier) DO UPDATE SET told = excluded.told, parts = excluded.parts"
_KEEP_LANE: Final = "ON CONFLICT (person, channel) DO UPDATE SET let_go = excluded.let_go"


def riding(carriers: Sequence[str]) -> Select[Any]:
    """What travels in some messages."""
    rides = _O.carrier != literal("", literal_execute=True)
    return select(tables.outbox).where(rides, _O.carrier.in_(carriers)).order_by(_O.created_at, _O.key)


def due(now: datetime, limit: int) -> tuple[Select[Any], ...]:
    """The lanes in which something is due, some of them several times: held notices, and groups that are to be told again."""
    held = select(_O.person, _O.channel).where(*WAITS, _O.due_at <= now).order_by(_O.due_at)
    again = select(_G.person, _G.channel).where(_G.repeat_at <= now).order_by(_G.repeat_at)
    return held.limit(_ROWS * limit), again.limit(limit)


def next_due() -> tuple[Select[Any], ...]:
    """When the next of them falls due."""
    held = select(_O.due_at).where(*WAITS).order_by(_O.due_at).limit(1)
    return held, select(_G.repeat_at).where(_G.repeat_at.is_not(None)).order_by(_G.repeat_at).limit(1)


class SqlBundles:
    """What was gathered by the transaction must have been written before a question is asked here.

    `reads` answers questions, also ahead of the turn to write; `writing` gives what may be written to.
    """

    def __init__(self, reads: Reads, writing: Callable[[], Connection], bulks: Bulks) -> None:
        self._reads = reads
        self._writing = writing
        self._bulks = bulks

    def held(self, lanes: Iterable[Lane]) -> list[Notice]:
        wanted = set(lanes)
        rows = self._about(_HELD, "people", {lane.person for lane in wanted})
        found = (notice_of(row) for row in rows if (row.person, row.channel) in wanted)
        return sorted(found, key=lambda n: (n.created_at, n.key))

    def riders(self, carrier: str) -> list[Notice]:
        return [notice_of(row) for row in self._reads.execute(_RIDERS, {"ident": carrier})]

    def of_alerts(self, idents: Sequence[str]) -> dict[str, list[Notice]]:
        found: dict[str, list[Notice]] = {ident: [] for ident in idents}
        for row in self._about(OF_ALERTS, "idents", found):
            found[row.alert].append(notice_of(row))
        return found

    def groups(self, keys: Iterable[str]) -> dict[str, Group]:
        return {row.key: _group(row) for row in self._about(_GROUPS, "keys", keys)}

    def repeating(self, lanes: Iterable[Lane], now: datetime) -> dict[str, Group]:
        wanted = set(lanes)
        rows = self._about(_REPEATING, "people", {lane.person for lane in wanted}, now=now)
        return {row.key: _group(row) for row in rows if (row.person, row.channel) in wanted}

    def keep_groups(self, groups: Iterable[Group]) -> None:
        rows = [_group_row(group) for group in groups]
        self._bulks.merge(bundle_tables.notice_group, _KEEP_GROUP).run(self._writing(), rows)

    def bundle(self, carrier: str) -> Bundle | None:
        row = self._reads.execute(_BUNDLE, {"ident": carrier}).first()
        return None if row is None else Bundle(row.carrier, row.told, tuple(_part(*part) for part in row.parts))

    def keep_bundle(self, bundle: Bundle) -> None:
        parts = [[p.group, sorted(p.so.firing), sorted(p.so.resolved), sorted(p.so.answered)] for p in bundle.parts]
        row = {"carrier": bundle.carrier, "told": bundle.told, "parts": parts}
        self._bulks.merge(bundle_tables.notice_bundle, _KEEP_BUNDLE).run(self._writing(), [row])

    def let_go(self, lanes: Iterable[Lane]) -> dict[Lane, tuple[Let, ...]]:
        wanted = set(lanes)
        rows = self._about(_LET_GO, "people", {lane.person for lane in wanted})
        found = {Lane(row.person, row.channel): row.let_go for row in rows}
        return {lane: tuple(_let(*one) for one in some) for lane, some in found.items() if lane in wanted}

    def keep_let_go(self, lanes: Mapping[Lane, Sequence[Let]]) -> None:
        rows = [
            {"person": lane.person, "channel": lane.channel, "let_go": [[microseconds(let.at), let.words] for let in some]}
            for lane, some in lanes.items()
        ]  # fmt: skip
        self._bulks.merge(bundle_tables.notice_lane, _KEEP_LANE).run(self._writing(), rows)

    def _about(self, statement: Select[Any], name: str, values: Iterable[str], **more: object) -> Iterable[Any]:
        listed = sorted(set(values))
        return self._reads.execute(statement, {name: listed, **more}) if listed else ()


def _group(row: Any) -> Group:
    log = None if row.told_at is None else Log(frozenset(row.firing), frozenset(row.resolved), row.told_at)
    return Group(row.key, row.person, row.channel, row.level, row.flush_at, log, row.repeat_at, row.carrier)


def _group_row(group: Group) -> dict[str, Any]:
    log = group.log
    return {
        "key": group.key,
        "person": group.person,
        "channel": group.channel,
        "level": group.level,
        "flush_at": group.flush_at,
        "firing": sorted(log.firing) if log else [],
        "resolved": sorted(log.resolved) if log else [],
        "told_at": log.at if log else None,
        "repeat_at": group.repeat_at,
        "carrier": group.carrier,
    }


def _part(group: str, firing: list[str], resolved: list[str], answered: list[str]) -> Part:
    return Part(group, Now(frozenset(firing), frozenset(resolved), frozenset(answered)))


def _let(at: int, words: str) -> Let:
    return Let(EPOCH + timedelta(microseconds=at), words)
