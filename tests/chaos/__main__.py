"""`python -m tests.chaos`: break everything under load, and judge what became of it.

Progress goes to stderr, a table (or with `--json` one object) to stdout. The exit code is 1 when something was lost, doubled or sent
astray, or when a negative control was not caught.
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos.rig import end_when_told
from tests.chaos.run import Asked, run, whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="only this fault (repeatable); `list` names them"
    )
    parser.add_argument(
        "--control", action="append", default=[], metavar="NAME", help="only this negative control (repeatable)"
    )
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each fault (its own number when left out)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second")
    parser.add_argument(
        "--short", action="store_true", help="the five worst faults, once or twice each, within six minutes"
    )
    parser.add_argument("--quick", action="store_true", help="long outages are shortened to a minute")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--keep", metavar="FOLDER", help="leave histories and logs here")
    said = parser.parse_args()
    asked = Asked(
        faults=tuple(said.fault), controls=tuple(said.control), rounds=said.rounds, seed=said.seed, rate=said.rate,
        short=said.short, quick=said.quick or said.short, keep=said.keep,
    )  # fmt: skip
    if said.fault == ["list"]:
        sys.stdout.write("\n".join(whole()) + "\n")
        return 0
    end_when_told()
    try:
        return run(asked, as_json=said.json)
    except KeyboardInterrupt:
        sys.stderr.write("broken off: nothing was judged\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
