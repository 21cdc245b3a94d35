"""Devices that were heard and are not enrolled, for whoever may adopt them. Only adds: earlier builds do not look at it.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unknown_device",
        sa.Column("device", sa.Text, primary_key=True, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sample", sa.JSON, nullable=False),
    )
    op.create_index("unknown_device_seen", "unknown_device", ["last_seen", "device"])


def downgrade() -> None:
    op.drop_table("unknown_device")
