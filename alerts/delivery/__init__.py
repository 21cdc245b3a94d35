"""From a notice in the outbox to its person: what goes at once, what waits for others, and what went wrong on the way."""
