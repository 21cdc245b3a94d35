"""The judge. Pure: lines of a history in, a verdict for every fault out. Knows nothing of the code under test.

A message belongs to the phase in which it was published. What counts:

* lost: a message that was acknowledged to its gateway (by the MQTT broker or by Tocsin itself) and is not in the log at the end, or an
  alarm whose grid's own people were never told, or a reading that is in the log and neither in the time series nor set aside;
* doubled: a second notice for the same alert, recipient and channel (each step of the run's policy asks somebody else, so a recipient
  stands for a step);
* wrong: a notice to somebody outside the alert's grid and the levels above it, one that speaks of no known grid, or a row of the ledger
  that a replay changed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

CALM: Final = "calm"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of everything that was published while a fault lasted. Times in seconds; None where nothing could be measured."""

    rounds: int
    published: int
    kept: int
    lost: int
    doubled: int
    wrong: int
    longest_silence_s: float | None
    recover_s: float | None
    memory_peak_mb: float

    @property
    def well(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


@dataclass(slots=True)
class _Runs:
    """Runs of numbers of one gateway, asked for by number."""

    found: list[tuple[int, int]] = field(default_factory=list)

    def add(self, first: int, last: int) -> None:
        self.found.append((first, last))

    def merged(self) -> list[tuple[int, int]]:
        out: list[list[int]] = []
        for first, last in sorted(self.found):
            if out and first <= out[-1][1] + 1:
                out[-1][1] = max(out[-1][1], last)
            else:
                out.append([first, last])
        return [(a, b) for a, b in out]


def both(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The numbers in both of two merged lists of runs, as runs."""
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, last = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if first <= last:
            found.append((first, last))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


def count(found: list[tuple[int, int]]) -> int:
    """How many numbers are in runs."""
    return sum(last - first + 1 for first, last in found)


@dataclass(slots=True)
class _Seen:
    """A history, sorted by what its lines say."""

    names: dict[str, str] = field(default_factory=dict)  # name of a grid -> code
    parents: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)  # number -> grid
    published: list[tuple[float, str, int, int]] = field(default_factory=list)
    alarms: list[tuple[float, str]] = field(default_factory=list)  # at, grid
    sure: dict[str, _Runs] = field(default_factory=lambda: defaultdict(_Runs))  # acknowledged to the gateway
    kept: dict[str, _Runs] = field(default_factory=lambda: defaultdict(_Runs))
    readings: dict[str, _Runs] = field(
        default_factory=lambda: defaultdict(_Runs)
    )  # those of the kept that belong into the series
    stored: dict[str, _Runs] = field(default_factory=lambda: defaultdict(_Runs))
    series: bool = False  # the time series was asked what it holds
    changed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    notices: list[tuple[float, str, str, str]] = field(default_factory=list)  # at, to, channel, text
    phases: list[tuple[float, float, str]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


def judge(lines: Iterable[Mapping[str, Any]]) -> dict[str, Verdict]:
    """A verdict for every fault that the history has a phase of, calm among them."""
    seen = _sorted(lines)
    told = _told(seen)
    grids_of = _phases_of_alarms(seen)
    verdicts: dict[str, Verdict] = {}
    calm = _waits(seen, told, CALM, grids_of)
    usual = max((w for w in calm if w is not None), default=None)
    for fault in dict.fromkeys(name for _, _, name in seen.phases):
        waits = _waits(seen, told, fault, grids_of)
        longest = None if None in waits else max((w for w in waits if w is not None), default=None)
        published, kept, sure_not_kept = _messages(seen, fault)
        lost_alarms = sum(not _reached(seen, told, grid) for _, grid in grids_of[fault])
        doubled, wrong = _notices(seen, fault, grids_of)
        verdicts[fault] = Verdict(
            rounds=sum(name == fault for _, _, name in seen.phases),
            published=published,
            kept=kept,
            lost=sure_not_kept + lost_alarms,
            doubled=doubled,
            wrong=wrong + seen.changed[fault],
            longest_silence_s=_silence(seen, fault),
            recover_s=None if longest is None or usual is None else round(max(0.0, longest - usual), 2),
            memory_peak_mb=_peak(seen, fault),
        )
    return verdicts


def _sorted(lines: Iterable[Mapping[str, Any]]) -> _Seen:
    seen, open_phase = _Seen(), dict[str, float]()
    last = 0.0
    for line in lines:
        last = max(last, line["at"])
        match line["what"]:
            case "place":
                for code, (name, parent) in line["grids"].items():
                    seen.names[name], seen.parents[code] = code, parent
                seen.people |= line["people"]
            case "published":
                seen.published.append((line["at"], line["source"], line["first"], line["last"]))
            case "alarm":
                seen.alarms.append((line["at"], line["grid"]))
            case "puback":
                seen.sure[line["source"]].add(line["first"], line["last"])
            case "acknowledged":
                seen.sure[line["source"]].add(1, line["upto"])
            case "kept":
                seen.kept[line["source"]].add(line["first"], line["last"])
                if line.get("reading"):
                    seen.readings[line["source"]].add(line["first"], line["last"])
            case "series":
                seen.series = True
            case "stored":
                seen.stored[line["source"]].add(line["first"], line["last"])
            case "changed":
                seen.changed[line["fault"]] += line["rows"]
            case "notice":
                seen.notices.append((line["at"], line["to"], line["channel"], line["text"]))
            case "begin":
                open_phase[line["fault"]] = line["at"]
            case "end":
                seen.phases.append((open_phase.pop(line["fault"]), line["at"], line["fault"]))
            case "memory":
                seen.memory.append((line["at"], line["mb"]))
    seen.phases += [(begun, last, fault) for fault, begun in open_phase.items()]  # a run that was broken off
    seen.phases.sort()
    return seen


def _phase_at(seen: _Seen, at: float) -> str | None:
    """The fault whose phase an instant lies in."""
    i = bisect_right(seen.phases, at, key=lambda phase: phase[0]) - 1
    return seen.phases[i][2] if i >= 0 and at <= seen.phases[i][1] else None


def _phases_of_alarms(seen: _Seen) -> dict[str, list[tuple[float, str]]]:
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for at, grid in seen.alarms:
        if (fault := _phase_at(seen, at)) is not None:
            found[fault].append((at, grid))
    return found


def _told(seen: _Seen) -> dict[str, list[tuple[float, str, str]]]:
    """Notices by the grid that their text speaks of: at, recipient, channel. Those that speak of none are under ""."""
    found: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    if not seen.names:
        return found
    speaks = re.compile("|".join(re.escape(n) for n in sorted(seen.names, key=len, reverse=True)))
    for at, to, channel, text in seen.notices:
        # the lowest of the grids that are named: a text may name what its grid lies in as well
        codes = [seen.names[name] for name in speaks.findall(text)]
        grid = max(codes, key=lambda code: len(_above(seen, code)), default="")
        found[grid].append((at, to, channel))
    return found


def _above(seen: _Seen, grid: str) -> list[str]:
    """A grid and everything above it, lowest first."""
    line: list[str] = []
    while grid and grid not in line:
        line.append(grid)
        grid = seen.parents.get(grid, "")
    return line


def _own(seen: _Seen, grid: str, to: str) -> bool:
    return seen.people.get(to) == grid


def _reached(seen: _Seen, told: Mapping[str, list[tuple[float, str, str]]], grid: str) -> bool:
    return any(_own(seen, grid, to) for _, to, _ in told.get(grid, ()))


def _waits(
    seen: _Seen,
    told: Mapping[str, list[tuple[float, str, str]]],
    fault: str,
    alarms: Mapping[str, list[tuple[float, str]]],
) -> list[float | None]:
    """How long each alarm of a phase waited for the first notice to the grid's own people; None when it never came."""
    waits: list[float | None] = []
    for at, grid in alarms.get(fault, ()):
        first = min((when for when, to, _ in told.get(grid, ()) if _own(seen, grid, to)), default=None)
        waits.append(None if first is None else first - at)
    return waits


def _messages(seen: _Seen, fault: str) -> tuple[int, int, int]:
    """Published, kept, and acknowledged but not kept."""
    mine: dict[str, _Runs] = defaultdict(_Runs)
    for at, source, first, last in seen.published:
        if _phase_at(seen, at) == fault:
            mine[source].add(first, last)
    published = kept = lost = 0
    for source, numbers in mine.items():
        said = numbers.merged()
        in_log = seen.kept[source].merged()
        sure = seen.sure[source].merged()
        promised = both(said, sure)
        published += count(said)
        kept += count(both(said, in_log))
        lost += count(promised) - count(both(promised, in_log))
        if seen.series:  # the run has a time series: what the log has of readings must be there as well
            read = both(said, seen.readings[source].merged())
            lost += count(read) - count(both(read, seen.stored[source].merged()))
    return published, kept, lost


def _notices(seen: _Seen, fault: str, alarms: Mapping[str, list[tuple[float, str]]]) -> tuple[int, int]:
    """Doubled and wrong. A notice counts to the phase of its alarm; one of no known alarm to the phase in which it was sent."""
    phase_of = {grid: name for name, found in alarms.items() for _, grid in found}
    doubled = wrong = 0
    for grid, notices in _told(seen).items():
        for n, at in _repeats(notices):
            if phase_of.get(grid, _phase_at(seen, at)) == fault:
                doubled += n - 1
        for at, to, _ in notices:
            if phase_of.get(grid, _phase_at(seen, at)) == fault:
                wrong += not grid or seen.people.get(to) not in _above(seen, grid)
    return doubled, wrong


def _repeats(notices: list[tuple[float, str, str]]) -> list[tuple[int, float]]:
    """How often each (recipient, channel) was asked for, with the instant of the last time."""
    counted = Counter((to, channel) for _, to, channel in notices)
    last = {(to, channel): at for at, to, channel in sorted(notices)}
    return [(n, last[who]) for who, n in counted.items()]


def _silence(seen: _Seen, fault: str) -> float | None:
    """The longest time between two requests at the provider within the rounds of a fault, their edges included."""
    instants = sorted(at for at, *_ in seen.notices)
    longest: float | None = None
    for begun, ended, name in seen.phases:
        if name == fault:
            inside = [begun, *(at for at in instants if begun < at < ended), ended]
            gap = max(b - a for a, b in pairwise(inside))
            longest = gap if longest is None else max(longest, gap)
    return None if longest is None else round(longest, 2)


def _peak(seen: _Seen, fault: str) -> float:
    return round(max((mb for at, mb in seen.memory if _phase_at(seen, at) == fault), default=0.0), 1)
