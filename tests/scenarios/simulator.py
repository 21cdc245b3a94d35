"""Random days in a random small place, with processes that die anywhere, each day made from one number.

    python -m tests.scenarios.simulator 4711          one day, told step by step
    python -m tests.scenarios.simulator 0 2000        many days; stops at the first that breaks a promise and prints its number

The place, its people, what the sensors see, what people say, what the provider does and where a process dies all come from the seed.
Signals arrive doubled and out of order, a few places off at most. What must hold is `tests.scenarios.promises`.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from dataclasses import replace
from datetime import timedelta

from alerts.alert import Notice
from alerts.people.roster import Person
from streams.signal import Signal
from tests.scenarios.happenings import COMMANDS, LEVELS, MARKS, SENSES, STATES, Scene
from tests.scenarios.timeline import PEOPLE
from tests.scenarios.world import AFTER, BEFORE, INSIDE, World

STEPS = 22
DISORDER = 3  # places by which a signal may come too early or too late
COURSE = (
    "acknowledge",
    "dispatch",
    "accept",
    "contact",
    "arrive",
    "handle",
    "verify_approved",
    "call_back",
    "close_owing",
    "rate_badly",
)
DEATHS = 0.15  # how often a process dies in a step


class Day:
    """One seed's day. `run` raises `AssertionError` where a promise is broken."""

    def __init__(self, seed: int, *, tell: bool = False) -> None:
        self.chance = random.Random(seed)
        self.tell = tell
        self.world = World(people=self._people())
        self.scene = Scene(self.world)
        self.late: list[Signal] = []  # on their way

    def run(self, steps: int = STEPS) -> World:
        steps = self.chance.randint(steps // 2, steps)
        for _ in range(self.chance.randint(2, 5)):
            self._happens()
        for _ in range(steps):
            self.world.now += timedelta(milliseconds=self.chance.randint(1, 4000))
            if self.chance.random() < DEATHS:
                self.world.ledger.dies = self.chance.choice((BEFORE, INSIDE, AFTER))
            self.world.ledger.conflicts = self.chance.choice((0, 0, 0, 1, 2))
            self._moods()
            step = self.chance.choices(
                (
                    self._happens,
                    self._arrives,
                    self._is_said,
                    self._linked,
                    self._sends,
                    self._receipt,
                    self._key,
                    self._time,
                ),
                (6, 6, 8, 3, 4, 3, 1, 3),
            )[0]
            if self.tell:
                dies = f", dies {self.world.ledger.dies} it is written" if self.world.ledger.dies else ""
                print(f"{self.world.now:%H:%M:%S.%f} {step.__name__.strip('_')}{dies}")  # noqa: T201
            step()
        self.world.ledger.dies = ""
        while self.late or self.scene.lost:
            self._arrives(len(self.late))
        self.world.settle()
        self.scene.kept()
        return self.world

    def _people(self) -> tuple[Person, ...]:
        """Some posts are vacant, and people have their own order of channels. Somebody is always left at the top."""
        there = [p for p in PEOPLE if p.grid == "c" or self.chance.random() < 0.8]
        orders = ((), (), ("voice", "sms"), ("sms",), ("voice",))
        return tuple(replace(p, channels=self.chance.choice(orders)) for p in there)

    def _moods(self) -> None:
        usual = self.chance.choice(("well", "well", "well", "away", "refuses"))
        mortal = self.chance.random() < DEATHS

        def mood(notice: Notice) -> str:
            return "dies" if mortal and self.chance.random() < 0.3 else usual

        self.world.provider.mood = mood

    def _number(self, upto: int = 1000) -> int:
        return self.chance.randrange(upto)

    def _happens(self) -> None:
        """Something is said, now or again, and is on its way."""
        roll = self.chance.random()
        if roll < 0.5 or not self.scene.said:
            sense, level = self._number(len(SENSES)), self._number(len(LEVELS))
            mark = self._number(len(MARKS)) if self.chance.random() < 0.2 else 0
            made = self.scene.made(sense, level, mark)
        elif roll < 0.75:
            made = self.scene.worse(self._number())
        else:
            made = self.scene.cleared(self._number())
        self.scene.said.append(made)
        copies = self.chance.choice((1, 1, 1, 2, 3))
        for _ in range(copies):
            self.late.insert(max(len(self.late) - self._number(DISORDER + 1), 0), made)

    def _arrives(self, most: int = 4) -> None:
        batch, self.late = self.late[:most], self.late[most:]
        if self.tell:
            print("   ", [(s.subject, s.level.value, s.active, s.marks) for s in batch])  # noqa: T201
        self.scene.hear(*batch)

    def _is_said(self) -> None:
        """Some words about one case: of those that people say in order, or any."""
        which = self._number()
        usual = COURSE[self.chance.randrange(len(COURSE)) :]
        for what in usual if self.chance.random() < 0.3 else self.chance.choices(COMMANDS, k=self.chance.randint(1, 4)):
            other = self._number()
            if self.tell:
                print("   ", what, which, other)  # noqa: T201
            self.scene.say(what, which, other)

    def _linked(self) -> None:
        """Two cases become one, and perhaps two again."""
        which = self._number()
        self.scene.say("merge", which, self._number())
        if self.chance.random() < 0.5:
            self.scene.say("split", which, 0)

    def _sends(self) -> None:
        self.world.send(self.chance.randint(1, 8))

    def _receipt(self) -> None:
        self.scene.receipt(self._number(), self._number(len(STATES)))

    def _key(self) -> None:
        self.scene.press(self._number(), self.chance.choice(("1", "2", "")))

    def _time(self) -> None:
        self.world.wait(self.chance.choice((1, 5, 11, 61, 200, 900, 4000)), sending=self.chance.random() < 0.7)


def broken(first: int, last: int) -> str:
    """Days from `first` up to `last`, in a process of their own perhaps: what broke, with the seed of the day; empty when nothing did."""
    logging.disable()
    for seed in range(first, last):
        try:
            Day(seed).run()
        except Exception as error:
            return f"seed {seed}: {error}; see it alone: python -m tests.scenarios.simulator {seed}"
    return ""


def main() -> None:
    """See the module's docstring."""
    logging.disable()
    first, last = int(sys.argv[1]), int(sys.argv[-1])
    begun = time.monotonic()
    for seed in range(first, max(last, first + 1)):
        try:
            Day(seed, tell=first == last).run()
        except AssertionError:
            print(f"seed {seed} breaks a promise; see it alone: python -m tests.scenarios.simulator {seed}")  # noqa: T201
            raise
    print(f"{max(last - first, 1)} days kept every promise, {time.monotonic() - begun:.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
