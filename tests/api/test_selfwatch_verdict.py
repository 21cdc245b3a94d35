"""Which part stopped? One row per part and per combination, in the words of what the watch has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.selfwatch.canary import Canary, Stage
from api.selfwatch.health import NOBODY, ROOTS, Answer, Health, Healths, Position, looked, progress
from api.selfwatch.parts import Grade, Pace, Part, Trouble, Why
from api.selfwatch.verdict import LEGS, verdict
from ingest.events import Mark

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PACE = Pace(every=60, patience=20)
PATIENCE = timedelta(seconds=PACE.patience)
WELL = Health(well_since=START - timedelta(hours=1))
WAY = (Stage.TAKEN, Stage.LOGGED, Stage.SIGNALLED, Stage.RAISED, Stage.SENT, Stage.KEPT)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def canary(sent: float, *stages: Stage, marks: Mark = Mark.NONE, shard: str = "") -> Canary:
    """A canary that reached stages a tenth of a second apart."""
    made = Canary(int(sent * 1000) + 1, f"canary-{shard}", at(sent), shard, marks=marks)
    for n, stage in enumerate(stages):
        made = made.reached(stage, at(sent + 0.1 * (n + 1)))
    return made


def up_to(last: Stage | None, *more: Stage) -> tuple[Stage, ...]:
    return (*WAY[: WAY.index(last) + 1 if last else 0], *more)


def ill(since: float, until: float, said: str = "away") -> Health:
    return Health(at(since), at(until), None, said)


def healths(**but: Health) -> Healths:
    return {name: but.get(name, WELL) for name in ROOTS}


def named(troubles: Sequence[Trouble]) -> set[tuple[str, str, str]]:
    return {(t.part.value, t.why.value, t.grade.value) for t in troubles}


WHOLE = canary(0, *WAY)
LATE = 81.0  # 21 s after the second canary was sent

ROWS: list[tuple[str, Sequence[Canary], Mapping[str, Health], float, set[tuple[str, str, str]]]] = [
    ("all is well", [WHOLE], {}, 50, set()),
    ("nothing was ever sent and everything answers", [], {}, 50, set()),
    ("a canary under way is nothing yet", [WHOLE, canary(60, Stage.TAKEN)], {}, 79, set()),
    ("the MQTT broker does not answer", [WHOLE, canary(60)], {"mqtt": ill(55, 80)}, LATE, {("mqtt", "no_answer", "stopped")}),
    ("it lets us in and takes nothing", [WHOLE, canary(60)], {}, LATE, {("mqtt", "not_taken", "stopped")}),
    ("the gateway does not read", [WHOLE, canary(60, Stage.TAKEN)], {}, LATE, {("gateway", "not_read", "stopped")}),
    ("the log does not answer", [WHOLE, canary(60, Stage.TAKEN)], {"log": ill(55, 80)}, LATE, {("log", "no_answer", "stopped")}),
    ("the log is away for a moment only", [WHOLE], {"log": ill(75, 80)}, LATE, set()),
    ("the log is short of copies", [WHOLE], {"copies": ill(55, 80)}, LATE, {("log", "copies", "weakened")}),
    ("the worker does not detect", [WHOLE, canary(60, *up_to(Stage.LOGGED), Stage.KEPT)], {}, LATE, {("worker", "not_detected", "stopped")}),
    ("it detects and does not conduct", [WHOLE, canary(60, *up_to(Stage.SIGNALLED), Stage.KEPT)], {}, LATE, {("worker", "not_conducted", "stopped")}),
    ("it is behind, and moves", [WHOLE, canary(60, *up_to(Stage.LOGGED), Stage.KEPT)], {"detect": Health(well_since=at(-9), busy=True)}, LATE, {("worker", "behind", "weakened")}),
    ("nobody reads the log: the worker, and not what follows from it", [WHOLE, canary(60, *up_to(Stage.LOGGED))], {"detect": ill(55, 80, NOBODY)}, LATE, {("worker", "nobody", "stopped")}),
    ("a frozen worker writes no series either: the worker alone", [WHOLE, canary(60, *up_to(Stage.LOGGED))], {}, LATE, {("worker", "not_detected", "stopped")}),
    ("its position stands still", [WHOLE], {"conduct": ill(55, 80)}, LATE, {("worker", "stands", "stopped")}),
    ("the ledger does not answer", [WHOLE, canary(60, *up_to(Stage.SIGNALLED), Stage.KEPT)], {"ledger": ill(55, 80)}, LATE, {("ledger", "no_answer", "stopped")}),
    ("the sender does not send", [WHOLE, canary(60, *up_to(Stage.RAISED), Stage.KEPT)], {}, LATE, {("sender", "not_sent", "stopped")}),
    ("notices are due and none left for long", [WHOLE], {"outbox": ill(65, 90)}, 91, {("sender", "overdue", "stopped")}),
    ("notices are due and others leave: a storm", [WHOLE, canary(60, *WAY)], {"outbox": ill(65, 90)}, 91, {("sender", "behind", "weakened")}),
    ("the series do not answer", [WHOLE, canary(60, *up_to(Stage.SENT))], {"series": ill(55, 80)}, LATE, {("series", "no_answer", "stopped")}),
    ("they answer and nothing arrives", [WHOLE, canary(60, *up_to(Stage.SENT))], {}, LATE, {("series", "not_kept", "stopped")}),
    ("their readers stand still", [WHOLE], {"record": ill(55, 80)}, LATE, {("series", "not_kept", "stopped")}),
    ("MQTT and series at once", [WHOLE, canary(60)], {"mqtt": ill(55, 80), "series": ill(50, 80)}, LATE, {("mqtt", "no_answer", "stopped"), ("series", "no_answer", "stopped")}),
    ("ledger and log at once: nothing is said of who reads", [WHOLE, canary(60, Stage.TAKEN)], {"log": ill(55, 80), "ledger": ill(55, 80)}, LATE, {("log", "no_answer", "stopped"), ("ledger", "no_answer", "stopped")}),
    ("gateway and sender at once: an older canary's notice still waits", [canary(0, *up_to(Stage.RAISED), Stage.KEPT), canary(60, Stage.TAKEN)], {}, LATE, {("gateway", "not_read", "stopped"), ("sender", "not_sent", "stopped")}),
    ("gateway and series at once", [WHOLE, canary(60, Stage.TAKEN)], {"series": ill(50, 80)}, LATE, {("gateway", "not_read", "stopped"), ("series", "no_answer", "stopped")}),
    ("a canary was lost and the next came through: that is over", [WHOLE, canary(60, Stage.TAKEN), canary(120, *WAY)], {}, 170, set()),
    ("a canary came late, and came", [WHOLE, canary(60, *WAY)], {}, LATE, set()),
    ("the log is back and the gateway has a while to find it", [WHOLE, canary(60, Stage.TAKEN)], {"log": Health(well_since=at(300))}, 335, set()),
    ("the log is back and the gateway does not find it", [WHOLE, canary(60, Stage.TAKEN)], {"log": Health(well_since=at(300))}, 341, {("gateway", "not_read", "stopped")}),
    ("clocks differ: nothing is said of the detector", [WHOLE, canary(60, *up_to(Stage.LOGGED), marks=Mark.LATE)], {}, 170, {("api", "clock", "weakened")}),
    ("clocks differed once", [canary(0, *up_to(Stage.LOGGED), marks=Mark.CLOCK_SKEW), canary(60, *WAY)], {}, 90, set()),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "flock", "but", "now", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_stopped_is_named_and_nothing_else(
    claim: str, flock: Sequence[Canary], but: Mapping[str, Health], now: float, expected: set[tuple[str, str, str]]
) -> None:
    assert named(verdict(tuple(flock), healths(**but), at(now), PACE)) == expected, claim


def test_of_two_gateways_the_one_that_stopped_is_named() -> None:
    flock = (
        canary(0, *WAY, shard="a"),
        canary(0, *WAY, shard="b"),
        canary(60, *WAY, shard="a"),
        canary(60, Stage.TAKEN, shard="b"),
    )
    [trouble] = verdict(flock, healths(), at(LATE), PACE)
    assert (trouble.part, trouble.detail, trouble.since) == (Part.GATEWAY, "shard b", at(60.1))


def test_a_sender_of_its_own_is_named_beside_a_dead_worker() -> None:
    flock, sick = (WHOLE,), healths(detect=ill(55, 80, NOBODY), outbox=ill(55, 110))
    assert named(verdict(flock, sick, at(111), PACE)) == {("worker", "nobody", "stopped")}
    apart = Pace(every=60, patience=20, sends_in_worker=False)
    assert named(verdict(flock, sick, at(111), apart)) == {
        ("worker", "nobody", "stopped"),
        ("sender", "overdue", "stopped"),
    }


def test_the_worst_and_oldest_trouble_of_a_part_is_the_one_that_is_told() -> None:
    sick = healths(copies=ill(10, 80), detect=ill(40, 80, "tocsin.readings/3: 7 to read"), conduct=ill(30, 80))
    log, worker = verdict((WHOLE,), sick, at(81), PACE)
    assert (log.why, log.since) == (Why.COPIES, at(10))
    assert (worker.why, worker.since) == (Why.STANDS, at(30))


def run(*answers: tuple[float, bool], settle: float = 20.0) -> Health:
    health = Health()
    for seconds, well in answers:
        health = health.after(Answer(well), at(seconds), timedelta(seconds=settle))
    return health


@pytest.mark.parametrize(
    ("claim", "answers", "speaks", "since"),
    [
        ("one bad answer is nothing", [(0, True), (10, False)], False, 10),
        ("twenty seconds of them are something", [(0, True), (10, False), (20, False), (30, False)], True, 10),
        ("a good one in between does not make it well", [(10, False), (20, True), (30, False)], True, 10),
        ("coming and going counts from its beginning", [(0, False), (5, True), (10, False), (15, True), (20, False)], True, 0),
        ("well for as long is well", [(0, False), (20, False), (30, True), (40, True), (50, True)], False, None),
        ("well for less is not yet", [(0, False), (20, False), (30, True), (40, True)], True, 0),
        ("a short absence that is over leaves nothing", [(0, False), (10, True), (30, True)], False, None),
    ],
)  # fmt: skip
def test_a_part_that_comes_and_goes(
    claim: str, answers: list[tuple[float, bool]], speaks: bool, since: float | None
) -> None:
    health = run(*answers)
    assert health.named(PATIENCE) is speaks, claim
    assert health.ill_since == (None if since is None else at(since)), claim


def test_while_a_root_is_away_what_stands_on_it_starts_anew() -> None:
    seen: Healths = {}
    for second in range(0, 100, 10):
        answers = {"log": Answer(second < 20 or second >= 60), "detect": Answer(well=False, said=NOBODY)}
        seen = looked(seen, answers, at(second), PATIENCE)
    assert seen["log"].ill_since is None
    assert seen["detect"].ill_since == at(80)  # when the log had been back for a while, not when it went


@pytest.mark.parametrize("alone", [True, False])
def test_a_sender_in_the_worker_is_judged_only_while_there_is_a_worker(alone: bool) -> None:
    seen: Healths = {}
    for second in range(0, 50, 10):
        answers = {
            "log": Answer(well=True),
            "ledger": Answer(well=True),
            "detect": Answer(well=False),
            "outbox": Answer(well=False),
        }
        seen = looked(seen, answers, at(second), PATIENCE, sends_in_worker=alone)
    assert seen["outbox"].named(PATIENCE) is not alone


P = Position


@pytest.mark.parametrize(
    ("claim", "before", "now", "members", "expected"),
    [
        ("nobody has joined", {}, {"r/0": P(5, 9)}, 0, Answer(well=False, said=NOBODY)),
        ("the first look knows nothing", {}, {"r/0": P(5, 9)}, 1, Answer(well=True)),
        ("all is read", {"r/0": P(5, 9)}, {"r/0": P(9, 9)}, 1, Answer(well=True)),
        ("it gets on and has more to do", {"r/0": P(5, 9)}, {"r/0": P(7, 12)}, 1, Answer(well=True, busy=True)),
        ("it stands", {"r/0": P(5, 9)}, {"r/0": P(5, 12)}, 1, Answer(well=False, said="r/0: 7 to read")),
        ("it stands and the log cannot tell who reads", {"r/0": P(5, 9)}, {"r/0": P(5, 9)}, None, Answer(well=False, said="r/0: 4 to read")),
        ("what came just now may wait", {"r/0": P(9, 9)}, {"r/0": P(9, 12)}, 1, Answer(well=True)),
        ("one partition stands and another moves", {"r/0": P(5, 9), "r/1": P(1, 9)}, {"r/0": P(5, 9), "r/1": P(8, 9)}, 2, Answer(well=False, said="r/0: 4 to read")),
    ],
)  # fmt: skip
def test_how_a_group_of_readers_does(
    claim: str, before: Mapping[str, Position], now: Mapping[str, Position], members: int | None, expected: Answer
) -> None:
    assert progress(before, now, members) == expected, claim


# Any history -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([*WAY[:-1], None]), max_size=6), st.floats(0, 600))
def test_with_every_question_answered_well_only_the_part_after_the_last_stage_is_ever_named(
    reached: list[Stage | None], wait: float
) -> None:
    flock = tuple(canary(60.0 * n, *up_to(last)) for n, last in enumerate(reached))
    legs = {leg.part for leg in LEGS}
    troubles = verdict(flock, healths(), at(60.0 * len(flock) + wait), PACE)
    assert {t.part for t in troubles} <= legs
    assert len({t.part for t in troubles}) == len(troubles)
    for trouble in troubles:
        assert at(60.0 * len(flock) + wait) - trouble.since > PATIENCE
        assert trouble.grade is Grade.STOPPED


@given(st.sets(st.sampled_from(sorted(ROOTS))))
def test_a_canary_is_never_held_against_a_part_whose_roots_are_ill(sick: set[str]) -> None:
    flock = (WHOLE, canary(60, Stage.TAKEN), canary(120))
    states = healths(**{name: ill(0, 500) for name in sick})
    found = named(verdict(flock, states, at(600), PACE))
    if {"mqtt", "log"} & sick:
        assert ("gateway", "not_read", "stopped") not in found
    if not sick & {"mqtt", "log"}:
        assert ("gateway", "not_read", "stopped") in found
