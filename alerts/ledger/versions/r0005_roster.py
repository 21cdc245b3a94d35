"""Duties, deputies, and the times between which a grid is in force. Only adds.

A grid with a beginning stands in a table of its own, so that earlier builds see the tree as it was before there were any.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("part", sa.Text, nullable=False, server_default="a"))
    op.add_column("grid", sa.Column("valid_to", sa.BigInteger, nullable=True))
    op.create_table(
        "grid_time",
        sa.Column("code", sa.Text, primary_key=True, nullable=False),
        sa.Column("valid_from", sa.BigInteger, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, nullable=False),
        sa.Column("rings", sa.JSON, nullable=False),
    )
    op.create_table(
        "duty",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("days", sa.JSON, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=True),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.Column("instead_of", sa.Text, nullable=False),
        sa.Column("grid", sa.Text, nullable=False),
    )
    op.create_index("duty_person", "duty", ["person", "kind"])
    failed = sa.text("state = 'failed'")
    op.create_index("outbox_failed", "outbox", ["created_at", "person"], sqlite_where=failed, postgresql_where=failed)


def downgrade() -> None:
    op.drop_index("outbox_failed", "outbox")
    op.drop_table("duty")
    op.drop_table("grid_time")
    op.drop_column("grid", "valid_to")
    op.drop_column("person", "part")
