"""Held notices, the groups they belong to, and what each person was sent lately.

Only adds: a notice that an earlier build queues is not held.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _outbox()
    op.create_table(
        "notice_group",
        sa.Column("key", sa.Text, primary_key=True, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("flush_at", sa.BigInteger, nullable=False),
        sa.Column("firing", sa.JSON, nullable=False),
        sa.Column("resolved", sa.JSON, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=True),
        sa.Column("repeat_at", sa.BigInteger, nullable=True),
        sa.Column("carrier", sa.Text, nullable=False),
    )
    again = sa.text("repeat_at IS NOT NULL")
    op.create_index("notice_group_repeat", "notice_group", ["repeat_at"], sqlite_where=again, postgresql_where=again)
    op.create_table(
        "notice_bundle",
        sa.Column("carrier", sa.Text, primary_key=True, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
    )
    op.create_table(
        "notice_lane",
        sa.Column("person", sa.Text, primary_key=True, nullable=False),
        sa.Column("channel", sa.Text, primary_key=True, nullable=False),
        sa.Column("let_go", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("person", sa.Column("quiet", sa.Text, nullable=False, server_default=""))


def _outbox() -> None:
    op.add_column("outbox", sa.Column("bundle", sa.Text, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("carrier", sa.Text, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("turn", sa.SmallInteger, nullable=False, server_default="1"))
    waits = sa.text("state = 'held' AND carrier = ''")
    for name, column in (("outbox_held", "person"), ("outbox_held_due", "due_at")):
        op.create_index(name, "outbox", [column], sqlite_where=waits, postgresql_where=waits)
    rides = sa.text("carrier <> ''")
    op.create_index("outbox_carrier", "outbox", ["carrier"], sqlite_where=rides, postgresql_where=rides)


def downgrade() -> None:
    op.drop_column("person", "quiet")
    for table in ("notice_lane", "notice_bundle", "notice_group"):
        op.drop_table(table)
    for name in ("outbox_carrier", "outbox_held_due", "outbox_held"):
        op.drop_index(name, "outbox")
    for column in ("turn", "carrier", "bundle"):
        op.drop_column("outbox", column)
