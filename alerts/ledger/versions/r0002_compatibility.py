"""Which earlier builds may go on using the ledger while an upgrade rolls through its processes.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compatibility",
        sa.Column("revision", sa.Text, primary_key=True, nullable=False),
        sa.Column("usable_from", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("compatibility")
