"""What a work order is a case of: its kind by its category, its level by its urgency, and whether it is ours at all. From a strict TOML.

Without state. Every state of an order is one signal under one key, the order's own: `mark_of` tells the states apart, so that an order
that is sent again whole, or out of order, says nothing twice (law 3). An order is owed an answer however old it is when it comes: its
lateness does not mute it, but it does not make it ring as an emergency either (law 10).
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError, model_validator

from ingest.events import Call, Mark, digest
from ingest.orders import Order, of_plain, plain
from streams.rules import InvalidRules, Name, Section
from streams.signal import Level, Origin, Signal

SHIPPED: Final = Path(__file__).with_name("orders.toml")
HOT: Final = "hot_issue"  # the kind of an area incident
_KEY: Final = "order"  # of a signal's evidence
_Text = Annotated[str, Field(min_length=1)]


class Levels(Section):
    """The level of each urgency."""

    normal: Level = Level.BLUE
    urgent: Level = Level.YELLOW
    critical: Level = Level.YELLOW


class Addressed(Section):
    """Which orders are ours; empty tuples mean all."""

    units: tuple[_Text, ...] = ()
    regions: tuple[_Text, ...] = ()


class Surge(Section):
    """When many matters are one of the area (`streams.surges`)."""

    window_s: float = Field(3600.0, ge=300, le=86400)
    least: int = Field(6, ge=2)
    sigmas: float = Field(4.0, gt=0)
    days: int = Field(14, ge=3, le=90)
    clear: float = Field(0.5, ge=0, lt=1)
    level: Level = Level.ORANGE


class Category(Section):
    """Which categories are one kind."""

    kind: Name
    codes: tuple[_Text, ...] = ()
    words: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Category:
        if not self.codes and not self.words:
            raise ValueError(f"kind {self.kind} has neither codes nor words; name some, or leave the row out")
        return self


class OrderRules(Section):
    """Everything the file says."""

    otherwise: Name = "request"
    levels: Levels = Levels()
    addressed: Addressed = Addressed()
    surge: Surge = Surge()
    category: tuple[Category, ...] = ()

    def kind_of(self, category: str, code: str = "") -> str:
        """The kind of a category, empty when none of the rows fits."""
        text = category.casefold()
        for row in self.category:
            if (code and code in row.codes) or any(word.casefold() in text for word in row.words):
                return row.kind
        return ""

    def ours(self, order: Order) -> bool:
        """Whether an order is addressed to us."""
        pairs = ((order.unit, self.addressed.units), (order.region, self.addressed.regions))
        asked = [(said, wanted) for said, wanted in pairs if wanted]
        return not asked or any(word in said for said, wanted in asked for word in wanted)

    def level(self, urgency: str) -> Level:
        """The level of an urgency; an unknown one is normal."""
        return {"urgent": self.levels.urgent, "critical": self.levels.critical}.get(urgency, self.levels.normal)


def load_orders(path: Path | None = None) -> OrderRules:
    """The rules in a file, or the shipped ones. Raises `InvalidRules` with file and key."""
    return _load(path or SHIPPED)


@cache
def _load(path: Path) -> OrderRules:
    try:
        return OrderRules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InvalidRules("\n".join(lines)) from error
    except (OSError, ValueError) as error:
        raise InvalidRules(f"{path}: cannot be used: {error}") from error


def signal_of(
    call: Call, order: Order, rules: OrderRules, emergency: tuple[str, Level, str] | None, rule: str, *, active: bool
) -> Signal:
    """The signal of one state of an order; `emergency` is the kind, the level and the word that its text names.

    Inactive when the unit has nothing to do about it any more.
    """
    kind, level = rules.kind_of(order.category, order.code) or rules.otherwise, rules.level(order.urgency)
    word = ""
    if emergency is not None:
        word = emergency[2]
        if not call.marks & Mark.LATE:
            kind, level = emergency[0], max(level, emergency[1], key=lambda one: one.rank)
    return Signal(
        order_key(order.platform, order.number),
        kind, level, Origin.HOTLINE, call.ident, rule,
        call.observed_at, call.received_at, call.received_at, call.place, active=active,
        text=order.category, marks=call.marks & ~Mark.LATE,
        evidence={"word": word, "channel": call.channel, "address": call.address, _KEY: plain(order)},
    )  # fmt: skip


def order_key(platform: str, number: str) -> str:
    """The key under which everything about an order is remembered."""
    return digest(_KEY, platform, number)


def order_in(signal: Signal) -> Order | None:
    """The order a signal speaks of, if it came with one."""
    said = signal.evidence.get(_KEY)
    return of_plain(said) if isinstance(said, dict) else None
