"""The judge of the chaos runs, held against small histories whose verdict is plain to see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.checker import Verdict, both, count, judge
from tests.chaos.history import History, read, runs
from tests.chaos.stored import numbers_in

Line = dict[str, Any]
GRIDS = {
    "c": ["演练县", ""],
    "c-1": ["第一镇", "c"],
    "c-1-1": ["网格一", "c-1"],
    "c-1-2": ["网格二", "c-1"],
}
PLACE: Line = {
    "what": "place",
    "at": 0,
    "grids": GRIDS,
    "people": {"+1": "c-1-1", "+2": "c-1-2", "+9": "c-1"},
}


def begin(at: float, fault: str = "worker-kill") -> Line:
    return {"what": "begin", "at": at, "fault": fault, "round": 1}


def end(at: float, fault: str = "worker-kill") -> Line:
    return {"what": "end", "at": at, "fault": fault, "round": 1}


def published(at: float, first: int, last: int, source: str = "g") -> Line:
    return {"what": "published", "at": at, "source": source, "first": first, "last": last}


def puback(first: int, last: int, source: str = "g") -> Line:
    return {"what": "puback", "at": 50, "source": source, "first": first, "last": last}


def acknowledged(upto: int, source: str = "g") -> Line:
    return {"what": "acknowledged", "at": 50, "source": source, "upto": upto}


def kept(first: int, last: int, source: str = "g") -> Line:
    return {"what": "kept", "at": 90, "source": source, "first": first, "last": last}


def alarm(at: float, grid: str = "c-1-1") -> Line:
    return {"what": "alarm", "at": at, "source": "g", "seq": 1, "grid": grid}


def notice(at: float, to: str = "+1", text: str = "第一镇网格一 火警", channel: str = "sms") -> Line:
    return {"what": "notice", "at": at, "to": to, "channel": channel, "text": text, "ident": "SM"}


def verdict(*lines: Line, fault: str = "worker-kill") -> Verdict:
    return judge([PLACE, begin(10), *lines, end(80)])[fault]


ROWS = [
    (
        "what was acknowledged and is in the log is not lost",
        [published(11, 1, 5), puback(1, 5), kept(1, 5)],
        {"published": 5, "kept": 5, "lost": 0},
    ),
    (
        "what the broker acknowledged and the log has not is lost",
        [published(11, 1, 5), puback(1, 5), kept(1, 2), kept(4, 5)],
        {"published": 5, "kept": 4, "lost": 1},
    ),
    (
        "what Tocsin itself acknowledged and the log has not is lost",
        [published(11, 1, 5), acknowledged(4), kept(1, 2)],
        {"kept": 2, "lost": 2},
    ),
    (
        "what nobody acknowledged was never promised",
        [published(11, 1, 5), puback(1, 3), kept(1, 3)],
        {"published": 5, "kept": 3, "lost": 0},
    ),
    (
        "another gateway's numbers prove nothing",
        [published(11, 1, 2, "one"), puback(1, 2, "one"), kept(1, 2, "two")],
        {"kept": 0, "lost": 2},
    ),
    (
        "messages of before and after the fault are not its own",
        [published(5, 1, 9), puback(1, 9), published(11, 10, 10), puback(10, 10), kept(10, 10), published(85, 11, 12)],
        {"published": 1, "kept": 1, "lost": 0},
    ),
    ("a message kept twice is kept once", [published(11, 1, 1), puback(1, 1), kept(1, 1), kept(1, 1)], {"kept": 1}),
    ("an alarm that reached its leader is not lost", [alarm(11), notice(12)], {"lost": 0, "doubled": 0, "wrong": 0}),
    ("an alarm without a notice is lost", [alarm(11)], {"lost": 1}),
    ("the second step alone does not tell the leader", [alarm(11), notice(12, "+9")], {"lost": 1}),
    ("the second step is no double", [alarm(11), notice(12), notice(27, "+9")], {"doubled": 0, "wrong": 0}),
    ("the same recipient twice is a double", [alarm(11), notice(12), notice(13)], {"doubled": 1}),
    ("three times are two too many", [alarm(11), notice(12), notice(13), notice(14)], {"doubled": 2}),
    ("another channel is no double", [alarm(11), notice(12), notice(12, channel="voice")], {"doubled": 0}),
    ("the leader of another grid is wrong", [alarm(11), notice(12), notice(12, "+2")], {"wrong": 1}),
    ("a number that nobody has is wrong", [alarm(11), notice(12), notice(12, "+77")], {"wrong": 1}),
    ("a text that names no grid is wrong", [alarm(11), notice(12), notice(12, text="火警")], {"wrong": 1}),
    ("one township's duty may hear of two grids", [
        alarm(11), notice(12), notice(27, "+9"), alarm(13, "c-1-2"),
        notice(14, "+2", "第一镇网格二"), notice(28, "+9", "第一镇网格二"),
    ], {"lost": 0, "doubled": 0, "wrong": 0}),
    ("a double is found even when it comes after the fault", [alarm(11), notice(12), end(20), begin(30, "calm"),
        notice(40), end(50, "calm"), begin(60)], {"doubled": 1}),
    ("the longest silence reaches to the edges", [alarm(11), notice(12), notice(30, "+9")], {"longest_silence_s": 50.0}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_small_history_is_judged(lines: list[Line], expected: dict[str, Any]) -> None:
    found = verdict(*lines)
    assert {key: getattr(found, key) for key in expected} == expected


def test_recovery_is_the_longest_wait_less_the_longest_one_in_calm() -> None:
    calm = [begin(1, "calm"), alarm(2, "c-1-2"), notice(2.5, "+2", "网格二"), end(9, "calm")]
    lines = [PLACE, *calm, begin(10), alarm(11), notice(19), end(80)]
    found = judge(lines)
    assert found["worker-kill"].recover_s == pytest.approx(7.5)
    assert found["calm"].recover_s == 0.0


def test_an_alarm_that_was_never_told_leaves_nothing_to_measure() -> None:
    calm = [begin(1, "calm"), alarm(2, "c-1-2"), notice(2.5, "+2", "网格二"), end(9, "calm")]
    found = judge([PLACE, *calm, begin(10), alarm(11), end(80)])["worker-kill"]
    assert (found.recover_s, found.lost) == (None, 1)


def test_rounds_are_counted_and_memory_is_the_peak_of_the_fault() -> None:
    memory = [{"what": "memory", "at": at, "mb": mb} for at, mb in ((5, 900), (11, 400), (25, 500), (90, 800))]
    found = judge([PLACE, begin(10), end(20), begin(21), *memory, end(80)])["worker-kill"]
    assert (found.rounds, found.memory_peak_mb) == (2, 500)


def test_a_run_that_was_broken_off_is_judged_up_to_its_last_line() -> None:
    found = judge([PLACE, begin(10), published(11, 1, 3), puback(1, 3)])["worker-kill"]
    assert (found.rounds, found.lost) == (1, 3)


numbers = st.lists(st.integers(0, 40), max_size=30)


@given(numbers)
def test_runs_hold_exactly_their_numbers(given_: list[int]) -> None:
    assert {n for first, last in runs(given_) for n in range(first, last + 1)} == set(given_)


@given(numbers, numbers)
def test_what_is_in_both_is_the_intersection(one: list[int], other: list[int]) -> None:
    assert count(both(runs(one), runs(other))) == len(set(one) & set(other))


def test_a_history_is_read_as_it_was_written_without_a_torn_last_line(tmp_path) -> None:
    history = History(tmp_path / "h.jsonl")
    history.write("notice", at=1.5, to="+1", text="网格一")
    history.close()
    with history.path.open("a", encoding="utf-8") as file:
        file.write('{"what": "not')
    assert list(read(history.path)) == [{"what": "notice", "at": 1.5, "to": "+1", "text": "网格一"}]


@pytest.mark.parametrize(
    ("why", "series", "lost"),
    [
        ("a series that has what the log has", [{"what": "series", "at": 95}, {"what": "stored", "at": 95, "source": "g", "first": 1, "last": 9}], 0),
        ("a series that misses some", [{"what": "series", "at": 95}, {"what": "stored", "at": 95, "source": "g", "first": 1, "last": 5}], 4),
        ("a series that has nothing at all", [{"what": "series", "at": 95}], 9),
        ("a run without a series", [], 0),
    ],
)  # fmt: skip
def test_readings_of_the_log_are_in_the_series_as_well(why: str, series: list[Line], lost: int) -> None:
    lines = [PLACE, begin(10), published(11, 1, 9), puback(1, 9), {**kept(1, 9), "reading": True}, *series, end(20)]
    assert judge(lines)["worker-kill"].lost == lost, why


def test_the_series_answers_in_annotated_tables() -> None:
    answer = (
        b"#datatype,string,long,double,string\r\n#group,false,false,false,true\r\n#default,_result,,,\r\n,result,table,_value,device\r\n"
        b",,0,1,alarm-00000\r\n,,0,39,alarm-00010\r\n\r\n#datatype,string,long,double,string\r\n,result,table,_value,device\r\n,,1,7,calm-gw-b2-03\r\n"
    )
    assert numbers_in(answer.splitlines(keepends=True)) == {"gw-a1": {1, 39}, "gw-b2": {7}}
