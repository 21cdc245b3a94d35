"""Hot issues: when many calls are one matter of the area, and that nothing about it depends on how the calls came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Call, Mark, Place, encode
from ingest.orders import Order
from ingest.registry import Registry
from ingest.topics import Topic
from streams.calls import Calls, load_keywords
from streams.orders import OrderRules, load_orders
from streams.rules import load_rules
from streams.signal import Signal
from streams.surges import Surges
from streams.ward import Ward
from tests.scenarios.timeline import GRIDS

NOW = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
RULES, KEYWORDS = load_orders(), load_keywords()


class Heard:
    """The part of a ward that hears calls."""

    def __init__(self, rules: OrderRules = RULES, calls: Calls | None = None) -> None:
        self.calls, self.surges = calls or Calls(KEYWORDS, rules), Surges(rules)
        self.surges.enrol(Registry.of(GRIDS, ()))

    def hear(self, one: Call) -> list[Signal]:
        return [s for s in self.surges.update(one, self.calls.update(one)) if s.kind == "hot_issue"]

    def restarted(self) -> Heard:
        fresh = Heard(self.calls.orders, self.calls)
        fresh.surges.restore(self.surges.snapshot())
        return fresh


def call(
    n: object, at: datetime, *, category: str = "小区停水", grid: str = "g1", ordered: bool = True, **but: object
) -> Call:
    order = Order("12345", str(n), "dispatched", at, category=category) if ordered else None
    place = Place(grid, "t1", None, "coordinates") if grid else Place()
    return replace(Call(str(n), "", at, at, category, place=place, order=order), **but)


def many(heard: Heard, count: int, begin: datetime = NOW, **but: object) -> list[Signal]:
    return [s for n in range(count) for s in heard.hear(call(f"{begin}/{n}", begin + n * MINUTE, **but))]


def test_more_than_the_least_of_one_kind_in_one_grid_is_one_incident_of_the_grid_above() -> None:
    heard = Heard()
    assert many(heard, 6) == []
    (hot,) = heard.hear(call("seventh", NOW + 6 * MINUTE))
    assert (hot.subject, hot.place.grid, hot.level, hot.value) == ("water_supply@v1", "v1", RULES.surge.level, 7.0)
    assert hot.event_at == NOW
    assert len(hot.evidence["members"]) == 7
    assert many(heard, 20, NOW + 7 * MINUTE) == [], "it says so once"
    assert many(heard, 20, NOW + 30 * MINUTE, grid="g2") == [], "and once for the area"


@pytest.mark.parametrize(
    ("sentence", "but"),
    [
        ("of several kinds none is hot", {"category": "其他"}),
        ("tests do not count", {"marks": Mark.TEST}),
        ("what comes late does not count", {"marks": Mark.LATE}),
        ("what no grid covers does not count", {"grid": ""}),
        ("emergencies ring one by one", {"text": "三楼冒黑烟"}),
    ],
)
def test_what_does_not_count(sentence: str, but: dict) -> None:
    assert many(Heard(), 30, **but) == [], sentence


def test_calls_without_an_order_count_and_an_order_that_comes_again_counts_once() -> None:
    heard = Heard()
    assert many(heard, 6, ordered=False) == []
    assert [s for _ in range(30) for s in heard.hear(call(f"{NOW}/0", NOW + 10 * MINUTE, ordered=False))] == []
    assert len(many(heard, 1, NOW + 20 * MINUTE)) == 1


def test_what_is_usual_at_this_hour_is_no_surge() -> None:
    heard = Heard()
    for day in range(14, 0, -1):
        many(heard, 9, NOW - day * DAY)
    heard = heard.restarted()
    assert heard.surges.usual("water_supply", "g1", int(NOW.timestamp()) // 3600) == (9.0, 0.0)
    assert many(heard, 13) == []
    assert len(many(heard, 1, NOW + 20 * MINUTE)) == 1, "nine and four deviations are"
    assert len(many(Heard(), 7, NOW + timedelta(hours=5))) == 1


def test_one_wild_day_does_not_make_many_calls_usual() -> None:
    heard = Heard()
    for day in range(14, 0, -1):
        many(heard, 50 if day == 7 else 1, NOW - day * DAY)
    assert heard.surges.usual("water_supply", "g1", int(NOW.timestamp()) // 3600) == (1.0, 0.0)
    assert len(many(heard, 7)) == 1


def test_it_is_over_when_the_calls_have_left_the_window_and_begins_anew() -> None:
    heard = Heard()
    (hot,) = many(heard, 7)
    due = heard.surges.due_at()
    assert due == NOW + 3 * MINUTE + timedelta(hours=1), "then no more than half of the seven are left"
    assert heard.surges.on_due(due - timedelta(microseconds=1)) == []
    (over,) = heard.surges.on_due(due)
    assert (over.key, over.active, over.raised_at) == (hot.key, False, due)
    assert heard.surges.due_at() is None
    assert [s.active for s in many(heard, 7, NOW + timedelta(hours=2))] == [True]


Happening = tuple[int, int, int, bool]  # minutes later, kind, grid, with an order
HAPPENINGS = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 1), st.integers(0, 2), st.booleans()), max_size=40)


@settings(max_examples=80, deadline=None)
@given(HAPPENINGS, st.data())
def test_restarts_and_timers_between_two_calls_change_nothing(some: list[Happening], data: st.DataObject) -> None:
    rules = OrderRules.model_validate({**RULES.model_dump(), "surge": {"window_s": 1800.0, "least": 2, "days": 3}})
    plain, cut = Heard(rules), Heard(rules)
    said: list[Signal] = []
    other: list[Signal] = []
    at = NOW
    for n, (minutes, kind, grid, ordered) in enumerate(some):
        before, at = at, at + minutes * MINUTE
        one = call(n, at, category=("停水", "停电")[kind], grid=("g1", "g2", "g4")[grid], ordered=ordered)
        if data.draw(st.booleans()):
            cut = cut.restarted()
        if data.draw(st.booleans()):
            other += cut.surges.on_due(before + (at - before) * data.draw(st.floats(0, 1)))
        said += plain.hear(one)
        other += cut.hear(one)
    end = at + timedelta(hours=2)
    assert said + plain.surges.on_due(end) == other + cut.surges.on_due(end)
    keys = [(s.key, s.active) for s in other]
    assert len(keys) == len(set(keys))
    assert plain.surges.due_at() is None


def test_a_ward_says_both_what_each_order_is_and_that_they_are_one_matter_also_after_a_restart() -> None:
    def ward() -> Ward:
        made = Ward(0, 1, load_rules(), KEYWORDS)
        made.enrol(Registry.of(GRIDS, ()), NOW)
        return made

    one = ward()
    said = [s for n in range(6) for s in one.take(Topic.CALLS, n, encode(call(n, NOW + n * MINUTE)))]
    assert {s.kind for s in said} == {"water_supply"}
    other = ward()
    other.restore(one.snapshot())
    last = other.take(Topic.CALLS, 6, encode(call(6, NOW + 6 * MINUTE)))
    assert [(s.kind, s.place.grid) for s in last] == [("water_supply", "g1"), ("hot_issue", "v1")]
    assert last[1].evidence["members"] == [s.key for s in (*said, last[0])]
    assert other.due_at() == NOW + 3 * MINUTE + timedelta(hours=1)
    assert [s.active for s in other.on_due(NOW + timedelta(hours=2)) if s.kind == "hot_issue"] == [False]
