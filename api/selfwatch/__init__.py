"""The system watches itself: a synthetic alarm a minute through the whole path, direct questions in between, and a name for what stopped.

Deciding: `parts` (what can be wrong), `canary` (how far each alarm came), `health` (what the questions said over time), `verdict` (what
stopped), `claims` (who tells people of it), `words`. Touching: `questions`, `logbook` and `watch`. `board` is what the page reads.
"""
