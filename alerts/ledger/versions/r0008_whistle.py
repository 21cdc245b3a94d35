"""Which cases have an open whistle, to list them without reading every case. Only adds: earlier builds leave it as it is.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("whistling", sa.SmallInteger, nullable=False, server_default="0"))
    there = sa.text("whistling = 1")
    op.create_index("alert_whistling", "alert", ["raised_at", "id"], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    op.drop_index("alert_whistling", "alert")
    op.drop_column("alert", "whistling")
