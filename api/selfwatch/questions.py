"""Direct questions to the parts that block: each in a thread of its own with a bounded wait, never two to the same part at once.

A part that hangs holds one thread of ours, which ends with the process. Touches MQTT, the ledger and the series.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from alerts.alert import Alert
from alerts.ledger.port import Filter, Ledger
from api.county.publisher import NoBroker, Publisher
from api.selfwatch.canary import TOPIC, Canary, message
from api.selfwatch.health import Answer
from ingest.settings import MqttSettings
from streams.canary import KIND, METRIC
from streams.series.port import Series

WITHIN: Final = 4.0  # seconds a part has to answer
_LISTED: Final = 40
_TICK: Final = timedelta(milliseconds=1)
T = TypeVar("T")


class NoAnswer(RuntimeError):
    """A part did not answer in time; the message says which and how long it was waited for."""


class Asking:
    """Asks in threads. While a question hangs, asking it again fails at once."""

    def __init__(self) -> None:
        self._hanging: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, name: str, question: Callable[[], T], within: float = WITHIN) -> T:
        """The answer, or what the question raised. Raises `NoAnswer` after `within` seconds."""
        if name in self._hanging:
            raise NoAnswer(f"{name} has not answered the last question yet")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._hanging[name] = future
        future.add_done_callback(lambda _: self._hanging.pop(name, None))

        def settle(answer: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(answer)  # type: ignore[arg-type]
            else:
                future.set_exception(error)

        def run() -> None:
            answer, wrong = None, None
            try:
                answer = question()
            except Exception as error:  # whatever it is, it is the answer, and belongs to whoever asked
                wrong = error
            try:
                loop.call_soon_threadsafe(settle, answer, wrong)
            except RuntimeError:
                return  # the loop has ended meanwhile: nobody listens

        threading.Thread(target=run, name=f"ask-{name}", daemon=True).start()
        done, _ = await asyncio.wait({future}, timeout=within)
        if not done:
            future.add_done_callback(_heard)
            raise NoAnswer(f"no answer within {within:g} s")
        return future.result()


def _heard(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()  # it came too late to matter


def publish(settings: MqttSettings, client_id: str, canaries: Sequence[Canary]) -> bool:
    """Hand canaries to the MQTT broker like any gateway; whether it has taken all of them. Raises `NoBroker`.

    Without canaries it only asks whether the broker lets us in.
    """
    with Publisher(settings, client_id) as publisher:
        for canary in canaries:
            publisher.publish(*message(canary))
        taken = publisher.flush(WITHIN)
        if publisher.turned_away:
            raise NoBroker(f"the broker takes no canaries ({publisher.turned_away}); let this user write {TOPIC}")
        return taken


def of_ledger(ledger: Ledger, devices: Sequence[str], now: datetime, patience: timedelta) -> tuple[list[Alert], Answer]:
    """The newest canaries of some devices in the ledger, and whether notices and escalations leave in time."""
    alerts = [
        alert
        for device in devices
        for alert in ledger.page(Filter(kinds=(KIND,), subject=device), limit=_LISTED).alerts
    ]
    due = ledger.next_due()
    if due is None or now - due <= patience:
        return alerts, Answer(well=True)
    return alerts, Answer(well=False, said=f"due for {(now - due).total_seconds():.0f} s")


def of_series(series: Series, canaries: Sequence[Canary], now: datetime) -> list[int]:
    """The numbers of those canaries that have their point. Without canaries it only asks whether the store answers."""
    if not canaries:
        series.readings("canary", METRIC, now - _TICK, now, buckets=1)
    return [
        canary.number
        for canary in canaries
        for sample in series.readings(canary.device, METRIC, canary.sent_at, canary.sent_at + _TICK, buckets=1)
        if int(sample.greatest) == canary.number
    ]
