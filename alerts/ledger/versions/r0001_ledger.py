"""The first tables: alerts, what they speak of, the timeline, the outbox, and the place.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger


def _text(name: str, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON, nullable=False)


def _int(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False)


def upgrade() -> None:
    _alerts()
    _timeline()
    _outbox()
    _place()


def _alerts() -> None:
    op.create_table(
        "alert",
        *(_text("id", key=True), _text("identity"), _text("kind"), _text("level")),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        sa.Column("is_open", sa.SmallInteger, nullable=False),
        *(_text("grid"), _text("township")),
        *(sa.Column("lat", sa.Float), sa.Column("lon", sa.Float), sa.Column("cell", sa.BigInteger)),
        *(_text("place_why"), _text("condition"), _text("handling")),
        *(_json("origins"), _json("subjects"), _json("rules"), _int("signals"), _text("text")),
        *(sa.Column("value", sa.Float), _int("marks"), _json("stages")),
        *(sa.Column("raised_at", INSTANT, nullable=False), sa.Column("last_seen", INSTANT)),
        *(_text("assignee"), _json("chain"), _int("step")),
        *(sa.Column("escalate_at", INSTANT), sa.Column("leased_until", INSTANT)),
        *(_text("reached"), _json("active_keys"), _text("policy"), _text("outcome"), _int("version")),
    )
    op.create_index("alert_page", "alert", ["rank", "raised_at", "id"])
    op.create_index("alert_page_open", "alert", ["is_open", "rank", "raised_at", "id"])
    op.create_index("alert_grid", "alert", ["grid", "is_open", "rank", "raised_at", "id"])
    op.create_index("alert_identity", "alert", ["identity", "is_open"])
    op.create_index("alert_township", "alert", ["township", "is_open", "kind"])
    op.create_index("alert_cell", "alert", ["cell", "is_open", "kind"])
    op.create_index("alert_raised", "alert", ["raised_at"])
    due = sa.text("escalate_at IS NOT NULL")
    op.create_index("alert_due", "alert", ["leased_until", "escalate_at"], sqlite_where=due, postgresql_where=due)
    op.create_table("alert_subject", _text("subject", key=True), _text("alert", key=True), sqlite_with_rowid=False)
    op.create_table("signal_held", _text("key", key=True), _text("alert"), sqlite_with_rowid=False)


def _timeline() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "timeline",
        sa.Column("seq", number, primary_key=True, autoincrement=True),
        *(_text("alert"), sa.Column("at", INSTANT, nullable=False)),
        *(_text("what"), _text("by"), _text("why"), _json("detail")),
    )
    op.create_index("timeline_alert", "timeline", ["alert", "seq"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        *(_text("key", key=True), _text("alert"), _text("person"), _text("name"), _text("role"), _text("grid")),
        *(_text("channel"), _text("reason"), _text("level"), sa.Column("rank", sa.SmallInteger, nullable=False)),
        _text("text"),
        *(sa.Column("created_at", INSTANT, nullable=False), sa.Column("due_at", INSTANT, nullable=False)),
        *(_int("step"), _text("state"), _int("attempts"), _text("provider_id"), _text("error")),
        *(sa.Column(name, INSTANT) for name in ("sent_at", "delivered_at", "finished_at", "leased_until")),
    )
    waiting = sa.text("state IN ('queued', 'sending')")
    op.create_index("outbox_alert", "outbox", ["alert", "created_at"])
    op.create_index("outbox_recent", "outbox", ["created_at"])
    op.create_index("outbox_provider", "outbox", ["provider_id"])
    op.create_index("outbox_waiting", "outbox", ["rank", "created_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("outbox_due", "outbox", ["state", "due_at"], sqlite_where=waiting, postgresql_where=waiting)


def _place() -> None:
    op.create_table("grid", _text("code", key=True), _text("name"), _text("level"), _text("parent"), _json("rings"))
    op.create_table(
        "device",
        *(_text("id", key=True), _text("kind"), _text("gateway"), _text("grid")),
        *(sa.Column("lat", sa.Float), sa.Column("lon", sa.Float), sa.Column("interval_s", sa.Float), _text("name")),
    )
    op.create_table(
        "person",
        *(_text("id", key=True), _text("name"), _text("phone"), _text("role"), _text("grid")),
        *(_int("order"), _json("channels"), _text("language")),
    )
    op.create_table(
        "place_version",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "place_version",
        "person",
        "device",
        "grid",
        "outbox",
        "timeline",
        "signal_held",
        "alert_subject",
        "alert",
    ):
        op.drop_table(table)
