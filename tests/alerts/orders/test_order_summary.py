"""The closing rate per level, and the rows it is counted from, whichever database is under them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.alert import Alert, Handling
from alerts.ledger import open_ledger
from alerts.ledger.port import Filter, Ledger
from alerts.orders.order import Linked
from alerts.orders.summary import Count, Standing, Tier, summary, tier_of, whole
from alerts.people.roster import Roster
from alerts.work import Work
from ingest.events import Place
from ingest.registry import Registry
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.scenarios.timeline import GRIDS, PEOPLE

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
REGISTRY, ROSTER = Registry.of(GRIDS, ()), Roster.of(PEOPLE)


def standing(**but: object) -> Standing:
    return replace(Standing("12345", "1", "a1", "g1", "", "", NOW), **but)


@pytest.mark.parametrize(
    ("sentence", "order", "tier"),
    [
        ("a grid's order is its village's", standing(), Tier.VILLAGE),
        ("whoever was told last has it", standing(reached="t1"), Tier.TOWNSHIP),
        ("whom it was given to has it", standing(reached="t1", assignee="head1"), Tier.VILLAGE),
        ("the county has what it gave to itself", standing(assignee="county"), Tier.COUNTY),
        ("somebody who has left does not count", standing(assignee="gone", reached="t1"), Tier.TOWNSHIP),
        ("what no grid covers is the county's", standing(grid=""), Tier.COUNTY),
    ],
)
def test_an_order_counts_for_the_level_that_has_it(sentence: str, order: Standing, tier: Tier) -> None:
    assert tier_of(order, REGISTRY, ROSTER) is tier, sentence


def test_the_table_of_a_county_can_be_printed() -> None:
    orders = [standing(number=str(n), assignee="county", closed_at=NOW if n < 2174 else None) for n in range(2248)]
    orders += [standing(number=f"t{n}", assignee="duty1", closed_at=NOW if n < 3969 else None) for n in range(4084)]
    counts = summary(orders, REGISTRY, ROSTER, NOW)
    assert (counts[Tier.COUNTY].rate, counts[Tier.TOWNSHIP].rate) == (96.71, 97.18)
    assert counts[Tier.VILLAGE] == Count()
    assert counts[Tier.VILLAGE].rate is None
    assert (whole(counts).linked, whole(counts).closed) == (6332, 6143)


def test_late_is_closed_after_the_limit_or_open_beyond_it() -> None:
    orders = [
        standing(number="in time", due_at=NOW, closed_at=NOW),
        standing(number="after", due_at=NOW - HOUR, closed_at=NOW),
        standing(number="open", due_at=NOW - HOUR),
        standing(number="not yet", due_at=NOW + HOUR),
        standing(number="without a limit"),
    ]
    assert summary(orders, REGISTRY, ROSTER, NOW)[Tier.VILLAGE] == Count(5, 2, 2)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    url = empty_ledger(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres").new_ledger()
    opened = open_ledger(url)
    yield opened
    opened.close()


def case(ident: str, *orders: Linked, **but: object) -> Alert:
    made = Alert(
        ident, f"request/{ident}", "request", Level.BLUE, Place("g1", "t1"), stages={"raised_at": NOW}, last_seen=NOW,
        subjects=("seen",), work=Work(orders=orders),
    )  # fmt: skip
    return replace(made, **but)


def save(ledger: Ledger, *alerts: Alert) -> list[Alert]:
    with ledger.transaction() as tx:
        return tx.save_all([(a, []) for a in alerts])


def having(ledger: Ledger, begin: datetime = NOW, end: datetime = NOW + HOUR) -> dict[str, str]:
    return {one.number: one.alert for one in ledger.orders(begin, end)}


def test_an_order_has_one_row_which_follows_its_case_and_the_case_it_goes_on_in(ledger: Ledger) -> None:
    first, second = Linked("12345", "1001", NOW, due_at=NOW + HOUR), Linked("12345", "1002", NOW + HOUR)
    one, two = save(ledger, case("a1", first), case("a2", second, assignee="p1"))
    assert having(ledger) == {"1001": "a1"}
    assert having(ledger, NOW, NOW + 2 * HOUR) == {"1001": "a1", "1002": "a2"}
    merged = replace(one, handling=Handling.MERGED, work=replace(one.work, merged_into="a2"))
    grown = replace(two, work=replace(two.work, orders=(second, first)))
    merged, grown = save(ledger, merged, grown)
    assert having(ledger) == {"1001": "a2"}
    closed = replace(grown, handling=Handling.CLOSED, stages={**grown.stages, "closed_at": NOW + HOUR})
    (closed,) = save(ledger, closed)
    (row,) = ledger.orders(NOW, NOW + HOUR)
    assert row == Standing("12345", "1001", "a2", "g1", "p1", "", NOW, NOW + HOUR, NOW + HOUR)
    apart = replace(merged, handling=Handling.NEW, work=replace(merged.work, merged_into=""))
    save(ledger, apart, replace(closed, work=replace(closed.work, orders=(second,))))
    assert having(ledger) == {"1001": "a1"}


def test_a_case_is_found_by_the_number_of_any_of_its_orders(ledger: Ledger) -> None:
    many = tuple(Linked("12345", str(n), NOW) for n in range(120))
    save(ledger, case("a1", *many), case("a2", Linked("12345", "x", NOW)))
    assert [a.id for a in ledger.page(Filter(subject="119")).alerts] == ["a1"]
    assert {a.id for a in ledger.page(Filter(subject="seen")).alerts} == {"a1", "a2"}
    assert ledger.page(Filter(subject="120")).alerts == ()
