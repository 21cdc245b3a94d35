"""A work order of a hotline as the rest of Tocsin sees it: which order, how it stands with which unit, and until when. Values only.

An order is named by its platform and its number. Whole orders are sent again and out of order, and every unit has a state of its own:
`step` names one such state, so that the same one is the same however often it comes (law 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

LONGEST: Final = 200  # characters of a text that is kept
# States in which a unit has nothing to do about an order any more (`ingest.dialects.hotline.Status`).
DONE: Final = frozenset(
    {"closed", "handled", "visited", "pending_visit", "pending_close", "rejected", "replied", "void"}
)
ENDED: Final = frozenset({"closed", "rejected", "void"})  # and these end the order itself
_PUSH: Final = "push"


@dataclass(frozen=True, slots=True)
class Order:
    """One order as one unit has it. `at` is when it came to `state`; `due_at` the order's own limit, an extension included."""

    platform: str
    number: str
    state: str = ""
    at: datetime | None = None
    unit: str = ""
    due_at: datetime | None = None
    urgency: str = ""
    category: str = ""
    code: str = ""
    title: str = ""
    region: str = ""
    about: str = ""  # the number of an earlier order about the same matter (催单, 补单)
    secret: bool = False

    @property
    def done(self) -> bool:
        """Whether the unit has nothing to do about it any more."""
        return self.state in DONE

    @property
    def step(self) -> str:
        """What tells this state of this unit from any other of the same order."""
        at = self.at.astimezone(UTC).isoformat() if self.at else ""
        due = self.due_at.astimezone(UTC).isoformat() if self.due_at else ""
        return f"{self.unit}/{self.state}/{at}/{due}"


def order_of(number: str, state: str, at: datetime, platform: str, about: Mapping[str, object]) -> Order:
    """The order in an observation's attributes. Texts in them are masked already; a confidential order has none of its caller."""
    return Order(
        platform, number, state, at, _text(about, "unit_code", "unit"),
        due_at=_instant(about, "delayed_deadline", "deadline", "expected_datetime"),
        urgency=_text(about, "urgency"),
        category=_text(about, "category", "category_4", "category_3", "category_2", "category_1", "service_name", "appeal_type"),
        code=_text(about, "category_code", "service_code"),
        title=_text(about, "title"),
        region=_text(about, "region", "street", "city", "borough"),
        about=_text(about, "urge_order_no", "old_order_no", "parent"),
        secret=about.get("secret") is True,
    )  # fmt: skip


def platform_of(topic: str, otherwise: str) -> str:
    """Whose order it is: `hotline/NAME/…` and `311/NAME/…` over MQTT, the name of the push door over HTTP, else the dialect's source."""
    parts = [part for part in topic.partition("?")[0].split("/") if part]
    if len(parts) > 1 and parts[0] in {"hotline", "311", "12345"}:
        return parts[1][:64]
    if _PUSH in parts[:-1]:
        return parts[parts.index(_PUSH) + 1][:64]
    return otherwise[:64]


def plain(order: Order) -> dict[str, Any]:
    """The order as JSON values; what says nothing is left out."""
    said = ((spec.name, getattr(order, spec.name)) for spec in fields(order))
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in said if v not in ("", None, False)}


def of_plain(said: Mapping[str, Any] | None) -> Order | None:
    """The order in JSON values. Keys that a later version wrote are passed over; raises `TypeError` or `ValueError` for what is none."""
    if not said:
        return None
    known = {spec.name: said[spec.name] for spec in fields(Order) if said.get(spec.name) is not None}
    for name in ("at", "due_at"):
        if name in known:
            known[name] = datetime.fromisoformat(known[name]).astimezone(UTC)
    return Order(**known)


def _text(about: Mapping[str, object], *names: str) -> str:
    return next((found for name in names if (found := _said(about.get(name)))), "")


def _said(value: object) -> str:
    return "" if value is None or isinstance(value, bool) else str(value).strip()[:LONGEST]


def _instant(about: Mapping[str, object], *names: str) -> datetime | None:
    for name in names:
        value = about.get(name)
        if isinstance(value, str) and value:
            try:
                found = datetime.fromisoformat(value)
            except ValueError:
                continue
            if found.tzinfo is not None:
                return found.astimezone(UTC)
    return None
