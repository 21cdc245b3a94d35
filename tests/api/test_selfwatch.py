"""Canaries, who tells people, and what is said: everything of the watch but its verdict and its loop."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from alerts.alert import Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Refused, Retry, Sent
from alerts.channels.receipts import DIGITS_PATH, SIGNATURE, STATUS_PATH
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger, LedgerUnavailable
from alerts.people.roster import Person
from api.command.check import problems_of
from api.selfwatch import claims
from api.selfwatch.board import Board, Findings, figures, row
from api.selfwatch.canary import (
    KEPT,
    TOPIC,
    Canary,
    Stage,
    heard_by,
    in_alerts,
    in_frame,
    in_signal,
    joined,
    last_whole,
    message,
    moved,
)
from api.selfwatch.parts import Grade, Part, Trouble, Why
from api.selfwatch.questions import Asking, NoAnswer
from api.selfwatch.settings import SelfwatchSettings
from api.selfwatch.telling import Teller
from api.selfwatch.words import said, said_well
from api.settings import Settings
from ingest.clock import Clock
from ingest.dialects import open_dialects
from ingest.events import Mark
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.registry import Registry
from ingest.settings import GatewaySettings, MqttSettings
from streams.canary import KIND, METRIC
from streams.detectors.registry import Detectors
from streams.rules import parse_rules
from tests.alerts.empty_ledger import empty_ledger
from tests.api.served import PUBLIC, TOKEN, Served

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HALF_AN_HOUR = timedelta(minutes=30)


def canary(n: int = 0, *stages: Stage, shard: str = "") -> Canary:
    made = Canary(1_772_352_000_000_123 + n, "canary-a", NOW + SECOND * 60 * n, shard)
    for stage in stages:
        made = made.reached(stage, made.sent_at + SECOND)
    return made


# Canaries --------------------------------------------------------------------------------------------------------------


def through_the_gateway(one: Canary, received_at: datetime) -> Frame:
    topic, payload = message(one)
    gateway = Gateway(Registry(), lambda _: None, GatewaySettings(), open_dialects(None))
    decoded = gateway.decide(topic, payload, False, received_at)
    assert decoded.events == ()
    return Frame.of(decoded.readings)


@pytest.mark.parametrize(
    ("claim", "after", "odd"),
    [
        ("in time", 0.2, False),
        ("our clock is half an hour behind the gateway's", 1800, True),
        ("our clock is ten minutes ahead", -600, True),
    ],
)
def test_its_number_is_found_again_in_the_log_whatever_the_clocks_say(claim: str, after: float, odd: bool) -> None:
    one = canary()
    [(number, marks)] = in_frame(through_the_gateway(one, one.sent_at + SECOND * after))
    assert number == one.number, claim
    [seen] = moved((one,), [(number, Stage.LOGGED, marks)], NOW)
    assert seen.odd is odd, claim
    assert not marks & Mark.TEST


def test_one_message_is_an_alarm_and_its_end_and_the_next_is_another_episode() -> None:
    detectors = Detectors(parse_rules(""))
    signals = [s for n in range(3) for s in detectors.update(through_the_gateway(canary(n), canary(n).sent_at))]
    assert [(in_signal(s), s.active) for s in signals] == [
        pair for n in range(3) for pair in ((canary(n).number, True), (None, False))
    ]
    assert len({s.key for s in signals}) == 3


def test_other_readings_signals_and_alerts_are_no_canaries() -> None:
    gateway = Gateway(Registry(), lambda _: None, GatewaySettings(), open_dialects(None))
    other = gateway.decide("tocsin/gw/smoke-1/telemetry", b'{"smoke": 5}', False, NOW)
    assert list(in_frame(Frame.of(other.readings))) == []
    assert list(in_alerts([])) == []


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "b"])), max_size=60))
def test_a_flock_stays_small_and_keeps_the_oldest_that_waits_and_the_newest(story: list[tuple[bool, str]]) -> None:
    flock: tuple[Canary, ...] = ()
    for n, (whole, shard) in enumerate(story):
        one = canary(n, *(Stage if whole else ()), shard=shard)
        flock = joined(flock, [one])
        assert one in flock
    for shard in ("", "b"):
        mine = [c for c in flock if c.shard == shard]
        assert len(mine) <= KEPT
        ours = [(n, whole) for n, (whole, where) in enumerate(story) if where == shard]
        last = max((n for n, whole in ours if whole), default=None)
        expected = last if last is not None else next((n for n, _ in ours), None)
        if expected is not None:
            assert mine[0].number == canary(expected).number


def test_of_several_shards_the_one_that_is_farthest_back_counts() -> None:
    flock = (canary(0, *Stage, shard="a"), canary(1, *Stage, shard="b"), canary(2, shard="a"))
    found = last_whole(flock)
    assert found is not None
    assert found.shard == "a"
    assert last_whole((canary(),)) is None


# Who tells -------------------------------------------------------------------------------------------------------------

STOPPED = Trouble(Part.WORKER, Why.NOBODY, NOW)
WEAK = Trouble(Part.WORKER, Why.BEHIND, NOW, Grade.WEAKENED)


def test_of_several_apis_one_tells_and_another_takes_over_when_it_dies_first() -> None:
    first = claims.claim(None, STOPPED, "a", NOW)
    assert first is not None
    assert first.reason is Reason.FIRST
    assert claims.claim(first, STOPPED, "b", NOW + SECOND) is None
    assert claims.claim(first, STOPPED, "a", NOW + SECOND) is not None  # its own second try
    assert claims.claim(first, STOPPED, "b", NOW + claims.ASKED + SECOND) is not None
    told = claims.told(first, NOW + SECOND, HALF_AN_HOUR)
    assert claims.claim(told, STOPPED, "b", NOW + SECOND * 60) is None
    again = claims.claim(told, STOPPED, "b", NOW + HALF_AN_HOUR + SECOND * 2)
    assert again is not None
    assert again.reason is Reason.REPEAT


def test_worse_is_told_at_once_and_the_end_once_and_only_to_who_heard_the_beginning() -> None:
    weak = claims.claim(None, WEAK, "a", NOW)
    assert weak is not None
    assert claims.well_again(weak, NOW) is None  # nobody has been told yet
    told = claims.told(weak, NOW, HALF_AN_HOUR)
    worse = claims.claim(told, STOPPED, "b", NOW + SECOND)
    assert worse is not None
    assert worse.reason is Reason.WORSE
    over = claims.well_again(claims.told(worse, NOW + SECOND, HALF_AN_HOUR), NOW + SECOND * 2)
    assert over is not None
    assert claims.well_again(over, NOW + SECOND * 3) is None
    fresh = claims.claim(over, STOPPED, "b", NOW + SECOND * 4)
    assert fresh is not None
    assert fresh.reason is Reason.FIRST
    assert claims.well_again(None, NOW) is None


class Recording:
    """A channel that keeps what it was given and answers as told."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.said: list[tuple[str, str]] = []

    def send(self, notice: Notice, person: Person) -> Answer:
        self.said.append((person.phone, notice.text))
        return self.answers.pop(0) if self.answers else Sent("x")

    def find(self, notice: Notice, person: Person) -> tuple[str, ...]:
        return ()


class Away:
    """A ledger that cannot be asked."""

    def transaction(self) -> None:
        raise LedgerUnavailable("away")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(empty_ledger(tmp_path))
    yield opened
    opened.close()


def teller(ledger: object, channels: dict[str, Recording], by: str = "a", repeat: float = 1800.0) -> Teller:
    return Teller(
        ("+8610000000001",), channels, ledger, Clock(), Asking(), by=by, repeat=timedelta(seconds=repeat)  # type: ignore[arg-type]
    )  # fmt: skip


def tell(*rounds: tuple[Teller, list[Trouble]]) -> None:
    async def run() -> None:
        for one, troubles in rounds:
            await one.tell(troubles)

    asyncio.run(run())


def test_people_hear_once_of_the_beginning_and_once_of_the_end_from_one_of_two_apis(ledger: Ledger) -> None:
    line = Recording()
    one, two = teller(ledger, {"sms": line}, "a"), teller(ledger, {"sms": line}, "b")
    tell((one, [STOPPED]), (two, [STOPPED]), (one, [STOPPED]), (two, [STOPPED]), (two, []), (one, []))
    assert [text for _, text in line.said] == [said("zh", STOPPED, Reason.FIRST), said_well("zh", Part.WORKER)]
    assert ledger.outbox() == []  # no trace among the notices of cases
    assert ledger.lease_notices(datetime.now(UTC) + timedelta(days=1), limit=10, lease=SECOND) == []


def test_without_the_ledger_each_tells_and_says_the_end(ledger: Ledger) -> None:
    line = Recording()
    one, two = teller(Away(), {"sms": line}, "a"), teller(Away(), {"sms": line}, "b")
    tell((one, [STOPPED]), (two, [STOPPED]), (one, [STOPPED]), (one, []))
    assert [text for _, text in line.said] == [said("zh", STOPPED, Reason.FIRST)] * 2 + [said_well("zh", Part.WORKER)]
    one.ledger = ledger
    tell((one, [STOPPED]), (one, []))
    assert len(line.said) == 5


def test_a_trouble_that_stands_is_told_again_and_a_worse_one_at_once(ledger: Ledger) -> None:
    line = Recording()
    tell(
        *[
            (one, [trouble])
            for one in [teller(ledger, {"sms": line}, repeat=1e-9)]
            for trouble in (WEAK, STOPPED, STOPPED)
        ]
    )
    assert [text for _, text in line.said] == [
        said("zh", WEAK, Reason.FIRST),
        said("zh", STOPPED, Reason.WORSE),
        said("zh", STOPPED, Reason.REPEAT),
    ]


def test_a_channel_that_fails_is_followed_by_the_next_and_nothing_counts_as_told_before_it_is(ledger: Ledger) -> None:
    sms, voice = Recording(Retry(1.0, "busy"), Retry(1.0, "busy")), Recording(Refused("no"))
    one = teller(ledger, {"sms": sms, "voice": voice})
    tell((one, [STOPPED]))
    assert one.told_at() == {}
    tell((one, [STOPPED]))
    assert set(one.told_at()) == {Part.WORKER}
    assert (len(sms.said), len(voice.said)) == (2, 2)


def test_with_nobody_to_tell_the_log_says_it_and_nothing_counts_as_told(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    one = Teller((), {}, ledger, Clock(), Asking(), by="a", repeat=HALF_AN_HOUR)
    tell((one, [STOPPED]), (one, [STOPPED]))
    assert [r.getMessage().split()[1] for r in caplog.records if r.levelname == "CRITICAL"] == ["part=worker"]
    assert one.told_at() == {}


# What is said ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("part", list(Part))
def test_every_part_has_words_that_fit_one_text(language: str, part: Part) -> None:
    for grade in Grade:
        for reason in (Reason.FIRST, Reason.REPEAT, Reason.WORSE):
            text = said(language, Trouble(part, Why.NO_ANSWER, NOW, grade), reason)
            assert "16:00" in text  # China's time
            assert "{" not in text
            assert len(text) <= (70 if language == "zh" else 160)
    assert said_well(language, part)


def test_the_page_has_words_for_every_part_and_every_reason() -> None:
    page = Path(__file__).parents[2] / "api" / "page"
    for language in ("zh", "en"):
        text = (page / f"words-{language}.js").read_text(encoding="utf-8")
        words = json.loads(text[text.index("{") : text.rindex("}") + 1])
        wanted = [f"watch.{kind}.{p}" for p in Part for kind in ("part", "means", "do", "ease")]
        wanted += [f"watch.why.{w}" for w in Why] + [f"watch.{g}" for g in Grade]
        assert [key for key in wanted if key not in words] == []


# The board -------------------------------------------------------------------------------------------------------------


def test_a_watch_that_stands_still_is_a_trouble_itself() -> None:
    board = Board(stale_after=60)
    assert board.now(NOW).troubles == ()
    assert list(figures(board.now(NOW), NOW)) == []
    board.put(Findings(True, NOW, (STOPPED,), (canary(0, *Stage),)))
    assert board.now(NOW + SECOND * 60).troubles == (STOPPED,)
    later = board.now(NOW + SECOND * 61)
    assert later.troubles == (STOPPED, Trouble(Part.API, Why.NOT_LOOKING, NOW))
    gauges = {name: values for name, _, _, values in figures(later, NOW + SECOND * 61)}
    assert gauges["selfwatch_trouble"] == {p.value: 2.0 if p in {Part.WORKER, Part.API} else 0.0 for p in Part}
    assert gauges["selfwatch_canary_age_seconds"] == {"": 61.0}
    assert row(later, NOW)["well"] is False


def test_the_page_and_a_monitor_are_told_from_memory_and_the_figures_too(desk: Served) -> None:
    assert desk.http.get("/health/system").json()["watching"] is False
    board: Board = desk.app.state.desk.board
    now = datetime.now(UTC)
    board.put(Findings(True, now, (WEAK,), (canary(0, *Stage),), {Part.WORKER: now}))
    weak = desk.http.get("/health/system")
    assert (weak.status_code, weak.json()["well"]) == (200, False)
    board.put(Findings(True, now, (STOPPED,), (canary(0, *Stage),)))

    class Gone:
        def __getattr__(self, name: str) -> None:
            raise LedgerUnavailable("away")

    object.__setattr__(desk.app.state.desk, "ledger", Gone())
    stopped = desk.http.get("/health/system")
    assert stopped.status_code == 503
    assert [t["part"] for t in stopped.json()["troubles"]] == ["worker"]
    assert stopped.json()["canary"]["stages_s"]["kept"] == 1.0
    figures_now = desk.http.get("/metrics").text
    assert 'tocsin_selfwatch_trouble{part="worker"} 2.0' in figures_now
    assert re.search(r"^tocsin_selfwatch_canary_age_seconds \d", figures_now, re.MULTILINE)
    assert "tocsin_ledger" not in figures_now


# Questions and settings ------------------------------------------------------------------------------------------------


def test_a_part_that_hangs_is_asked_once_and_the_others_answer() -> None:
    gate = threading.Event()

    async def run() -> None:
        asking = Asking()
        with pytest.raises(NoAnswer, match="within"):
            await asking.ask("hangs", gate.wait, 0.05)
        with pytest.raises(NoAnswer, match="has not answered the last"):
            await asking.ask("hangs", gate.wait, 0.05)
        assert await asking.ask("answers", lambda: 7) == 7
        gate.set()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await asking.ask("hangs", lambda: 8) == 8
                    return
                except NoAnswer:
                    await asyncio.sleep(0)

    asyncio.run(run())


def test_what_a_question_raises_comes_back() -> None:
    def wrong() -> None:
        raise LedgerUnavailable("away")

    with pytest.raises(LedgerUnavailable):
        asyncio.run(Asking().ask("ledger", wrong))


@pytest.mark.parametrize("number", ["13800000000", "+0123456789", "+86 138", "robot"])
def test_people_are_numbers_with_their_country(number: str) -> None:
    with pytest.raises(ValidationError, match="people"):
        SelfwatchSettings(people=(number,))


def test_the_topic_is_one_that_the_gateways_dialect_and_the_brokers_acl_know() -> None:
    assert TOPIC == "tocsin/selfwatch/telemetry"
    assert message(canary(shard="s1"))[0] == "s1/tocsin/selfwatch/telemetry"
    assert KIND != METRIC
    assert NoticeState.CANCELLED is claims.claim(None, STOPPED, "a", NOW).state  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("claim", "filters", "hears"),
    [
        ("the filter without settings", ("tocsin/#",), True),
        ("everything", ("#",), True),
        ("one level each", ("+/+/telemetry",), True),
        ("it itself, among others", ("zigbee/#", "tocsin/selfwatch/telemetry"), True),
        ("another dialect's", ("zigbee/#",), False),
        ("one device below each gateway", ("tocsin/+/+/telemetry",), False),
        ("one gateway", ("tocsin/gw-1/#",), False),
        ("too short", ("tocsin/+",), False),
    ],
)
def test_whether_a_gateways_filters_hear_a_canary(claim: str, filters: tuple[str, ...], hears: bool) -> None:
    assert heard_by(filters) is hears, claim


def test_tocsin_check_says_who_hears_of_a_stop_and_that_a_gateway_must_hear_canaries() -> None:
    said_of = problems_of(Settings())
    assert any(line.startswith("note: selfwatch.people is empty") for line in said_of)
    told = Settings(selfwatch=SelfwatchSettings(people=("+8613900000001",)), mqtt=MqttSettings(filters=("zigbee/#",)))
    assert [line for line in problems_of(told) if "people" in line] == []
    assert any(line.startswith("mqtt.filters: no filter hears") for line in problems_of(told))
    off = Settings(selfwatch=SelfwatchSettings(every=0), mqtt=MqttSettings(filters=("zigbee/#",)))
    assert [line for line in problems_of(off) if "selfwatch" in line or "mqtt" in line] == []


def test_receipts_and_key_presses_for_our_own_notices_are_taken_and_change_nothing(desk: Served) -> None:
    for path, form in (
        (STATUS_PATH + claims.OWN + "1", {"MessageSid": "SM1", "MessageStatus": "delivered"}),
        (DIGITS_PATH + claims.OWN + "1", {"CallSid": "CA1", "Digits": "1"}),
    ):
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, form)
        assert desk.http.post(path, data=form, headers={SIGNATURE: signature}).status_code in {200, 204}
        assert desk.http.post(path, data=form).status_code == 403
