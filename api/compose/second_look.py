"""A second look at what was rejected, with the registry and the clock of the ledger, as the gateway process has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alerts.ledger import open_ledger
from alerts.ledger.port import LedgerUnavailable
from api.compose import agreed
from api.placebook import PlaceBook
from api.pushes import stream_of
from api.seal import Seal
from api.settings import Settings
from ingest.clock import Clock
from ingest.dialects import open_dialects
from ingest.dialects.catalogue import Stream, entries
from ingest.dialects.claims import Dialect
from ingest.gateway import Gateway
from ingest.second_look import SecondLook, Ways
from ingest.tcp import tuned


@dataclass(frozen=True, slots=True)
class Second:
    """What looks, and the clock that says what is late by now."""

    look: SecondLook
    clock: Clock


@contextmanager
def second_look(settings: Settings) -> Iterator[Second]:
    """One for as long as the context. Raises `LedgerUnavailable` with what to do."""
    where = settings.ledger.url.rpartition("@")[2]
    try:
        ledger = open_ledger(settings.ledger.address)
    except (LedgerUnavailable, OSError, ValueError) as error:
        raise LedgerUnavailable(f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml") from error
    try:
        clock, own = settings.clock.clock(), settings.gateway
        agreed.agree(clock, ledger)
        book = PlaceBook(ledger, clock.now)
        seal = Seal(settings.secret.get_secret_value())

        def gateway(plain: tuple[Dialect, ...], stream: Stream) -> Gateway:
            return Gateway(book.registry(), book.locate, own, plain, seal, stream)

        known, pushed = entries(own.profiles, own.hotlines), {f"push {door.name}": door for door in settings.api.push}
        listening = {f"tcp {door.dialect}": door for door in own.tcp}

        def stream(door: str) -> Stream:
            if door in pushed:
                return stream_of(pushed[door], known)
            return tuned(listening[door], Stream(known)) if door in listening else Stream(known)

        pushes = {door.name: door.dialect for door in settings.api.push}
        ways = Ways(known, open_dialects(own.profiles), pushes, settings.mqtt.shards, stream)
        yield Second(SecondLook(ways, gateway), clock)
    finally:
        ledger.close()
