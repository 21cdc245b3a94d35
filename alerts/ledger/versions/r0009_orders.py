"""Work orders of the hotline beside the cases they are about. Only adds: earlier builds leave it as it is.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hotline_order",
        sa.Column("platform", sa.Text, primary_key=True, nullable=False),
        sa.Column("number", sa.Text, primary_key=True, nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("grid", sa.Text, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("reached", sa.Text, nullable=False),
        sa.Column("linked_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=True),
        sa.Column("closed_at", sa.BigInteger, nullable=True),
        sa.Column("finding", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("hotline_order_number", "hotline_order", ["number"])
    op.create_index("hotline_order_linked", "hotline_order", ["linked_at"])


def downgrade() -> None:
    op.drop_index("hotline_order_linked", "hotline_order")
    op.drop_index("hotline_order_number", "hotline_order")
    op.drop_table("hotline_order")
