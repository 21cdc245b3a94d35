"""Which numbers are missing, exactly: by examples, and against a model that simply remembers every number."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.accounts import Book, holds_whole
from ingest.counts import GatewayCounts
from ingest.events import InvalidEvent
from ingest.sequence import MIDWAY, MOST_BOOTS, MOST_RANGES, Account, Heard, Numbered, Run, count, is_numbered

SECOND = 1_000_000
HOUR = 3600 * SECOND
N, A, F, R = Heard.NEXT, Heard.AHEAD, Heard.FILLED, Heard.REPEATED


def run(*seqs: int) -> Run:
    found = Run.begin("b", seqs[0], 0)
    for seq in seqs:
        found.observe(seq)
    return found


@pytest.mark.parametrize(
    ("_sentence", "seqs", "heard", "missing", "contiguous"),
    [
        ("in order nothing is missing", [1, 2, 3], [N, N, N], [], 3),
        ("a boot that begins at 0 is welcome", [0, 1, 2], [N, N, N], [], 2),
        ("a lost first message is missing", [3], [A], [(1, 2)], 0),
        ("a hole is one range", [1, 5], [N, A], [(2, 4)], 1),
        ("a second hole is another", [1, 3, 5], [N, A, A], [(2, 2), (4, 4)], 1),
        ("a repeat changes nothing", [1, 2, 2, 1], [N, N, R, R], [], 2),
        ("two that changed places leave no hole", [1, 3, 2], [N, A, F], [], 3),
        ("a hole shrinks from its beginning", [1, 6, 2], [N, A, F], [(3, 5)], 2),
        ("a hole shrinks from its end", [1, 6, 5], [N, A, F], [(2, 4)], 1),
        ("a hole is cut in two", [1, 6, 4], [N, A, F], [(2, 3), (5, 5)], 1),
        ("filled again is a repeat", [1, 6, 4, 4], [N, A, F, R], [(2, 3), (5, 5)], 1),
        ("a gateway that counts from 1 again in the same boot repeats itself", [1, 2, 3, 1, 2], [N, N, N, R, R], [], 3),
        ("a boot that was joined midway begins there", [5000, 5001], [N, N], [], 5001),
        ("what lies before it is not ours to tell", [5000, 4999], [N, R], [], 5000),
        ("a far jump is one range and no memory", [1, 10**15], [N, A], [(2, 10**15 - 1)], 1),
    ],
)
def test_the_gap_list_is_exact(
    _sentence: str, seqs: list[int], heard: list[Heard], missing: list[tuple[int, int]], contiguous: int
) -> None:
    found = Run.begin("b", seqs[0], 0)
    assert [found.observe(seq) for seq in seqs] == heard
    assert found.missing == missing
    assert found.contiguous == contiguous


class Model:
    """Remembers every number."""

    def __init__(self, first: int) -> None:
        self.first, self.seen = first, set[int]()

    @property
    def missing(self) -> set[int]:
        return set(range(self.first, max(self.seen))) - self.seen

    @property
    def contiguous(self) -> int:
        at = self.first
        while at in self.seen:
            at += 1
        return at - 1


def spread(missing: list[tuple[int, int]]) -> set[int]:
    return {n for first, last in missing for n in range(first, last + 1)}


SEQS = st.lists(st.integers(0, 60), min_size=1, max_size=120)


@given(SEQS)
def test_a_run_is_what_a_naive_model_says(seqs: list[int]) -> None:
    found = Run.begin("b", seqs[0], 0)
    model = Model(min(seqs[0], 1))
    for seq in seqs:
        before = spread(found.missing)
        heard = found.observe(seq)
        assert heard is (
            F if seq in before else R if seq in model.seen or seq < model.first
            else N if seq == max(model.seen, default=model.first - 1) + 1 else A
        )  # fmt: skip
        model.seen.add(seq)
        assert spread(found.missing) == model.missing
        assert found.contiguous == model.contiguous
        assert all(a <= b for a, b in found.missing)
        assert all(b + 1 < c for (_, b), (c, _) in zip(found.missing, found.missing[1:], strict=False))


@given(SEQS, SEQS)
def test_two_runs_of_one_boot_merge_into_what_either_saw(mine: list[int], theirs: list[int]) -> None:
    one, other, both = run(*mine), run(*theirs), Model(min(mine[0], theirs[0], 1))
    both.seen |= {*mine, *theirs}
    one.merge(other)
    assert spread(one.missing) == both.missing
    assert one.contiguous == both.contiguous
    again = run(*mine)
    again.merge(one)
    assert (again.first, again.following, again.missing) == (one.first, one.following, one.missing)


def test_a_run_that_was_joined_midway_does_not_claim_what_another_knows_to_be_missing() -> None:
    one = run(5000, 5001)
    one.merge(run(1, 2, 4, 10))
    assert one.missing == [(3, 3), (5, 9), (11, 4999)]
    assert one.contiguous == 2


@settings(max_examples=20)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=300))
def test_past_the_bound_too_much_is_missing_and_never_too_little(seqs: list[int]) -> None:
    found, model = Run.begin("b", 1, 0), Model(1)
    for seq in [1, *range(3, 700, 2), *seqs]:
        found.observe(seq)
        model.seen.add(seq)
    assert len(found.missing) <= MOST_RANGES
    assert spread(found.missing) >= model.missing
    assert found.contiguous <= model.contiguous
    for seq in sorted(spread(found.missing)):  # sent again in order, everything closes
        found.observe(seq)
    assert found.missing == []
    assert found.contiguous == max(model.seen)


@pytest.mark.parametrize(
    ("_sentence", "boot", "seq", "good"),
    [
        ("a text and a number", "b-1", 0, True),
        ("no boot", None, 1, False),
        ("an empty boot", "", 1, False),
        ("a boot that is a number", 7, 1, False),
        ("a boot of 65 characters", "b" * 65, 1, False),
        ("a boot with control characters", "a\nb", 1, False),
        ("a seq that is a text", "b", "1", False),
        ("a seq that is a boolean", "b", True, False),
        ("a seq below 0", "b", -1, False),
        ("a seq that is a fraction", "b", 1.0, False),
        ("a seq beyond what JSON readers hold", "b", 2**53 + 1, False),
    ],
)
def test_numbers_have_one_form(_sentence: str, boot: object, seq: object, good: bool) -> None:
    assert is_numbered(boot, seq) is good


def test_a_new_boot_begins_anew_and_stragglers_of_the_old_one_still_count() -> None:
    account = Account()
    for boot, seq in [("a", 1), ("a", 3), ("b", 1), ("a", 2), ("b", 2), ("a", 4)]:
        account.observe(boot, seq, 0)
    assert [(r.boot, r.contiguous, r.missing) for r in account.runs] == [("b", 2, []), ("a", 4, [])]


def test_the_boots_heard_longest_ago_are_forgotten_and_never_the_newest() -> None:
    account = Account()
    for n in range(MOST_BOOTS + 2):
        account.observe(f"b{n}", 1, n)
        account.observe("b0", 1 + n, n)
    assert {r.boot for r in account.runs} == {"b0", *(f"b{n}" for n in range(3, MOST_BOOTS + 2))}


def test_a_gap_lasts_from_the_first_missing_number_until_none_is() -> None:
    account = Account()
    for now, seq in [(1, 1), (2, 3), (3, 5), (4, 2), (5, 4)]:
        account.observe("b", seq, now)
        account.weigh(now, HOUR)
        assert account.gap_since == (2 if now in {2, 3, 4} else 0)


def test_what_an_earlier_boot_owes_is_awaited_for_a_while_and_again_when_it_speaks() -> None:
    account = Account()
    account.observe("a", 3, 1)
    account.observe("b", 1, 2)
    account.weigh(HOUR, HOUR)
    assert account.missing() == [("a", 1, 2)]
    account.weigh(HOUR + 2, HOUR)
    assert account.missing() == []
    account.observe("a", 1, HOUR + 3)
    account.weigh(HOUR + 3, HOUR)
    assert account.missing() == [("a", 2, 2)]
    assert account.run("a").contiguous == 1  # type: ignore[union-attr]  # given up is not received: it is never acknowledged


# -- the book ------------------------------------------------------------------------------------------------------------------


def numbers(gateway: str, boot: str, *seqs: int) -> list[Numbered]:
    return [Numbered(gateway, boot, seq) for seq in seqs]


def book(*given: Numbered, now: int = 0) -> Book:
    made = Book(GatewayCounts())
    made.observe(given, now)
    return made


def test_acknowledgements_say_what_is_contiguous_and_nothing_when_nothing_is() -> None:
    made = Book(GatewayCounts())
    given = numbers("gw-1", "a", 1, 2, 4) + numbers("gw-2", "x", 2) + numbers("gw-3", "y", 7000)
    acks = made.observe(given, 0)
    assert [(a.gateway, a.encode()) for a in acks] == [
        ("gw-1", b'{"boot":"a","seq":2}'), ("gw-3", b'{"boot":"y","seq":7000,"from":7000}'),
    ]  # fmt: skip


def test_a_repeat_is_acknowledged_again_because_the_first_may_not_have_been_heard() -> None:
    made = book(*numbers("gw", "a", 1, 2, 3))
    assert [a.seq for a in made.observe(numbers("gw", "a", 2), 1)] == [3]


def test_everything_is_counted() -> None:
    counts = GatewayCounts()
    Book(counts).observe(numbers("gw", "a", 1, 4, 2, 2, 3, 5), 0)
    assert (counts.ahead, counts.filled, counts.repeated) == (1, 2, 1)


@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from("ab"), st.integers(1, 30), st.booleans()), max_size=80)
)
def test_a_successor_knows_what_was_saved_in_whatever_pieces(said: list[tuple[str, str, int, bool]]) -> None:
    made, saved = Book(GatewayCounts()), []
    for at, (gateway, boot, seq, whole) in enumerate(said):
        made.observe(numbers(gateway, boot, seq), at)
        saved += made.whole(at) if whole else [made.changes()]
    after = Book(GatewayCounts())
    after.merge(saved)
    after.merge(saved[:3])  # the late words of one that was frozen change nothing
    after.merge(saved[-3:])
    states = [
        {g: [(r.boot, r.following, r.missing) for r in a.runs] for g, a in b.accounts.items()} for b in (made, after)
    ]
    assert {g: sorted(runs) for g, runs in states[0].items()} == {g: sorted(runs) for g, runs in states[1].items()}


def test_a_whole_of_many_gateways_is_in_pieces_that_are_complete_together() -> None:
    made = book(*(n for g in range(2500) for n in numbers(f"gw-{g}", "a", 1)))
    pieces = made.whole(7)
    assert len(pieces) == 3
    assert holds_whole([made.changes(), *pieces])
    assert not holds_whole([made.changes(), *pieces[1:]])
    assert all(len(p) < 500_000 for p in pieces)


def test_bytes_that_are_no_accounts_are_refused() -> None:
    for raw in (b"", b"{}", b'{"gateways":{"g":{"runs":[[1]]}},"session":0}'):
        with pytest.raises(InvalidEvent):
            Book(GatewayCounts()).merge([raw])


def test_what_a_later_version_adds_to_accounts_is_passed_over() -> None:
    later = b'{"v":1,"session":0,"x":1,"gateways":{"g":{"runs":[["b",1,2,1,5,[[2,3]],"more"]],"y":[]}}}'
    made = Book(GatewayCounts())
    made.merge([later])
    assert made.accounts["g"].missing() == [("b", 2, 3)]


def test_invented_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.accounts.MOST_GATEWAYS", 1000)
    made = Book(GatewayCounts())
    made.observe((Numbered(f"gw-{n}", "b", 1) for n in range(1000)), 1)
    made.observe(numbers("gw-0", "b", 2), 2)
    made.observe(numbers("one-more", "b", 1), 3)
    assert len(made.accounts) == 751
    assert {"gw-0", "one-more"} <= made.accounts.keys()


def test_a_gap_is_told_once_after_its_grace_and_its_end_once() -> None:
    made = book(*numbers("gw", "a", 1, 4), now=SECOND)
    assert made.gaps(10 * SECOND, 10 * SECOND) == []
    (gap,) = made.gaps(11 * SECOND, 10 * SECOND)
    assert (gap.gateway, gap.since, gap.missing, count(gap.missing)) == ("gw", SECOND, (("a", 2, 3),), 2)
    made.tell("gw", ("g", "t"))
    assert made.gaps(12 * SECOND, 10 * SECOND) == []
    made.observe(numbers("gw", "a", 2, 3), 13 * SECOND)
    (end,) = made.gaps(13 * SECOND, 10 * SECOND)
    assert (end.since, end.missing, end.told) == (SECOND, (), ("g", "t"))
    made.tell("gw", None)
    assert made.gaps(14 * SECOND, 10 * SECOND) == []


def test_a_gap_that_closes_within_its_grace_is_never_told() -> None:
    made = book(*numbers("gw", "a", 1, 4), now=SECOND)
    made.observe(numbers("gw", "a", 3, 2), 2 * SECOND)
    assert made.gaps(HOUR, 10 * SECOND) == []


def test_a_successor_ends_a_gap_that_its_predecessor_told() -> None:
    made = book(*numbers("gw", "a", 1, 3), now=SECOND)
    made.tell("gw", ("g", "t"))
    after = Book(GatewayCounts())
    after.merge(made.whole(1))
    assert [(g.gateway, g.since, g.told) for g in after.standing()] == [("gw", SECOND, ("g", "t"))]
    after.observe(numbers("gw", "a", 2), 2 * SECOND)
    assert [(g.since, g.missing, g.told) for g in after.gaps(2 * SECOND, 0)] == [(SECOND, (), ("g", "t"))]


def test_the_first_number_seen_decides_where_a_boot_begins() -> None:
    assert [run(n).first for n in (0, 1, 2, MIDWAY, MIDWAY + 1)] == [0, 1, 1, 1, MIDWAY + 1]
