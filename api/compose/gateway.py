"""The gateway process: MQTT to the log."""

from __future__ import annotations

import asyncio
from typing import Final

from alerts.ledger import open_ledger
from api.compose import agreed, unknown
from api.heartbeat import Heart
from api.placebook import PlaceBook
from api.seal import Seal
from api.settings import Settings
from ingest.doors import run_gateway

ACKNOWLEDGES_WITHIN: Final = (
    60.0  # seconds for which a gateway with messages in hand and a log that is well may acknowledge nothing
)


async def run(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The gateway: MQTT to the log."""
    ledger = open_ledger(settings.ledger.address)
    clock = settings.clock.clock()
    agreed.agree(clock, ledger)
    book = PlaceBook(ledger, clock.now)
    strangers = unknown.devices()
    following = [
        asyncio.create_task(book.follow(stop)),
        asyncio.create_task(agreed.follow(clock, ledger, stop)),
        asyncio.create_task(unknown.follow(strangers, ledger, stop)),
    ]
    try:
        await run_gateway(
            settings.mqtt,
            settings.log,
            settings.gateway,
            registry=book.registry,
            locate=book.locate,
            seal=Seal(settings.secret.get_secret_value()),
            clock=clock,
            stop=stop,
            ready=ready,
            moved=ready.moves("what is on its way to the log", ACKNOWLEDGES_WITHIN),
            unknown=strangers,
        )
    finally:
        stop.set()
        await asyncio.gather(*following)
        ledger.close()
