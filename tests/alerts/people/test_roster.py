"""Who is on duty, and when nobody is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.people.duty import CHINA, EVERY_DAY, Duty, DutyBook, DutyKind
from alerts.people.gaps import catcher_gaps, gaps, vacant
from alerts.people.roster import Part, Person, Roster, Standing
from ingest.registry import Grid, GridLevel, Registry

MONDAY = datetime(2026, 3, 2, tzinfo=CHINA)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of that week in China, as UTC."""
    return (MONDAY + timedelta(days=day - 1, hours=hour, minutes=minute)).astimezone(UTC)


def person(ident: str, grid: str = "G", role: str = "leader", order: int = 0, part: Part = Part.MAIN) -> Person:
    return Person(ident, ident, "+861000000001", role, grid, order, part=part)


def shift(who: str, start: int, end: int, days: tuple[int, ...] = EVERY_DAY, **but: datetime) -> Duty:
    return Duty(DutyKind.SHIFT, who, days, start * 60, end * 60, **but)


def absent(who: str, since: datetime, until: datetime) -> Duty:
    return Duty(DutyKind.ABSENT, who, since=since, until=until)


def stands_in(who: str, instead_of: str, since: datetime, until: datetime) -> Duty:
    return Duty(DutyKind.STAND_IN, who, since=since, until=until, instead_of=instead_of)


A, B, C = person("a"), person("b", part=Part.DEPUTY), person("c", order=1)
FAR = person("far", "H")
DAY, NIGHT = shift("a", 8, 20), shift("b", 20, 8)
WEEK = (at(1, 0), at(8, 0))

ON_DUTY = [
    ("without shifts everybody is on duty, the main ones before their deputy", [], at(1, 3), ["a", "c", "b"]),
    ("a day shift runs from its beginning", [DAY, NIGHT], at(1, 8), ["a", "c"]),
    ("and until just before its end", [DAY, NIGHT], at(1, 20), ["c", "b"]),
    ("a night shift runs over midnight", [DAY, NIGHT], at(2, 7, 59), ["c", "b"]),
    ("it belongs to the day on which it begins", [shift("a", 22, 6, (1,))], at(2, 5), ["a", "c", "b"]),
    ("and not to the day into which it runs", [shift("a", 22, 6, (2,))], at(2, 5), ["c", "b"]),
    ("from Sunday into Monday too", [shift("a", 22, 6, (7,))], at(1, 5), ["a", "c", "b"]),
    ("a shift of a whole day begins in the morning", [shift("a", 8, 8, (1,))], at(2, 7, 59), ["a", "c", "b"]),
    ("and ends the next one", [shift("a", 8, 8, (1,))], at(2, 8), ["c", "b"]),
    ("a shift that is over counts no more", [shift("a", 0, 24, until=at(1, 0))], at(1, 0), ["c", "b"]),
    ("leave counts before a shift", [DAY, absent("a", at(1, 0), at(2, 0))], at(1, 9), ["c", "b"]),
    ("leave ends", [DAY, absent("a", at(1, 0), at(2, 0))], at(2, 9), ["a", "c", "b"]),
    ("who stands in is asked in the other's place", [stands_in("far", "a", *WEEK)], at(1, 9), ["far", "c", "b"]),
    ("also while the other is on leave", [absent("a", *WEEK), stands_in("far", "a", *WEEK)], at(1, 9), ["far", "c", "b"]),
    ("but not when the other would be off duty", [DAY, stands_in("far", "a", *WEEK)], at(1, 21), ["c", "b"]),
    ("who is away does not stand in", [absent("far", *WEEK), stands_in("far", "a", *WEEK)], at(1, 9), ["a", "c", "b"]),
    (
        "unless somebody stands in for them",
        [absent("c", *WEEK), stands_in("c", "a", *WEEK), stands_in("far", "c", *WEEK)], at(1, 9), ["far", "b"],
    ),
    ("two who stand in for one another swap", [DAY, NIGHT, stands_in("b", "a", *WEEK), stands_in("a", "b", *WEEK)], at(1, 9), ["b", "c"]),
    ("in both directions", [DAY, NIGHT, stands_in("b", "a", *WEEK), stands_in("a", "b", *WEEK)], at(1, 21), ["c", "a"]),
    ("a circle of leave ends", [absent("a", *WEEK), absent("b", *WEEK), stands_in("b", "a", *WEEK), stands_in("a", "b", *WEEK)], at(1, 9), ["c"]),
    ("an override names all there are", [DAY, Duty(DutyKind.OVERRIDE, "far", since=at(1, 0), until=at(2, 0), grid="G")], at(1, 9), ["far"]),
    ("and is over", [DAY, Duty(DutyKind.OVERRIDE, "far", since=at(1, 0), until=at(2, 0), grid="G")], at(2, 9), ["a", "c", "b"]),
    ("whoever it names need not be on shift", [shift("b", 20, 8), Duty(DutyKind.OVERRIDE, "b", grid="G")], at(1, 9), ["b"]),
    ("leave counts before an override", [absent("far", *WEEK), Duty(DutyKind.OVERRIDE, "far", grid="G")], at(1, 9), []),
    ("what is said of nobody we know is nothing", [stands_in("x", "a", *WEEK), Duty(DutyKind.ABSENT, "y")], at(1, 9), ["a", "c", "b"]),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "lines", "now", "asked"), ON_DUTY, ids=[row[0] for row in ON_DUTY])
def test_who_is_on_duty_and_in_which_order(sentence: str, lines: list[Duty], now: datetime, asked: list[str]) -> None:
    roster = Roster.of([C, B, FAR, A], lines)
    assert [p.id for p in roster.on_duty("G", now)] == asked, sentence


def test_whoever_is_not_on_duty_is_known_with_the_reason() -> None:
    roster = Roster.of([A, B, C, FAR], [NIGHT, absent("c", *WEEK), stands_in("far", "a", *WEEK)])
    said = [(t.person.id, t.seat.id, t.standing) for t in roster.turns("G", at(1, 9))]
    assert said == [
        ("far", "a", Standing.STANDS_IN),
        ("a", "a", Standing.ABSENT),
        ("c", "c", Standing.ABSENT),
        ("b", "b", Standing.OFF_DUTY),
    ]


def test_when_somebody_is_on_duty_next_is_foreseen() -> None:
    roster = Roster.of([A], [shift("a", 8, 12, (3,)), absent("a", at(3, 0), at(3, 10))])
    assert roster.next_turn("G", at(1, 9)) == at(3, 10)
    assert roster.next_turn("vacant", at(1, 9)) is None
    assert Roster.of([A], [Duty(DutyKind.ABSENT, "a")]).next_turn("G", at(1, 9)) is None


LINES = st.lists(
    st.one_of(
        st.builds(
            Duty,
            st.just(DutyKind.SHIFT),
            st.sampled_from("abc"),
            st.lists(st.integers(1, 7), min_size=1, unique=True).map(tuple),
            st.integers(0, 1439),
            st.integers(0, 1440),
        ),
        st.builds(absent, st.sampled_from(["a", "b", "c", "far"]), st.just(at(2, 0)), st.sampled_from([at(3, 1), at(6, 2)])),
        st.builds(
            stands_in, st.sampled_from(["a", "b", "c", "far"]), st.sampled_from("abc"), st.just(at(3, 0)), st.just(at(5, 0))
        ),
        st.builds(
            Duty, st.just(DutyKind.OVERRIDE), st.sampled_from(["a", "far"]),
            since=st.just(at(4, 1)), until=st.just(at(4, 9)), grid=st.just("G"),
        ),
    ),
    max_size=8,
)  # fmt: skip
MOMENTS = st.integers(0, 7 * 24 * 60 - 1).map(lambda minute: at(1, 0) + timedelta(minutes=minute))


@given(LINES, MOMENTS)
def test_nobody_is_asked_twice_and_nobody_who_is_away(lines: list[Duty], now: datetime) -> None:
    roster = Roster.of([A, B, C, FAR], lines)
    asked = [p.id for p in roster.on_duty("G", now)]
    assert len(asked) == len(set(asked))
    assert not [p for p in asked if DutyBook.of(lines).away(p, now)]
    assert {t.person.id for t in roster.turns("G", now)} >= {"a", "b", "c"}


@given(LINES, MOMENTS)
def test_a_gap_is_there_exactly_when_nobody_is_on_duty(lines: list[Duty], now: datetime) -> None:
    roster = Roster.of([A, B, C, FAR], lines)
    tree = Registry.of([Grid("G", "一网格", GridLevel.GRID)], [])
    inside = [g for g in gaps(tree, roster, *WEEK) if g.grid == "G" and g.begin <= now < g.end]
    assert bool(inside) == (not roster.on_duty("G", now))


@given(st.permutations([DAY, NIGHT, absent("a", *WEEK), stands_in("far", "a", *WEEK), stands_in("c", "a", *WEEK)]))
def test_the_order_in_which_lines_were_read_means_nothing(lines: list[Duty]) -> None:
    first = Roster.of(
        [A, B, C, FAR], [DAY, NIGHT, absent("a", *WEEK), stands_in("far", "a", *WEEK), stands_in("c", "a", *WEEK)]
    )
    assert Roster.of([FAR, C, B, A], lines) == first


TREE = Registry.of(
    [
        Grid("V", "杏花村", GridLevel.VILLAGE),
        Grid("G", "一网格", GridLevel.GRID, "V"),
        Grid("H", "二网格", GridLevel.GRID, "V"),
    ],
    [],
)
HEAD = person("head", "V", "catcher")


def test_a_gap_says_when_and_who_is_told_instead() -> None:
    lines = [shift("a", 4, 2, (1, 2, 3)), shift("a", 0, 24, (4, 5, 6, 7))]
    found = gaps(TREE, Roster.of([A, HEAD], lines), *WEEK)
    assert [(g.grid, g.begin, g.end, g.climbs_to, g.instead) for g in found] == [
        ("G", at(1, 0), at(1, 4), "V", (HEAD,)),
        ("G", at(2, 2), at(2, 4), "V", (HEAD,)),
        ("G", at(3, 2), at(3, 4), "V", (HEAD,)),
    ]
    assert vacant(TREE, Roster.of([A, HEAD]), at(1, 0)) == ("H",)


def test_a_gap_beyond_what_was_looked_at_stays_open() -> None:
    (found,) = gaps(TREE, Roster.of([A, HEAD], [absent("a", at(6, 3), at(20, 0))]), *WEEK)
    assert (found.begin, found.end, found.open) == (at(6, 3), at(8, 0), True)


def test_the_catcher_has_gaps_of_its_own_and_they_come_first() -> None:
    roster = Roster.of([A, HEAD, FAR], [shift("head", 0, 22)])
    found = gaps(TREE, roster, at(1, 0), at(2, 0))
    assert [(g.grid, g.begin, g.instead) for g in found] == [("catcher", at(1, 22), (A,)), ("V", at(1, 22), (A,))]
    assert catcher_gaps(TREE, Roster.of([A, HEAD]), *WEEK) == ()
    assert catcher_gaps(TREE, Roster(), *WEEK) == ()


def test_a_grid_has_no_gaps_before_it_begins() -> None:
    tree = Registry.of([Grid("G", "一网格", GridLevel.GRID, valid_from=at(3, 0), valid_to=at(4, 0))], [])
    (found,) = [g for g in gaps(tree, Roster.of([A, HEAD], [Duty(DutyKind.ABSENT, "a")]), *WEEK) if g.grid == "G"]
    assert (found.begin, found.end) == (at(3, 0), at(4, 0))
