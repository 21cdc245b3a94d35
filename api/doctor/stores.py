"""The ledger and the series: do they answer, with the tables of this build, and is a place in force? Touches both, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx

from alerts.conduct import UNREACHED
from alerts.ledger import open_ledger
from alerts.ledger.facts import Facts, facts
from alerts.ledger.migrate import LedgerTooNew
from alerts.people.duty import CHINA
from alerts.people.enrol import AHEAD
from alerts.people.gaps import catcher_gaps
from alerts.people.roster import Roster
from alerts.people.routing import Moment, catcher
from api.doctor.clocks import Reading
from api.doctor.finding import Finding
from api.settings import Settings
from ingest.registry import Registry
from streams.settings import SeriesSettings

_CHECK: Final = "check ledger.url and the database; `tocsin up` makes one here"


def ledger(settings: Settings, clock: dict[str, Reading]) -> Iterator[Finding]:
    """The database, its revision, and what is in it. Its clock goes into `clock`."""
    file = settings.ledger.url.removeprefix("sqlite:///")
    if file != settings.ledger.url and not Path(file).exists():
        yield Finding("ledger", False, f"{file}: there is no such file", "check ledger.url; `tocsin migrate` makes one")
        return
    before = datetime.now(UTC)
    try:
        known = facts(settings.ledger.address)
    except Exception as error:  # any database's own exception means the same here
        yield Finding("ledger", False, _line(error), _CHECK)
        return
    if known.now is not None:
        clock["ledger"] = Reading(known.now, before, datetime.now(UTC))
    yield _revision(known)
    if not known.revision or known.revision < known.known:
        return
    try:
        yield from _content(settings, known)
    except LedgerTooNew as error:
        yield Finding("ledger", False, _line(error), "run the later Tocsin")
    except Exception as error:  # as above
        yield Finding("ledger", False, _line(error), _CHECK)


def _revision(known: Facts) -> Finding:
    if not known.revision:
        return Finding("migrations", False, "there are no tables", "run `tocsin migrate`")
    if known.revision < known.known:
        found = f"tables of revision {known.revision}, this build wants {known.known}"
        return Finding("migrations", False, found, "run `tocsin migrate` with this build")
    later = f", this build knows {known.known}: an upgrade is rolling" if known.revision > known.known else ""
    return Finding("migrations", True, f"tables of revision {known.revision}{later}")


def _content(settings: Settings, known: Facts) -> Iterator[Finding]:
    opened = open_ledger(settings.ledger.address)
    try:
        counts, registry, roster = opened.counts(), opened.registry(), opened.roster()
        now = opened.now() or settings.clock.clock().now()
        unreached = opened.unreachable(now - UNREACHED)
    finally:
        opened.close()
    if not registry.grids:
        do = "read grids, devices and people with `tocsin import`"
        yield Finding("ledger", False, f"{known.server}: there is no place in it", do)
        return
    said = ", ".join(f"{k} {v}" for k, v in sorted(counts.items()))
    place = f"{len(registry.grids)} grids, {len(registry.devices)} devices"
    yield Finding("ledger", True, f"{known.server}, {known.megabytes:.0f} MB: {place}; {said}")
    yield caught(registry, roster, Moment(now, unreachable=unreached))


def caught(registry: Registry, roster: Roster, moment: Moment) -> Finding:
    """Whether somebody takes what no grid covers (无主兜底), now and in the days to come."""
    found = catcher(registry, roster, moment)
    if not found.people:
        do = "import people, one of them with the role catcher: what happens now is told to nobody"
        return Finding("catcher", False, "nobody is enrolled", do)
    names = ", ".join(p.name for p in found.people[:3])
    if found.skipped:
        do = "give somebody the role catcher who is on duty at any time: `tocsin roster gaps`"
        return Finding("catcher", False, f"nobody who can be told is on duty; {names} ({found.grid}) would be told", do)
    if moment.now is not None and (later := catcher_gaps(registry, roster, moment.now, moment.now + AHEAD)):
        begin = later[0].begin.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
        do = "give somebody else the role catcher, or another shift: `tocsin roster gaps`"
        return Finding("catcher", False, f"{names} ({found.grid}) now, and nobody on duty from {begin}", do)
    return Finding("catcher", True, f"{names} ({found.grid})")


def series(settings: SeriesSettings, clock: dict[str, Reading]) -> Iterator[Finding]:
    """The store, by a question that every store answers. InfluxDB's clock goes into `clock`."""
    from api.compose.parts import open_series

    if settings.store == "embedded" and not settings.path.exists():
        yield Finding("series", False, f"{settings.path}: there is no such file", "`tocsin up` makes one")
        return
    try:
        if settings.store == "influx":
            before = datetime.now(UTC).replace(microsecond=0)  # a Date header has whole seconds
            answer = httpx.get(f"{settings.url}/health", timeout=5.0)
            clock["series"] = Reading(parsedate_to_datetime(answer.headers["date"]), before, datetime.now(UTC))
        opened = open_series(settings)
        try:
            kept = opened.count()
        finally:
            opened.close()
    except Exception as error:  # any store's own exception means the same here
        do = "check [series]; alerts do not depend on it. A missing bucket is made by `tocsin migrate`"
        yield Finding("series", False, _line(error), do)
        return
    yield Finding("series", True, f"{settings.store}: {kept} readings")


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
