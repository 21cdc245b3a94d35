"""From a `Signal` to a person who knows, and to a closed case.

Deciding code, pure: the case (`alert`, `work`, `commands`, `lifecycle` with `transitions` and the modules it asks, `identity`,
`candidates`, `policy`), and its rooms: `people` (who is responsible), `clocks`, `quiet` (when not to ring), `dispatch`, `triage`, `orders`,
`whistle`, `instructions`, `what_if`, `words`. `docket` and `conduct` carry what was decided to the ledger's port. Code that touches the
outside: `ledger` (SQL), `delivery.sender` and `ticker` (what falls due), `channels` (providers).
"""
