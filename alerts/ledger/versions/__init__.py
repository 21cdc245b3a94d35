"""Schema migrations, oldest first (Alembic)."""
