"""`python -m tests.chaos.soak`: the whole cluster under load for an hour, and what grows meanwhile.

Every ten seconds the resident memory and open files of every process of the product and the lag of every consumer group are written to a CSV
file; at the end a table says how they stood at the start, in the middle and at the end and by how much they rise an hour, and a plot is
drawn. Exit code 1 when something was lost, doubled or sent astray.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.chaos.checker import judge
from tests.chaos.cluster import Shape, resident_mb
from tests.chaos.history import read
from tests.chaos.logbook import lags
from tests.chaos.plot import Chart, Line, draw
from tests.chaos.rig import Load, Rig, end_when_told, say

EVERY = 10.0
Row = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=2000.0, help="messages a second")
    parser.add_argument("--alarm-every", type=float, default=10.0, help="seconds between two red alarms")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("soak.svg"), help="the plot; the CSV file stands beside it")
    parser.add_argument("--keep", type=Path, help="leave history and logs here")
    said = parser.parse_args()
    end_when_told()
    load = Load(said.seed, said.rate, said.alarm_every, alarms=int(said.minutes * 60 / said.alarm_every) + 100)
    said.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tocsin-soak-", ignore_cleanup_errors=True) as made:
        with Rig((said.keep or Path(made)) / "cluster", Shape(), load) as rig:
            rig.flow_again()
            with rig.phase("soak", 1):
                rows = sample(rig, said.minutes * 60, said.out.with_suffix(".csv"))
            rig.finish()
        verdict = judge(read(rig.history.path))["soak"]
    draw(said.out, charts(rows, said.rate))
    counted = {k: v for k, v in asdict(verdict).items() if k not in {"rounds", "recover_s"}}
    sys.stdout.write(f"{table(rows)}\n{counted}\n")
    return 0 if verdict.well else 1


def sample(rig: Rig, seconds: float, out: Path) -> list[Row]:
    """A row every ten seconds, written as it is taken."""
    rows: list[Row] = []
    begun = time.monotonic()
    with out.open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] | None = None
        while (now := time.monotonic() - begun) < seconds:
            row = look(rig, now)
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            rows.append(row)
            if len(rows) % 30 == 0:
                say(f"{now / 60:.0f} of {seconds / 60:.0f} minutes, {len(rig.feed.alarms)} alarms")
            time.sleep(max(0.0, EVERY * len(rows) - (time.monotonic() - begun)))
    return rows


def look(rig: Rig, now: float) -> Row:
    """How things stand: seconds, megabytes and open files by process, records behind by group, messages the gateways still keep."""
    row: Row = {"seconds": round(now, 1)}
    for name, pid in rig.cluster.pids().items():
        row[f"mb {name}"] = round(resident_mb(pid), 1)
    for name, pid in rig.cluster.pids().items():
        row[f"files {name}"] = open_files(pid)
    for group, behind in asyncio.run(lags(rig.cluster.log)).items():
        row[f"lag {group}"] = behind
    row["unacknowledged"] = rig.feed.unacknowledged()
    return row


def open_files(pid: int) -> float:
    """Open file handles of a process."""
    try:
        return float(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())) if pid else 0.0
    except OSError:
        return 0.0


def slope(rows: list[Row], key: str) -> float:
    """How much a column rises an hour: least squares over the second half, when everything is warm."""
    half = rows[len(rows) // 2 :]
    if len(half) < 2:
        return 0.0
    xs, ys = [r["seconds"] / 3600 for r in half], [r[key] for r in half]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


def table(rows: list[Row]) -> str:
    """Start, middle, end and slope of everything."""
    lines = [f"{'':<28}{'start':>10}{'middle':>10}{'end':>10}{'per hour':>12}"]
    for key in rows[0]:
        if key != "seconds":
            first, middle, last = rows[0][key], rows[len(rows) // 2][key], rows[-1][key]
            lines.append(f"{key:<28}{first:>10.1f}{middle:>10.1f}{last:>10.1f}{slope(rows, key):>+12.2f}")
    return "\n".join(lines)


def charts(rows: list[Row], rate: float) -> list[Chart]:
    """Memory, handles and lag as three charts over minutes."""
    minutes = [r["seconds"] / 60 for r in rows]

    def of(prefix: str) -> list[Line]:
        return [Line(k.removeprefix(prefix), minutes, [r[k] for r in rows]) for k in rows[0] if k.startswith(prefix)]

    return [
        Chart(f"Resident memory, MB, at {rate:,.0f} messages/s", of("mb ")),
        Chart("Open files", of("files ")),
        Chart("Lag, records behind", of("lag ")),
    ]


if __name__ == "__main__":
    sys.exit(main())
