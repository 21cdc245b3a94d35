"""Which numbers of a gateway have been kept, exactly: `boot` and `seq` of its messages, holes as ranges. Pure.

A gateway that wants the end-to-end promise gives every message a text `boot`, new at each start, and a `seq` that begins at 1 and
rises by one. Only what the log has is observed here, so what an `Account` says may be acknowledged. Two accounts of one gateway, kept
by two processes or read back from the log in any order, are merged into what either of them saw.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, NamedTuple

Range = tuple[int, int]  # first and last number, both in it

FIRST: Final = 1  # of a boot; a gateway that begins at 0 is welcome, but the loss of that one message cannot be told
LARGEST: Final = 2**53  # what every JSON reader can hold exactly
LONGEST_BOOT: Final = 64
MOST_RANGES: Final = 256  # past it the list is no longer exact: it names too much as missing, never too little
MOST_BOOTS: Final = (
    4  # a gateway with a ring that outlives it sends messages of earlier boots; those heard longest ago are forgotten
)
MIDWAY: Final = 1000  # a boot whose first number seen lies beyond is one that was joined midway: nothing is said of what came before
_FAR: Final = LARGEST + 2


class Numbered(NamedTuple):
    """The number of one message, as its gateway gave it."""

    gateway: str
    boot: str
    seq: int


class Heard(Enum):
    """What a number was to its account."""

    NEXT = auto()  # the one expected
    AHEAD = auto()  # later than expected: those between are missing
    FILLED = auto()  # was missing: late, or sent again
    REPEATED = auto()  # kept before
    UNCOUNTED = auto()  # kept, but the list of missing ranges is full: it goes on counting as missing


def is_numbered(boot: object, seq: object) -> bool:
    """Whether a message's `boot` and `seq` are as they must be."""
    return (
        type(boot) is str
        and 0 < len(boot) <= LONGEST_BOOT
        and boot.isprintable()
        and type(seq) is int
        and 0 <= seq <= LARGEST
    )


@dataclass(slots=True)
class Run:
    """The numbers of one boot. Seen are those from `first` up to but without `following`, except the `missing` ranges.

    Instants are microseconds since 1970 on our clock: `begun` when the first number was seen, `heard` the latest.
    """

    boot: str
    begun: int = 0
    heard: int = 0
    first: int = FIRST
    following: int = FIRST
    missing: list[Range] = field(default_factory=list)

    @classmethod
    def begin(cls, boot: str, seq: int, now: int) -> Run:
        """The run of a boot that was not known, of which `seq` is about to be observed."""
        first = seq if seq < FIRST or seq > MIDWAY else FIRST
        return cls(boot, now, now, first, first)

    @property
    def contiguous(self) -> int:
        """The number up to which, itself included, nothing is missing; below `first` when that is nothing yet."""
        return (self.missing[0][0] if self.missing else self.following) - 1

    def observe(self, seq: int) -> Heard:
        """Take note of one kept message."""
        following = self.following
        if seq == following:
            self.following = seq + 1
            return Heard.NEXT
        if seq > following:
            if len(self.missing) < MOST_RANGES:
                self.missing.append((following, seq - 1))
            else:
                self.missing[-1] = (self.missing[-1][0], seq - 1)
            self.following = seq + 1
            return Heard.AHEAD
        at = bisect_right(self.missing, (seq, _FAR)) - 1
        if at < 0 or self.missing[at][1] < seq:
            return Heard.REPEATED
        first, last = self.missing[at]
        rest = [r for r in ((first, seq - 1), (seq + 1, last)) if r[0] <= r[1]]
        if len(self.missing) + len(rest) - 1 > MOST_RANGES:
            return Heard.UNCOUNTED
        self.missing[at : at + 1] = rest
        return Heard.FILLED

    def merge(self, other: Run) -> None:
        """Become what either has seen."""
        following, first = max(self.following, other.following), min(self.first, other.first)
        unseen = [(max(a, c), min(b, d)) for a, b in self._unseen() for c, d in other._unseen()]
        missing = sorted((max(a, first), min(b, following - 1)) for a, b in unseen if a <= b)
        missing = [r for r in missing if r[0] <= r[1]]
        if len(missing) > MOST_RANGES:
            missing[MOST_RANGES - 1 :] = [(missing[MOST_RANGES - 1][0], missing[-1][1])]
        self.first, self.following, self.missing = first, following, missing
        self.begun, self.heard = min(self.begun, other.begun), max(self.heard, other.heard)

    def _unseen(self) -> Iterator[Range]:
        if self.first > 0:
            yield 0, self.first - 1
        yield from self.missing
        yield self.following, _FAR

    def state(self) -> list[Any]:
        """As a plain list for JSON."""
        return [self.boot, self.begun, self.heard, self.first, self.following, self.missing]

    @classmethod
    def restored(cls, state: list[Any]) -> Run:
        """The run that `state` described; more values, of a later version, are passed over."""
        boot, begun, heard, first, following, missing = state[:6]
        return cls(boot, begun, heard, first, following, [(a, b) for a, b in missing])


@dataclass(slots=True)
class Account:
    """The latest boots of one gateway, the one begun last first, and the gap that was told, if one stands.

    `gap_since` is the instant in microseconds since which something has been missing, 0 when nothing is. `told` are grid and township
    under which the gap that began at `told_since` was reported: its end is reported under the same, whatever the registry says by then.
    """

    runs: list[Run] = field(default_factory=list)
    gap_since: int = 0
    told: tuple[str, str] | None = None
    told_since: int = 0
    given_up: set[str] = field(default_factory=set)  # earlier boots whose missing numbers are awaited no more

    def observe(self, boot: str, seq: int, now: int) -> Heard:
        """Take note of one kept message, at `now` microseconds."""
        run = self.run(boot)
        if run is None:
            run = Run.begin(boot, seq, now)
            self.runs.insert(0, run)
            self._forget()
        run.heard = now
        self.given_up.discard(boot)
        return run.observe(seq)

    def run(self, boot: str) -> Run | None:
        """The run of a boot that is remembered."""
        runs = self.runs
        if runs and runs[0].boot == boot:
            return runs[0]
        return next((r for r in runs if r.boot == boot), None)

    def _forget(self) -> None:
        while len(self.runs) > MOST_BOOTS:
            gone = min(self.runs[1:], key=lambda r: r.heard)
            self.runs.remove(gone)
            self.given_up.discard(gone.boot)

    def missing(self) -> list[tuple[str, int, int]]:
        """Every missing range that is still awaited, as (boot, first, last)."""
        return [(r.boot, *span) for r in self.runs if r.boot not in self.given_up for span in r.missing]

    def weigh(self, now: int, patience: int) -> None:
        """Keep since when something is missing; give up what an earlier boot owes that was not heard for `patience`."""
        self.given_up.update(r.boot for r in self.runs[1:] if r.missing and now - r.heard > patience)
        if not self.missing():
            self.gap_since = 0
        elif not self.gap_since:
            self.gap_since = now

    def merge(self, other: Account) -> None:
        """Become what either knows. What was told, the other knows better: it is the later."""
        for theirs in other.runs:
            mine = self.run(theirs.boot)
            if mine is None:
                self.runs.append(theirs)
            else:
                mine.merge(theirs)
        self.runs.sort(key=lambda r: -r.begun)
        self._forget()
        self.told, self.told_since = other.told, other.told_since
        self.given_up |= other.given_up & {r.boot for r in self.runs}
        self.gap_since = min((s for s in (self.gap_since, other.gap_since) if s), default=0)
        if not self.missing():
            self.gap_since = 0

    def state(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "runs": [r.state() for r in self.runs],
            "since": self.gap_since,
            "told": [*self.told, self.told_since] if self.told else None,
            "given_up": sorted(self.given_up),
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Account:
        """The account that `state` described."""
        told = state.get("told") or ["", "", 0]
        account = cls([Run.restored(r) for r in state["runs"]], state.get("since", 0))
        account.told, account.told_since = (told[0], told[1]) if state.get("told") else None, told[2]
        account.given_up = set(state.get("given_up", ()))
        return account


def count(missing: Iterable[tuple[str, int, int]]) -> int:
    """How many numbers some ranges name."""
    return sum(last - first + 1 for _, first, last in missing)
