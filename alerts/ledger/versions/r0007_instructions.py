"""Downward instructions and how far each has come with whom. Only adds: earlier builds do not look at it.

Revision ID: 0007
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _texts(*names: str, key: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, primary_key=key, nullable=False) for name in names]


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON, nullable=False)


def upgrade() -> None:
    op.create_table(
        "instruction",
        *_texts("id", key=True),
        *_texts("by", "text"),
        *(_json("targets"), _json("but")),
        *_texts("demanded"),
        sa.Column("urgent", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        _json("reminding"),
        *_texts("fingerprint", "standing"),
        sa.Column("settled", sa.SmallInteger, nullable=False),
        sa.Column("remind_at", sa.BigInteger),
        sa.Column("reminded", sa.Integer, nullable=False),
        _json("asked"),
        *(sa.Column(name, sa.BigInteger) for name in ("fulfilled_at", "over_at")),
        *_texts("over_by", "over_why"),
    )
    there = sa.text("remind_at IS NOT NULL")
    op.create_index("instruction_page", "instruction", ["created_at", "id"])
    op.create_index("instruction_due", "instruction", ["remind_at"], sqlite_where=there, postgresql_where=there)
    op.create_table(
        "instruction_recipient",
        *_texts("instruction", "person", key=True),
        *_texts("name", "role", "grid"),
        _json("because"),
        *_texts("receipt"),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        _json("at"),
        *_texts("via", "note", "trouble"),
        sqlite_with_rowid=False,
    )
    op.create_index("instruction_recipient_rank", "instruction_recipient", ["instruction", "rank"])


def downgrade() -> None:
    op.drop_table("instruction_recipient")
    op.drop_table("instruction")
