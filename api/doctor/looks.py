"""Every look, in the order in which a message travels."""

from __future__ import annotations

from collections.abc import Iterator

from api.doctor.brokers import brokers, topics
from api.doctor.calendar import calendar
from api.doctor.certificates import certificates
from api.doctor.clocks import Reading, clocks
from api.doctor.disk import disk
from api.doctor.finding import Finding
from api.doctor.logview import LogAway, view
from api.doctor.readers import readers
from api.doctor.sessions import sessions
from api.doctor.stores import ledger, series
from api.settings import Settings
from ingest.settings import LogSettings


def looks(settings: Settings) -> Iterator[Finding]:
    """What is found, one after another."""
    told: dict[str, Reading] = {}
    yield from sessions(settings.mqtt)
    yield from certificates(settings.mqtt)
    yield from _log(settings.log, told)
    yield from ledger(settings, told)
    yield from series(settings.series, told)
    yield from clocks(told)
    yield calendar(settings.clock.clock().now())
    yield from disk(settings)


def _log(settings: LogSettings, told: dict[str, Reading]) -> Iterator[Finding]:
    try:
        seen = view(settings)
    except LogAway as error:
        yield Finding("log", False, str(error), "start Kafka, or set log.brokers")
        return
    if seen.newest is not None:
        told["log"] = Reading(seen.newest, seen.asked_at, seen.asked_at, least=True)
    yield from brokers(seen, settings)
    yield from topics(seen, settings)
    yield from readers(seen)
