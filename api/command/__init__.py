"""`tocsin`, the command: one module per verb, listed in `verbs`.

Progress goes to stderr, results to stdout; errors say what happened, why, and what to do.

Exit codes: 0 done, 1 the answer is no (a check failed, a file has errors), 2 the call was wrong, 3 something outside is missing or away.
"""

from __future__ import annotations


def main() -> None:
    """The console script. The verbs are imported here, so that a process of the stack need not load all of them."""
    from api.command.verbs import app

    app()
