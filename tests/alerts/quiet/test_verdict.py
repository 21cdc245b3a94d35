"""The one question: may this bell ring now, and if not, why and until when?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.bell import LIFE_SAFETY, Matcher
from alerts.quiet.book import QuietBook
from alerts.quiet.drill import Drill
from alerts.quiet.flapping import Flap, Limits, calm_at
from alerts.quiet.hours import daytime
from alerts.quiet.hush import Hush, Quiet, Rehearsal
from alerts.quiet.inhibition import Label, Rule, Side
from alerts.quiet.maintenance import Window
from alerts.quiet.verdict import Around, QuietPolicy, flap_keys, verdict
from streams.signal import Level
from tests.alerts.quiet.bells import HOUR, NOW, bell, silenced

ALL = Matcher(kinds=("water", "fire", "gas", "sos"))
WINDOW = Window("w1", ALL, tuple(range(7)), daytime("00:00-23:59"), "甲", "检修", NOW - HOUR, NOW + 99 * HOUR)
DRILL = Drill("d1", "演练", Matcher(grids=("t1",)), ("leader1",), "甲", NOW, NOW + HOUR, ("乙", "丙"))
RESTLESS = Flap(tuple(n % 2 == 0 for n in range(21)), NOW, flapping=True)
FLAPS = {"w-1|water_level": RESTLESS}
POLICY = QuietPolicy(inhibit=(Rule("place", Side(at_least=Level.RED), Side(), (Label.GRID,)),))
FIRE = bell("fire", kind="fire", level=Level.RED)


@pytest.mark.parametrize(
    ("says", "book", "around", "reason", "ident"),
    [
        ("nothing keeps it", QuietBook(), Around(), None, ""),
        ("a silence does", QuietBook((silenced(),)), Around(), Quiet.SILENCED, silenced().id),
        ("a window does", QuietBook(windows=(WINDOW,)), Around(), Quiet.MAINTENANCE, "w1"),
        ("a worse one does", QuietBook(), Around((FIRE,)), Quiet.INHIBITED, "fire"),
        ("its own restlessness does", QuietBook(), Around(flaps=FLAPS), Quiet.FLAPPING, "w-1|water_level"),
        (
            "of several, the one that holds longest",
            QuietBook((silenced(),), (WINDOW,)),
            Around((FIRE,)),
            Quiet.MAINTENANCE,
            "w1",
        ),
        (
            "a drill that nobody approved does not",
            QuietBook(drills=(replace(DRILL, approved_by=()),)),
            Around(),
            None,
            "",
        ),
    ],
)
def test_a_bell_stays_shut_because(
    says: str, book: QuietBook, around: Around, reason: Quiet | None, ident: str
) -> None:
    found = verdict(bell(), book, POLICY, NOW, around)
    assert (found is None) is (reason is None), says
    if found is not None:
        assert isinstance(found, Hush)
        assert (found.reason, found.id) == (reason, ident), says
        assert found.until > NOW, says


def test_a_drill_comes_before_everything_that_would_keep_a_bell_shut() -> None:
    book = QuietBook((silenced(),), (WINDOW,), (DRILL,))
    assert verdict(bell(), book, POLICY, NOW) == Rehearsal("d1", "演练", ("leader1",), NOW + HOUR)


def test_a_restless_device_is_looked_at_again_when_it_will_have_calmed_down() -> None:
    found = verdict(bell(), QuietBook(), POLICY, NOW, Around(flaps=FLAPS))
    assert isinstance(found, Hush)
    assert found.until == calm_at(RESTLESS, Limits())
    assert verdict(bell(), QuietBook(), POLICY, found.until, Around(flaps=FLAPS)) is None


def test_an_alert_of_several_devices_is_never_shut_because_one_of_them_is_restless() -> None:
    both = bell(subjects=("w-1", "w-2"))
    assert flap_keys(both.subjects, both.rules) == ()
    assert verdict(both, QuietBook(), POLICY, NOW, Around(flaps=FLAPS)) is None


@given(
    st.sampled_from(sorted(LIFE_SAFETY)),
    st.sets(st.sampled_from(["silence", "window", "worse", "flap", "unapproved", "own"])),
    st.integers(0, 300),
)
def test_red_life_safety_rings_through_everything_but_an_approved_drill(
    kind: str, shut: set[str], minutes: int
) -> None:
    red = bell("red", kind=kind, level=Level.RED)
    book = QuietBook(
        (silenced(ALL),) if "silence" in shut else (),
        (WINDOW,) if "window" in shut else (),
        (
            *((replace(DRILL, approved_by=("乙",)),) if "unapproved" in shut else ()),
            *((replace(DRILL, approved_by=("甲", "乙")),) if "own" in shut else ()),
        ),
    )
    around = Around((FIRE,) if "worse" in shut else (), FLAPS if "flap" in shut else {})
    now = NOW + minutes * HOUR / 60
    assert verdict(red, book, POLICY, now, around) is None
    found = verdict(red, replace(book, drills=(*book.drills, DRILL)), POLICY, NOW, around)
    assert isinstance(found, Rehearsal)
