"""Service clocks: what moves a limit, what never does, and when the level above hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.clocks.calendar import CHINA, LAST_YEAR, Hours, add_working, date_end, working_time
from alerts.clocks.clock import (
    Approval,
    Clock,
    ClockError,
    Colour,
    Pace,
    Span,
    State,
    Stroke,
    Unit,
    allowed,
    assumes,
    colour,
    fraction,
    next_at,
    stroke_at,
    used,
)
from alerts.clocks.movement import agree, downgrade, extend, go_on, pause, resume, start, stop, strike, tighten
from alerts.work import Work, of_plain, to_json

YES = Approval("王网格长", "李主任", "等待配件")
OFFICE = Hours.parse(("08:30-12:00", "14:00-17:30"))
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    """An instant in China, of 2026: "06-09 15:00"."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=CHINA)


def clock(amount: float = 1.0, unit: Unit = Unit.HOURS, **pace: object) -> Clock:
    return Clock("close", "raised_at", "closed_at", Span(amount, unit), pace=replace(Pace(), **pace))


@pytest.mark.parametrize(
    ("sentence", "span", "began", "due"),
    [
        ("the resident is contacted within the hour", Span(1, Unit.HOURS), "06-09 23:30", "06-10 00:30"),
        ("an urgent matter ends with its day in China", Span(1, Unit.SAME_DAY), "06-09 08:10", "06-10 00:00"),
        ("also when it comes late", Span(1, Unit.SAME_DAY), "06-09 23:59", "06-10 00:00"),
        ("a hard one has three working days", Span(3, Unit.WORKING_DAYS), "06-11 10:00", "06-16 10:00"),
        ("over the Spring Festival and its make-up days", Span(3, Unit.WORKING_DAYS), "02-13 15:00", "02-25 15:00"),
        ("days that all count", Span(3, Unit.DAYS), "02-13 15:00", "02-16 15:00"),
        ("working hours go on in the morning", Span(2, Unit.WORKING_HOURS), "06-12 23:00", "06-15 01:00"),
    ],
)
def test_a_clock_is_due_when_its_policy_says(sentence: str, span: Span, began: str, due: str) -> None:
    begun = start(replace(clock(), target=span), at(began))
    assert begun.due == at(due), sentence
    assert fraction(begun, at(due)) == 1.0


def test_a_working_day_is_as_long_as_the_office_is_open() -> None:
    assert start(clock(1, Unit.WORKING_DAYS, hours=OFFICE), at("06-12 16:30")).due == at("06-15 16:30")


def test_a_clock_that_has_begun_keeps_its_beginning() -> None:
    begun = start(clock(), at("06-09 10:00"))
    assert start(begun, at("06-09 10:30")) is begun


@pytest.mark.parametrize(
    ("sentence", "now", "share", "hue"),
    [
        ("before it began nothing is used", "06-09 09:00", 0.0, Colour.GREEN),
        ("half of it", "06-09 10:30", 0.5, Colour.GREEN),
        ("three quarters are yellow", "06-09 10:45", 0.75, Colour.YELLOW),
        ("the limit is red", "06-09 11:00", 1.0, Colour.RED),
        ("and it goes on counting", "06-09 13:00", 3.0, Colour.RED),
    ],
)
def test_what_is_used_gives_the_colour(sentence: str, now: str, share: float, hue: Colour) -> None:
    begun = start(clock(), at("06-09 10:00"))
    assert fraction(begun, at(now)) == share, sentence
    assert colour(begun, share) is hue, sentence


def test_the_fraction_of_a_weekend_is_nothing() -> None:
    begun = start(clock(2, Unit.WORKING_DAYS), at("06-12 00:00"))
    assert fraction(begun, at("06-13 01:00")) == fraction(begun, at("06-14 23:00")) == 0.5


def test_a_clock_stops_once_and_then_stands() -> None:
    stopped = stop(start(clock(), at("06-09 10:00")), at("06-09 10:15"))
    assert stopped.state is State.STOPPED
    assert stop(stopped, at("06-09 10:45")) is stopped
    assert fraction(stopped, at("06-30 10:00")) == 0.25
    assert next_at(stopped) is None


def test_a_clock_whose_stage_never_came_stays_waiting() -> None:
    assert stop(clock(), at("06-09 10:00")).state is State.WAITING
    assert (next_at(clock()), fraction(clock(), at("06-09 10:00"))) == (None, 0.0)


def test_a_pause_moves_the_limit_by_the_time_that_did_not_count() -> None:
    paused = pause(start(clock(), at("06-09 10:00")), at("06-09 20:00"), YES, at("06-09 10:15"))
    assert (paused.state, paused.due, used(paused, at("06-09 12:00"))) == (State.PAUSED, at("06-09 11:00"), HOUR / 4)
    going = resume(paused, at("06-09 12:15"))
    assert (going.state, going.due) == (State.RUNNING, at("06-09 13:00"))
    assert fraction(going, at("06-09 12:45")) == 0.75


def test_a_pause_over_a_weekend_moves_a_working_clock_by_nothing() -> None:
    paused = pause(start(clock(3, Unit.WORKING_DAYS), at("06-12 10:00")), at("06-20 10:00"), YES, at("06-13 00:00"))
    assert resume(paused, at("06-15 00:00")).due == at("06-17 10:00")


def test_a_pause_ends_by_itself_at_its_own_instant_even_when_that_is_noticed_late() -> None:
    paused = pause(start(clock(), at("06-09 10:00")), at("06-09 12:00"), YES, at("06-09 10:30"))
    assert next_at(paused) == at("06-09 12:00")
    going, strokes = strike(paused, at("06-09 12:10"))
    assert (going.state, going.due, strokes) == (State.RUNNING, at("06-09 12:30"), ())
    assert fraction(paused, at("06-09 12:15")) == fraction(going, at("06-09 12:15")) == 0.75


def test_a_reopened_case_goes_on_where_it_stopped() -> None:
    stopped = stop(start(clock(2), at("06-09 10:00")), at("06-09 11:00"))
    again = go_on(stopped, at("06-11 09:00"))
    assert (again.state, again.due, again.started) == (State.RUNNING, at("06-11 10:00"), at("06-09 10:00"))
    assert fraction(again, at("06-11 09:00")) == 0.5


def test_a_case_that_was_late_when_it_closed_is_still_late_when_it_is_reopened() -> None:
    late = stop(start(clock(), at("06-09 10:00")), at("06-09 12:00"))
    again = go_on(late, at("06-12 10:00"))
    assert again.due == at("06-09 11:00")
    assert fraction(again, at("06-12 10:00")) == 2.0


def test_more_time_is_given_from_the_limit_on() -> None:
    given_more = extend(start(clock(), at("06-09 10:00")), Span(2, Unit.HOURS), YES, at("06-09 10:30"))
    assert given_more.due == at("06-09 13:00")
    assert [(c.what, c.was, c.approval) for c in given_more.changes] == [("extended", at("06-09 11:00"), YES)]


def test_a_big_matter_is_due_at_the_end_of_the_date_that_was_agreed() -> None:
    big = agree(start(clock(3, Unit.WORKING_DAYS), at("06-09 10:00")), date(2026, 6, 30), YES, at("06-10 10:00"))
    assert (big.due, big.matter, big.target.unit) == (at("07-01 00:00"), "big", Unit.AGREED)
    assert fraction(big, at("07-01 00:00")) == 1.0


def test_a_downgraded_matter_has_the_time_it_would_have_had_from_the_beginning() -> None:
    urgent = replace(start(clock(1, Unit.SAME_DAY), at("06-09 10:00")), matter="urgent")
    hard = downgrade(urgent, Span(3, Unit.WORKING_DAYS), "hard", YES, at("06-09 18:00"))
    assert (hard.due, hard.matter, hard.started) == (at("06-12 10:00"), "hard", at("06-09 10:00"))


def test_a_matter_that_got_worse_is_due_the_same_day_and_needs_nobody_s_approval() -> None:
    hard = start(clock(3, Unit.WORKING_DAYS), at("06-09 10:00"))
    paused = pause(hard, at("06-15 10:00"), YES, at("06-10 10:00"))
    urgent = tighten(paused, Span(1, Unit.SAME_DAY), "urgent", at("06-10 18:00"))
    assert (urgent.due, urgent.matter, urgent.state) == (at("06-11 00:00"), "urgent", State.RUNNING)
    assert urgent.changes[-1].approval is None


def test_getting_worse_never_gives_time() -> None:
    nearly = start(clock(3, Unit.WORKING_DAYS), at("06-09 10:00"))
    worse = tighten(nearly, Span(1, Unit.SAME_DAY), "urgent", at("06-12 09:00"))
    assert (worse.due, worse.matter) == (at("06-12 10:00"), "urgent")
    late = tighten(nearly, Span(1, Unit.SAME_DAY), "urgent", at("06-13 09:00"))
    assert late.due == at("06-12 10:00")


RUNS = start(clock(2), at("06-09 10:00"))
STANDS = pause(RUNS, at("06-09 20:00"), YES, at("06-09 10:30"))
ENDED = stop(RUNS, at("06-09 10:30"))
SOON, LATE = at("06-09 11:00"), at("06-09 12:30")


@pytest.mark.parametrize(
    ("sentence", "move", "said"),
    [
        ("nobody approves", lambda: Approval("王", "", "等配件"), "name both"),
        ("nobody asks", lambda: Approval(" ", "李", "等配件"), "name both"),
        ("who asks approves", lambda: Approval("Wang", " wang ", "parts"), "let somebody else approve"),
        ("no reason", lambda: Approval("王", "李", "  "), "say why"),
        ("a pause of one that stands", lambda: pause(STANDS, LATE, YES, SOON), "is paused"),
        ("a pause of one that stopped", lambda: pause(ENDED, LATE, YES, SOON), "is stopped"),
        ("a pause of one that waits", lambda: pause(clock(), LATE, YES, SOON), "is waiting"),
        ("a pause that ended before it began", lambda: pause(RUNS, SOON, YES, SOON), "choose a later time"),
        ("a pause after the breach", lambda: pause(RUNS, at("06-10 10:00"), YES, LATE), "a breach is not undone"),
        ("resuming what runs", lambda: resume(RUNS, SOON), "not paused"),
        (
            "an extension after the breach",
            lambda: extend(RUNS, Span(9, Unit.HOURS), YES, LATE),
            "a breach is not undone",
        ),
        ("an extension by nothing", lambda: extend(RUNS, Span(0, Unit.HOURS), YES, SOON), "more than nothing"),
        ("an extension to midnight", lambda: extend(RUNS, Span(1, Unit.SAME_DAY), YES, SOON), "length of time"),
        ("a date that is over", lambda: agree(RUNS, date(2026, 6, 8), YES, SOON), "agree on a date that is not"),
        (
            "a pause for ever",
            lambda: pause(RUNS, at("06-09 11:30").replace(year=9999), YES, SOON),
            "choose an earlier one",
        ),
        ("a date that never comes", lambda: agree(RUNS, date.max, YES, SOON), "agree on an earlier one"),
        ("a date before all dates", lambda: agree(RUNS, date.min, YES, SOON), "agree on a date that is not"),
        ("more time than anybody has", lambda: extend(RUNS, Span(5000, Unit.DAYS), YES, SOON), "choose an earlier one"),
        ("a date after the breach", lambda: agree(RUNS, date(2026, 6, 30), YES, LATE), "a breach is not undone"),
        (
            "a downgrade to less time",
            lambda: downgrade(RUNS, Span(1, Unit.HOURS), "hard", YES, SOON),
            "leave it as it is",
        ),
    ],
)
def test_what_is_refused_says_why(sentence: str, move: Callable[[], object], said: str) -> None:
    with pytest.raises(ClockError, match=said):
        move()


def test_the_level_above_hears_before_the_breach_at_it_and_at_three_times_the_time() -> None:
    begun = start(clock(), at("06-09 10:00"))
    assert [stroke_at(begun, s) for s in Stroke] == [at("06-09 10:45"), at("06-09 11:00"), at("06-09 13:00")]
    heard = []
    while (due := next_at(begun)) is not None:
        begun, strokes = strike(begun, due)
        heard.append((due, *strokes))
        assert strike(begun, due) == (begun, ())
    assert heard == [
        (at("06-09 10:45"), Stroke.WARNING),
        (at("06-09 11:00"), Stroke.BREACH),
        (at("06-09 13:00"), Stroke.OVERDUE),
    ]


def test_what_was_missed_strikes_together_with_the_gravest_last() -> None:
    assert strike(start(clock(), at("06-09 10:00")), at("06-09 11:30"))[1] == (Stroke.WARNING, Stroke.BREACH)


def test_three_times_three_working_days_are_nine_of_them() -> None:
    begun = start(clock(3, Unit.WORKING_DAYS), at("09-15 10:00"))
    assert begun.due == at("09-18 10:00")
    assert stroke_at(begun, Stroke.OVERDUE) == at("09-28 10:00")  # past Sunday 20, which is worked, and Mid-Autumn


def test_a_new_limit_has_a_warning_of_its_own_and_a_pause_does_not_repeat_one() -> None:
    warned, _ = strike(start(clock(), at("06-09 10:00")), at("06-09 10:45"))
    longer = extend(warned, Span(3, Unit.HOURS), YES, at("06-09 10:50"))
    assert next_at(longer) == at("06-09 13:00")
    assert strike(longer, at("06-09 13:00"))[1] == (Stroke.WARNING,)
    rested = resume(pause(warned, at("06-09 20:00"), YES, at("06-09 10:50")), at("06-09 11:50"))
    assert next_at(rested) == rested.due == at("06-09 12:00")


def test_an_extension_so_small_that_its_warning_is_past_is_not_warned_of_again() -> None:
    warned, _ = strike(start(clock(), at("06-09 10:00")), at("06-09 10:45"))
    assert extend(warned, Span(0.1, Unit.HOURS), YES, at("06-09 10:58")).struck == (Stroke.WARNING,)


def test_a_limit_beyond_the_calendar_is_early_and_says_so() -> None:
    eve = datetime(LAST_YEAR, 12, 31, 10, tzinfo=CHINA)
    beyond = start(clock(3, Unit.WORKING_DAYS), eve)
    assert beyond.due is not None
    assert beyond.due <= eve + timedelta(days=3)
    error = assumes(beyond)
    assert error is not None
    assert error.year == LAST_YEAR + 1
    assert fraction(beyond, beyond.due) == 1.0
    assert assumes(start(clock(3, Unit.WORKING_DAYS), at("06-09 10:00"))) is None
    assert assumes(clock(3, Unit.WORKING_DAYS)) is None


BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
STARTS = st.integers(0, 500 * 24 * 60).map(lambda m: BEGIN + timedelta(minutes=m))
LENGTHS = st.integers(1, 12 * 24 * 60).map(lambda m: timedelta(minutes=m))
SPANS = st.one_of(
    st.builds(Span, st.integers(1, 80), st.sampled_from([Unit.HOURS, Unit.WORKING_HOURS])),
    st.builds(Span, st.integers(1, 9), st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS])),
    st.just(Span(1, Unit.SAME_DAY)),
)
HOURS = st.sampled_from([Hours(), OFFICE])


def begun_with(span: Span, began: datetime, hours: Hours) -> tuple[Clock, datetime]:
    begun = start(replace(clock(hours=hours), target=span), began)
    assert begun.due is not None
    return begun, begun.due


def counted(some: Clock, begin: datetime, end: datetime) -> timedelta:
    return working_time(begin, end, some.pace.hours) if some.target.unit.working else end - begin


@given(SPANS, STARTS, HOURS, st.floats(0, 0.999), LENGTHS)
def test_pausing_then_resuming_moves_the_limit_by_exactly_the_paused_time(
    span: Span, began: datetime, hours: Hours, share: float, length: timedelta
) -> None:
    begun, due = begun_with(span, began, hours)
    halted = began + (due - began) * share
    again = halted + length
    going = resume(pause(begun, again + HOUR, YES, halted), again)
    assert going.due is not None
    assert counted(begun, due, going.due) == counted(begun, halted, again)
    assert used(going, again) == used(begun, halted)
    assert allowed(going) == allowed(begun)
    assert going.started == began


@given(SPANS, STARTS, HOURS, st.lists(st.integers(0, 60 * 24 * 60), min_size=2, max_size=6))
def test_the_fraction_only_grows_and_is_one_at_the_limit(
    span: Span, began: datetime, hours: Hours, minutes: list[int]
) -> None:
    begun, due = begun_with(span, began, hours)
    shares = [fraction(begun, began + timedelta(minutes=m)) for m in sorted(minutes)]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert fraction(begun, due) == 1.0


class Moves(RuleBasedStateMachine):
    """Whatever people do to a clock, in whatever order and however late its timer is noticed."""

    @initialize(span=SPANS, began=STARTS, hours=HOURS)
    def begin(self, span: Span, began: datetime, hours: Hours) -> None:
        self.clock, _ = begun_with(span, began, hours)
        self.began = self.now = began
        self.heard: list[tuple[Stroke, datetime]] = []
        self.known = (0.0, self.clock)

    def move(self, do: Callable[[Clock], Clock], *, earlier: bool = False) -> None:
        before = self.clock
        try:
            self.clock = do(before)
        except ClockError:
            return
        assert before.due is not None
        assert self.clock.due is not None
        assert earlier or self.clock.due >= before.due, "only getting worse takes time away"
        assert not earlier or self.clock.due <= (resumed(before, self.now).due or before.due)

    @rule(minutes=st.integers(1, 3 * 24 * 60))
    def wait(self, minutes: int) -> None:
        share = fraction(self.clock, self.now)
        self.now += timedelta(minutes=minutes)
        assert fraction(self.clock, self.now) >= share
        self.clock, strokes = strike(self.clock, self.now)
        assert self.clock.due is not None
        self.heard += [(stroke, self.clock.due) for stroke in strokes]
        assert strike(self.clock, self.now) == (self.clock, ())

    @rule(length=LENGTHS)
    def halt(self, length: timedelta) -> None:
        self.move(lambda c: pause(c, self.now + length, YES, self.now))

    @rule()
    def carry_on(self) -> None:
        self.move(lambda c: resume(c, self.now))

    @rule(hours=st.integers(1, 50), unit=st.sampled_from([Unit.HOURS, Unit.WORKING_HOURS]))
    def give_time(self, hours: int, unit: Unit) -> None:
        self.move(lambda c: extend(c, Span(hours, unit), YES, self.now))

    @rule(span=SPANS)
    def worsen(self, span: Span) -> None:
        self.move(lambda c: tighten(c, span, "urgent", self.now), earlier=True)

    @rule(span=SPANS)
    def relax(self, span: Span) -> None:
        self.move(lambda c: downgrade(c, span, "hard", YES, self.now))

    @rule()
    def end(self) -> None:
        self.move(lambda c: stop(c, self.now))

    @precondition(lambda self: self.clock.stopped_at is not None)
    @rule()
    def reopen(self) -> None:
        self.move(lambda c: go_on(c, self.now))

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "clock"):
            return
        assert self.clock.started == self.began, "no clock is ever set back"
        assert fraction(self.clock, self.now) >= 0
        assert (next_at(self.clock) is None) or self.clock.state in {State.RUNNING, State.PAUSED}
        assert len(self.heard) == len(set(self.heard)), "one stroke of one limit, once"
        if self.clock.state is State.RUNNING and self.clock.due is not None:
            assert fraction(self.clock, self.clock.due) == pytest.approx(1.0)
            assert (fraction(self.clock, self.now) >= 1.0) == (self.now >= self.clock.due) or idle(self.clock, self.now)


def resumed(some: Clock, now: datetime) -> Clock:
    return resume(some, now) if some.state is State.PAUSED else some


def idle(some: Clock, now: datetime) -> bool:
    """Whether no working time lies between now and the limit, so that both sides of it read the same."""
    assert some.due is not None
    return some.target.unit.working and counted(some, min(now, some.due), max(now, some.due)) == timedelta()


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=80, stateful_step_count=20)


def test_a_clock_comes_back_from_the_ledger_as_it_was() -> None:
    office = start(clock(3, Unit.WORKING_DAYS, hours=OFFICE, warning=0.5), at("06-09 10:00"))
    told, _ = strike(office, at("06-11 10:00"))
    moved = extend(
        resume(pause(told, at("06-30 10:00"), YES, at("06-11 11:00")), at("06-11 15:00")),
        Span(2, Unit.HOURS),
        YES,
        at("06-11 16:00"),
    )
    paused = pause(agree(moved, date(2026, 6, 30), YES, at("06-11 17:00")), at("06-20 10:00"), YES, at("06-12 09:00"))
    work = Work(clocks=(paused, stop(moved, at("06-12 10:00")), clock()))
    assert of_plain(json.loads(to_json(work))) == work


def test_the_end_of_a_date_is_that_of_china() -> None:
    assert add_working(date_end(date(2026, 6, 9)), timedelta()) == at("06-10 00:00")
