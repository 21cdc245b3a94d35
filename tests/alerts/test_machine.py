"""A search over everything that can happen to cases and to the outbox, in any order, holding the laws after every step.

As it stands it is a few seconds. For a long search name the number of examples:

    TOCSIN_EXAMPLES=10000 nice -n 19 python -m pytest tests/alerts/test_machine.py -q

What is promised is `tests.scenarios.promises`; what can happen is `tests.scenarios.happenings`. A failure prints the shortest story.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.scenarios.happenings import COMMANDS, LEVELS, MARKS, SENSES, STATES, Scene
from tests.scenarios.world import World

EXAMPLES = int(os.environ.get("TOCSIN_EXAMPLES", "0"))
FEW, STEPS = 40, 30

which = st.integers(0, 11)
some = st.floats(0.001, 2000.0)


def _spoken(machine: Story) -> bool:
    return bool(machine.scene.said)


def _open(machine: Story) -> bool:
    return bool(machine.world.alerts)


class Story(RuleBasedStateMachine):
    """One place from its first signal on. Nothing dies here; `tests.scenarios.simulator` is about that."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable()
        self.world = World()
        self.scene = Scene(self.world)

    @initialize(sense=st.integers(0, len(SENSES) - 1), level=st.integers(0, len(LEVELS) - 1))
    def begins(self, sense: int, level: int) -> None:
        self.scene.hear(self.scene.made(sense, level))

    @rule(
        sense=st.integers(0, len(SENSES) - 1),
        level=st.integers(0, len(LEVELS) - 1),
        mark=st.integers(0, len(MARKS) - 1),
    )
    def raises(self, sense: int, level: int, mark: int) -> None:
        self.world.now += timedelta(milliseconds=1)
        self.scene.hear(self.scene.made(sense, level, mark))

    @precondition(_spoken)
    @rule(which=which)
    def gets_worse(self, which: int) -> None:
        self.world.now += timedelta(milliseconds=1)
        self.scene.hear(self.scene.worse(which))

    @precondition(_spoken)
    @rule(which=which)
    def clears(self, which: int) -> None:
        self.world.now += timedelta(milliseconds=1)
        self.scene.hear(self.scene.cleared(which))

    @precondition(_spoken)
    @rule(which=which)
    def says_it_again(self, which: int) -> None:
        self.scene.repeat(which)

    @precondition(_open)
    @rule(what=st.sampled_from(COMMANDS), which=which, other=which)
    def somebody_says(self, what: str, which: int, other: int) -> None:
        self.scene.say(what, which, other)

    @precondition(_open)
    @rule(which=which, other=which)
    def merges_and_perhaps_splits(self, which: int, other: int) -> None:
        self.scene.say("merge", which, other)
        if other % 2:
            self.scene.say("split", which, other)

    @precondition(_open)
    @rule(which=which)
    def goes_to_its_end(self, which: int) -> None:
        for what in ("dispatch", "accept", "arrive", "handle", "verify_approved", "close_owing"):
            self.scene.say(what, which, which)

    @precondition(_open)
    @rule(which=st.integers(0, 60), state=st.integers(0, len(STATES) - 1))
    def a_receipt_comes(self, which: int, state: int) -> None:
        self.scene.receipt(which, state)

    @precondition(_open)
    @rule(which=st.integers(0, 60), digit=st.sampled_from(["1", "2", ""]))
    def a_key_is_pressed(self, which: int, digit: str) -> None:
        self.scene.press(which, digit)

    @rule(mood=st.sampled_from(["well", "away", "refuses"]), limit=st.integers(1, 5))
    def a_sender_sends(self, mood: str, limit: int) -> None:
        self.world.provider.mood = lambda _: mood
        self.world.now += timedelta(milliseconds=1)
        self.world.send(limit)

    @rule(seconds=some, sending=st.booleans())
    def time_passes(self, seconds: float, sending: bool) -> None:
        assert self.world.wait(seconds, sending=sending)
        self.world.promises.overdue(self.world.now, timedelta())

    @rule(faults=st.integers(1, 3))
    def somebody_else_is_faster(self, faults: int) -> None:
        self.world.ledger.conflicts = faults

    def teardown(self) -> None:
        self.world.settle()
        self.scene.kept()
        logging.disable(logging.NOTSET)


TestStory = Story.TestCase
TestStory.settings = settings(
    max_examples=EXAMPLES or FEW,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck) if EXAMPLES else [HealthCheck.too_slow],
)
