"""The ledger: alerts, timeline, outbox, registry and people in SQL. `port` is the interface; SQLite and PostgreSQL hold one contract."""
