"""What people owe and did on a case, and what falls due by itself. Only adds, with defaults for builds that do not write it.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("timers", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("alert", sa.Column("timer_at", sa.BigInteger, nullable=True))
    op.add_column("alert", sa.Column("work", sa.JSON, nullable=False, server_default="{}"))
    there = sa.text("timer_at IS NOT NULL")
    op.create_index("alert_timer", "alert", ["leased_until", "timer_at"], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    op.drop_index("alert_timer", "alert")
    for column in ("work", "timer_at", "timers"):
        op.drop_column("alert", column)
