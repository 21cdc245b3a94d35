"""From a `Signal` to a person who knows, and to a closed case.

Deciding code: `alert`, `commands`, `lifecycle` (with `evidence`, `escalation`, `outcome`), `identity`, `candidates`, `routing`, `roster`,
`policy`, `notices`, `telling`, `words`, `metrics`; `docket` and `conduct` carry what was decided to the ledger's port. Code that
touches the outside: `ledger` (SQL), `outbox` and `sender` (the way out), `channels` (providers), `agents` (Faust).
"""
