"""From a `Signal` to a person who knows, and to a closed case.

Deciding code: `alert`, `lifecycle`, `identity`, `routing`, `roster`, `escalation`, `policy`, `notices`, `words`, `conduct`. Code that
touches the outside: `ledger` (SQL), `outbox` and `sender` (the way out), `channels` (providers), `agents` (Faust).
"""
