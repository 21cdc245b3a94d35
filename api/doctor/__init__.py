"""Looking at what a running Tocsin leans on: one module per idea, each says what it found and what to do. Nothing is changed.

Every look is bounded in time, and none depends on another one having gone well. Touching: `logview`, `sessions`, `certificates`, `stores`,
`disk`. Judging: `brokers`, `readers`, `clocks`, `calendar`.
"""
