"""The ledger's tables, as SQLAlchemy sees them. `versions` builds them step by step; a test holds the two together.

Instants are whole microseconds since 1970 in both databases: exact, ordered, and the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    text,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime | None) -> int | None:
    """An instant as it is stored."""
    return None if at is None else (at - EPOCH) // MICROSECOND


def as_json(value: Any) -> str:
    """JSON text of anything a row may hold."""
    return orjson.dumps(value, _plainly, orjson.OPT_NON_STR_KEYS).decode()


def _plainly(value: Any) -> Any:
    """What JSON has no word for: read-only mappings and sets as what they are most like, anything else as its text."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, set | frozenset) else str(value)


class Instant(TypeDecorator[datetime]):
    """An aware instant as whole microseconds since 1970; it comes back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata: Final = MetaData()

alert: Final = Table(
    "alert",
    metadata,
    Column("id", Text, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("is_open", SmallInteger, nullable=False),
    Column("grid", Text, nullable=False),
    Column("township", Text, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("cell", BigInteger),
    Column("place_why", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("handling", Text, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("subjects", JSON, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("signals", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("value", Float),
    Column("marks", Integer, nullable=False),
    Column("stages", JSON, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("last_seen", Instant),
    Column("assignee", Text, nullable=False),
    Column("chain", JSON, nullable=False),
    Column("step", Integer, nullable=False),
    Column("escalate_at", Instant),
    Column("leased_until", Instant),
    Column("reached", Text, nullable=False),
    Column("active_keys", JSON, nullable=False),
    Column("policy", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("timers", JSON, nullable=False, server_default="{}"),
    Column("timer_at", Instant),  # the earliest of them
    Column("work", JSON, nullable=False, server_default="{}"),
    Column("whistling", SmallInteger, nullable=False, server_default="0"),  # whether a whistle of it is open
    Column("at_scene", Text, nullable=False, server_default=""),  # the id of whoever is there
    Index("alert_page", "rank", "raised_at", "id"),
    Index("alert_page_open", "is_open", "rank", "raised_at", "id"),
    Index("alert_grid", "grid", "is_open", "rank", "raised_at", "id"),
    Index("alert_identity", "identity", "is_open"),
    Index("alert_township", "township", "is_open", "kind"),
    Index("alert_cell", "cell", "is_open", "kind"),
    Index("alert_raised", "raised_at"),
    Index(
        "alert_due",
        "leased_until",
        "escalate_at",
        sqlite_where=text("escalate_at IS NOT NULL"),
        postgresql_where=text("escalate_at IS NOT NULL"),
    ),
    Index(
        "alert_whistling",
        "raised_at",
        "id",
        sqlite_where=text("whistling = 1"),
        postgresql_where=text("whistling = 1"),
    ),
    Index(
        "alert_at_scene",
        "at_scene",
        sqlite_where=text("at_scene <> ''"),
        postgresql_where=text("at_scene <> ''"),
    ),
    Index(
        "alert_assignee",
        "assignee",
        "raised_at",
        "id",
        sqlite_where=text("assignee <> ''"),
        postgresql_where=text("assignee <> ''"),
    ),
    Index(
        "alert_timer",
        "leased_until",
        "timer_at",
        sqlite_where=text("timer_at IS NOT NULL"),
        postgresql_where=text("timer_at IS NOT NULL"),
    ),
)

# Which devices, cameras and callers an alert speaks of: one device's alerts are asked for often.
alert_subject: Final = Table(
    "alert_subject",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("alert", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Signals that were applied, so that a repeat changes nothing (law 3).
signal_held: Final = Table(
    "signal_held",
    metadata,
    Column("key", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    sqlite_with_rowid=False,
)

timeline: Final = Table(
    "timeline",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("alert", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("timeline_alert", "alert", "seq"),
)

_WAITING: Final = "state IN ('queued', 'sending')"
_HELD: Final = "state = 'held' AND carrier = ''"
_RIDES: Final = "carrier <> ''"

outbox: Final = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("step", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("finished_at", Instant),
    Column("leased_until", Instant),
    Column("bundle", Text, nullable=False, server_default=""),
    Column("carrier", Text, nullable=False, server_default=""),
    Column("turn", SmallInteger, nullable=False, server_default="1"),
    Index("outbox_alert", "alert", "created_at"),
    Index("outbox_recent", "created_at"),
    Index("outbox_provider", "provider_id"),
    Index(
        "outbox_failed",
        "created_at",
        "person",
        sqlite_where=text("state = 'failed'"),
        postgresql_where=text("state = 'failed'"),
    ),
    Index("outbox_waiting", "rank", "created_at", sqlite_where=text(_WAITING), postgresql_where=text(_WAITING)),
    Index("outbox_due", "state", "due_at", sqlite_where=text(_WAITING), postgresql_where=text(_WAITING)),
    Index("outbox_held", "person", sqlite_where=text(_HELD), postgresql_where=text(_HELD)),
    Index("outbox_held_due", "due_at", sqlite_where=text(_HELD), postgresql_where=text(_HELD)),
    Index("outbox_carrier", "carrier", sqlite_where=text(_RIDES), postgresql_where=text(_RIDES)),
)

grid: Final = Table(
    "grid",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("rings", JSON, nullable=False),
    Column("valid_to", Instant),
)

# Grids that begin at an instant: a code that is redrawn has one for each time.
grid_time: Final = Table(
    "grid_time",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Instant, primary_key=True),
    Column("valid_to", Instant),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("rings", JSON, nullable=False),
)

device: Final = Table(
    "device",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("interval_s", Float),
    Column("name", Text, nullable=False),
)

person: Final = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Column("order", Integer, nullable=False),
    Column("channels", JSON, nullable=False),
    Column("language", Text, nullable=False),
    Column("part", Text, nullable=False, server_default="a"),
    Column("quiet", Text, nullable=False, server_default=""),
)

# The duty book (`alerts.people.duty`).
duty: Final = Table(
    "duty",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("days", JSON, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("since", Instant),
    Column("until", Instant),
    Column("instead_of", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Index("duty_person", "person", "kind"),
)

# One row: how often a place was imported.
place_version: Final = Table(
    "place_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

compatibility: Final = Table(
    "compatibility",
    metadata,
    Column("revision", Text, primary_key=True, nullable=False),
    Column("usable_from", Text, nullable=False),
)
