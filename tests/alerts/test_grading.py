"""A person changes the level: up rings, down needs approval and rings nobody."""

from __future__ import annotations

import pytest

from alerts.alert import Handling, Reason
from alerts.commands import Acknowledge, Grade
from alerts.lifecycle import NotAllowed
from streams.signal import Level
from tests.scenarios.timeline import Line


def test_a_higher_level_rings_again_also_after_an_answer() -> None:
    line = Line().signal(level="orange").say(Acknowledge("甲")).at(30).say(Grade("甲", Level.RED, "有人被困"))
    assert (line.only().level, line.only().handling) == (Level.RED, Handling.NEW)
    assert line.told(Reason.WORSE) == ["leader1/sms", "leader1/voice"]
    assert line.only().work.rules.expire == 900, "the rules of the new level"


def test_a_lower_level_needs_another_persons_approval_and_rings_nobody() -> None:
    line = Line().signal(level="red").say(Acknowledge("甲"))
    with pytest.raises(NotAllowed, match="approval"):
        line.say(Grade("甲", Level.YELLOW, "小火"))
    before = line.told()
    line.say(Grade("甲", Level.YELLOW, "小火", "带班"))
    assert (line.only().level, line.only().handling, line.told()) == (Level.YELLOW, Handling.ACKNOWLEDGED, before)
    assert line.lines("graded")[0].detail["approved_by"] == "带班"


def test_the_level_it_has_already_changes_nothing_and_a_change_needs_a_reason() -> None:
    line = Line().signal(level="red")
    before = line.ledger.tables.copy()
    line.say(Grade("甲", Level.RED))
    with pytest.raises(NotAllowed, match="reason"):
        line.say(Grade("甲", Level.YELLOW))
    assert line.ledger.tables == before
