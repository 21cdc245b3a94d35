"""Work orders on the virtual time line: as the platform says them, through the worker's rules, into the line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from alerts.alert import Alert, Notice, Reason
from alerts.conduct import Conductor
from ingest.events import Call, Mark, Place
from ingest.orders import Order
from streams.calls import Calls, load_keywords
from streams.signal import Signal
from streams.surges import Surges
from tests.scenarios.timeline import START, WORDS, Line, placed

PLATFORM = "12345"


class Hotline:
    """One partition's worker in front of a line."""

    def __init__(self, *, platforms: frozenset[str] = frozenset({PLATFORM}), **but: Any) -> None:
        self.line = Line(**but)
        self.line.conductor = Conductor(
            self.line.ledger,
            policies=self.line.policies,
            registry=self.line.ledger.registry,
            roster=self.line.ledger.roster,
            words=WORDS,
            channels=("sms", "voice"),
            platforms=platforms,
        )
        self.calls = Calls(load_keywords())
        self.surges = Surges(self.calls.orders)
        self.surges.enrol(self.line.ledger.registry())

    def order(self, number: str, state: str = "dispatched", **but: Any) -> list[Signal]:
        """A state of an order of now; `text`, `grid`, `marks` and `call` are about the call it came as, the rest is the order's."""
        text, place = str(but.pop("text", "")), but.pop("place", None) or placed(str(but.pop("grid", "g1")))
        signals = self.signals(made(number, state, self.line.now, text, place, **but))
        self.line.conductor.signals(signals, self.line.now)
        self.line.send()
        return signals

    def signals(self, call: Call) -> list[Signal]:
        """What a call says."""
        said = self.calls.update(call)
        return said + self.surges.update(call, said)

    def case(self, number: str) -> Alert:
        """The case that an order is about."""
        found = [
            a for a in self.line.alerts() if any(o.number == number for o in a.work.orders) and not a.work.merged_into
        ]
        assert len(found) == 1, found
        return found[0]

    def written(self, number: str = "") -> list[str]:
        """What was written back, in order: "1001 accepted"."""
        return [f"{n.person} {said(n)['report']}" for n in self.line.notices(Reason.ORDER) if number in {"", n.person}]


def made(number: str, state: str, now: datetime, text: str = "", place: Place | None = None, **but: Any) -> Call:
    """One state of an order as it comes off the log."""
    marks, at = but.pop("marks", Mark.NONE), but.pop("at", now)
    order = replace(Order(PLATFORM, number, state, at, category="投诉"), **but)
    return Call(
        number, text or "楼下堆物", at, now, order.category, place=place or placed("g1"), marks=marks, order=order
    )


def said(notice: Notice) -> dict[str, Any]:
    """What a report says."""
    found: dict[str, Any] = orjson.loads(notice.text)
    return found


def later(seconds: float) -> datetime:
    """An instant of the line."""
    return START + timedelta(seconds=seconds)
