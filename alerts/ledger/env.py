"""Alembic's way in: `alerts.ledger.migrate` hands it an open connection, inside a transaction of its own."""

from __future__ import annotations

from alembic import context

import alerts.ledger.bundle_tables
import alerts.ledger.instruction_tables
import alerts.ledger.order_tables
import alerts.ledger.quiet_tables
import alerts.ledger.report_tables
import alerts.ledger.unknown_tables  # noqa: F401  # so that `metadata` knows them
from alerts.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
