"""Which cases a person has or is at the scene of, to find them without reading every case. Only adds: earlier builds leave it as it is.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    given = sa.text("assignee <> ''")
    columns = ["assignee", "raised_at", "id"]
    op.create_index("alert_assignee", "alert", columns, sqlite_where=given, postgresql_where=given)
    op.add_column("alert", sa.Column("at_scene", sa.Text, nullable=False, server_default=""))
    there = sa.text("at_scene <> ''")
    op.create_index("alert_at_scene", "alert", ["at_scene"], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    op.drop_index("alert_at_scene", "alert")
    op.drop_column("alert", "at_scene")
    op.drop_index("alert_assignee", "alert")
