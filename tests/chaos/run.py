"""A whole run: faults grouped by the cluster they need, then the negative controls, then the verdict."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.chaos.checker import CALM, Verdict, judge
from tests.chaos.faults import FAULTS, SHORT, Fault
from tests.chaos.history import read
from tests.chaos.rig import Load, Rig, say
from tests.chaos.skip import Skip

CALM_SECONDS, CALM_SHORT = 20.0, 10.0
SHORT_ROUNDS = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run."""

    faults: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    rounds: int = 0
    seed: int = 1
    rate: float = 500.0
    short: bool = False
    quick: bool = False
    keep: str | None = None


def whole() -> list[str]:
    """Every fault, by name."""
    return list(FAULTS)


def run(asked: Asked, *, as_json: bool) -> int:
    """Run, print, and the exit code."""
    from tests.chaos.controls import CONTROLS, caught

    unknown = [n for n in asked.faults if n not in FAULTS] + [n for n in asked.controls if n not in CONTROLS]
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {', '.join([*FAULTS, *CONTROLS])}\n")
        return 2
    if asked.faults or asked.controls:
        faults, controls = asked.faults, asked.controls
    else:
        faults, controls = (SHORT, ()) if asked.short else (tuple(FAULTS), tuple(CONTROLS))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tocsin-chaos-", ignore_cleanup_errors=True) as made:
        folder = Path(asked.keep or made) / time.strftime("%H%M%S")
        verdicts, skipped, failed = _faults([FAULTS[n] for n in faults], asked, folder)
        found = caught([CONTROLS[name] for name in controls], folder, asked.seed)
    result = {
        "seed": asked.seed,
        "faults": {name: asdict(v) for name, v in verdicts.items() if name != CALM},
        "controls": {name: {"caught": was} for name, was in found.items()},
    }
    result |= {name: why for name, why in (("skipped", skipped), ("failed", failed)) if why}
    say(f"done in {time.monotonic() - begun:.0f} s")
    sys.stdout.write((json.dumps(result) if as_json else table(verdicts, found, skipped | failed)) + "\n")
    sys.stdout.flush()
    well = all(v.well for v in verdicts.values()) and all(found.values()) and not failed
    return 0 if well else 1


def _faults(
    faults: Sequence[Fault], asked: Asked, folder: Path
) -> tuple[dict[str, Verdict], dict[str, str], dict[str, str]]:
    """Verdicts by fault, and why some were left out or could not be done."""
    verdicts: dict[str, Verdict] = {}
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    shapes = [f.shape for f in faults]
    ordered = sorted(faults, key=lambda f: shapes.index(f.shape))
    for number, (shape, found) in enumerate(groupby(ordered, key=lambda f: f.shape)):
        group = list(found)
        load = Load(seed=asked.seed, rate=asked.rate)
        try:
            with Rig(folder / f"cluster-{number}", shape, load) as rig:
                rig.flow_again()
                rig.calm(CALM_SHORT if asked.short else CALM_SECONDS)
                for fault in group:
                    try:
                        _rounds(rig, fault, asked)
                    except Skip as why:
                        skipped[fault.name] = str(why)
                        say(f"{fault.name} is left out: {why}")
                    except Exception as error:  # what others have shown must still be judged
                        failed[fault.name] = f"{type(error).__name__}: {error}"[:500]
                        say(
                            f"{fault.name} could not be done, and what follows it on this cluster neither: {failed[fault.name]}"
                        )
                        break
                rig.finish()
        except Skip as why:
            skipped |= {f.name: str(why) for f in group}
            continue
        verdicts |= {k: v for k, v in judge(read(rig.history.path)).items() if k not in skipped}
    return verdicts, skipped, failed


def _rounds(rig: Rig, fault: Fault, asked: Asked) -> None:
    rounds = asked.rounds or (SHORT_ROUNDS if asked.short else fault.rounds)
    for n in range(1, rounds + 1):
        with rig.phase(fault.name, n):
            begun = time.monotonic()
            time.sleep(rig.random.uniform(0.2, 2.0))  # an alarm is on its way now and then
            fault.strike(rig, n, asked.quick)
            healed = time.monotonic() - begun
            time.sleep(fault.after)
            flowed = rig.flow_again()
        say(
            f"{fault.name} {n}/{rounds}: whole after {healed:.1f} s"
            + ("" if flowed else f", {len(rig.untold(time.time() - 1))} alarms untold")
        )


def table(verdicts: dict[str, Verdict], controls: dict[str, bool], skipped: dict[str, str]) -> str:
    """For people."""
    lines = [
        f"{'fault':<22}{'rounds':>7}{'published':>11}{'kept':>9}{'lost':>6}{'doubled':>9}{'wrong':>7}{'silence s':>11}{'recover s':>11}{'peak MB':>9}"
    ]
    for name, v in verdicts.items():
        lines.append(
            f"{name:<22}{v.rounds:>7}{v.published:>11}{v.kept:>9}{v.lost:>6}{v.doubled:>9}{v.wrong:>7}"
            f"{_shown(v.longest_silence_s):>11}{_shown(v.recover_s):>11}{v.memory_peak_mb:>9.0f}"
        )
    lines += [f"control {name:<20} {'caught' if was else 'NOT CAUGHT'}" for name, was in controls.items()]
    lines += [f"left out {name}: {why}" for name, why in skipped.items()]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}"
