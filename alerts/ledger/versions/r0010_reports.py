"""What patrols and residents reported. Only adds: earlier builds leave it as it is.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reporter", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("caller_masked", sa.Text, nullable=False),
        sa.Column("logged", sa.SmallInteger, nullable=False),
    )
    op.create_index("report_source", "report", ["source", "received_at"])
    op.create_index("report_reporter", "report", ["reporter", "received_at"])
    op.create_table(
        "report_picture",
        sa.Column("report", sa.Text, primary_key=True, nullable=False),
        sa.Column("number", sa.SmallInteger, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("report_picture_age", "report_picture", ["at", "size"])


def downgrade() -> None:
    op.drop_table("report_picture")
    op.drop_table("report")
