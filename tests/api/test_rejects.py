"""`tocsin rejects`, as a person and a program use it; and the whole of it over the embedded log."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import orjson
import pytest
from aiokafka import TopicPartition
from click.testing import Result
from typer.testing import CliRunner

import api.command.rejects as command
import api.rejects as edge
from alerts.ledger import open_ledger
from api.child import free_ports
from api.command.verbs import app
from api.rejects import Rejects
from api.tally import everything
from ingest.clock import Clock
from ingest.dialects import hj212_frames as stations
from ingest.events import Call, Mark, Place, Reading, Rejected, Sighting, decode, encode
from ingest.frames import Frame
from ingest.log import LogWriter, Record, ensure_topics, record_of
from ingest.registry import Device, Grid, GridLevel
from ingest.second_look import Kept, Wanted
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.detectors.registry import Detectors
from streams.rules import load_rules
from tests.alerts.empty_ledger import empty_ledger

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
OLD = NOW - timedelta(hours=2)
GRIDS = (Grid("T", "一街道", GridLevel.TOWNSHIP), Grid("G", "一网格", GridLevel.GRID, "T"))
STATION = stations.encode(
    "QN=20260301160000000;ST=22;CN=2011;PW=1;MN=M1;Flag=5;CP=&&DataTime=20260301160000;a34004-Rtd=35,a34004-Flag=N&&"
)
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _half_a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", lambda _: NOW + timedelta(seconds=30))


def rejected(topic: str, raw: bytes | dict[str, Any], at: datetime = OLD, **over: Any) -> Rejected:
    body = raw if isinstance(raw, bytes) else orjson.dumps(raw)
    return Rejected(over.pop("reason", "gateway_mismatch"), body, topic, at, over.pop("source", "gw"), **over)


# What stands in the log of the tests that need none: place by place.
STANDING = {
    (0, 4): rejected("tocsin/gw/s1/telemetry", {"smoke": 0.4}, detail="s1 belongs to other"),
    (0, 5): rejected("tocsin/gw/s2/telemetry", b"{[/red]\x1b[2J", reason="bad_json", detail="unexpected [/red] \x1b[2J"),
    (2, 0): rejected("tocsin/12345/call", b"gAAAAtoken", source="12345", reason="bad_value", detail="sealed: no id"),
    (3, 1): rejected("", STATION, source="hj212:10.0.0.7", reason="bad_sum"),
    (3, 2): rejected("x/y", b'{"caller":"13812345678"}', source="x", reason="unknown_topic", detail="the first 24 of 90 bytes: -"),
    (4, 0): rejected("tocsin/gw/s1/telemetry", {"smoke": 0.5}, NOW, detail="s1 belongs to other"),
}  # fmt: skip
FIRE = Frame.of([Reading("s1", "fire_alarm", 1.0, at, at, Place("G", "T"), "smoke", "gw") for at in (OLD, NOW)])
DEAD = {
    (1, 9): Rejected("undigested", b"TF9\n\x00", "tocsin.readings/1", OLD, "", "offset 3: InvalidEvent: a frame"),
    (1, 10): Rejected("undigested", FIRE.encode(), "tocsin.readings/1", NOW, "", "offset 4: KeyError: 'smoke'"),
}


class HeldRejects(Rejects):
    """A log that is a dictionary."""

    def __init__(self, settings: LogSettings, topic: Topic = Topic.REJECTS) -> None:
        super().__init__(settings, topic)
        self._held = DEAD if topic is Topic.DEADLETTERS else STANDING

    async def wanted(self, wanted: Wanted) -> AsyncGenerator[Kept]:
        for (part, offset), said in self._held.items():
            if wanted.fits(said):
                yield Kept(part, offset, said)

    async def named(self, places: Collection[tuple[int, int]]) -> AsyncGenerator[Kept]:
        for place in places:
            if place in self._held:
                yield Kept(*place, self._held[place])


class HeldWriter:
    """What was written."""

    records: list[Record]

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def write(self, records: Sequence[Record]) -> None:
        HeldWriter.records += records


def mend(folder: Path, gateway: str = "gw") -> None:
    """The registry as it is after the fix."""
    ledger = open_ledger(empty_ledger(folder))
    ledger.replace_place(GRIDS, (Device("s1", "smoke", gateway, "G"),), ())
    ledger.close()


def rows(records: Sequence[Record]) -> list[Reading]:
    return [r for one in records if one.topic == Topic.READINGS for r in Frame.decode(one.value).readings()]


def runner(folder: Path, monkeypatch: pytest.MonkeyPatch, **env: str) -> Run:
    monkeypatch.chdir(folder)
    given = {"TOCSIN_LEDGER__URL": f"sqlite:///{folder / 'ledger.db'}", "COLUMNS": "250", **env}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["rejects", *arguments], env=given)

    return run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(command, "Rejects", HeldRejects)
    monkeypatch.setattr(edge, "LogWriter", HeldWriter)
    HeldWriter.records = []
    mend(tmp_path)
    return runner(tmp_path, monkeypatch)


def said(done: Result, code: int = 0) -> Any:
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_list_is_a_table_newest_last_and_a_line_of_counts(run: Run) -> None:
    done = run("list")
    assert done.exit_code == 0, done.output
    cells = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert cells[-1] == "4:0"
    assert set(cells) == {"0:4", "0:5", "2:0", "3:1", "3:2", "4:0"}
    assert "6 拒收 rejected: gw/gateway_mismatch 2; " in done.stdout
    assert "[/red]" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_list_for_programs_says_all_that_is_asked_for(run: Run) -> None:
    line = said(run("list", "--json", "--source", "gw", "--limit", "1"))
    assert (line["total"], line["unreadable"]) == (3, 0)
    assert line["counts"] == [
        {"source": "gw", "reason": "gateway_mismatch", "count": 2},
        {"source": "gw", "reason": "bad_json", "count": 1},
    ]
    (newest,) = line["rejects"]
    assert newest == {
        "id": "4:0", "at": NOW.isoformat(), "source": "gw", "topic": "tocsin/gw/s1/telemetry", "reason": "gateway_mismatch",
        "detail": "s1 belongs to other", "size": 13,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--reason", "bad_sum"], ["3:1"]),
        (["--since", "1h"], ["4:0"]),
        (["--since", OLD.isoformat(), "--reason", "bad_json"], ["0:5"]),
        (["--source", "nobody"], []),
        (["--limit", "0"], []),
        (["--dead"], ["1:9", "1:10"]),
    ],
)
def test_a_list_of_some(options: list[str], found: list[str], run: Run) -> None:
    assert [one["id"] for one in said(run("list", "--json", *options))["rejects"]] == found


def test_one_is_shown_with_its_bytes_and_what_they_mean_today(run: Run) -> None:
    line = said(run("show", "0:4", "--json"))
    assert (line["form"], line["raw"], line["cut"], line["retained"]) == ("text", '{"smoke":0.4}', False, False)
    assert (line["decoded"]["dialect"], line["decoded"]["verdict"]) == ("native", "accepted")
    assert [o["metric"] for o in line["decoded"]["observations"]] == ["smoke"]
    assert line["decoded"]["observations"][0]["observed_at"] == OLD.isoformat()
    assert line["now"] == {"fate": "understood", "why": None, "readings": 1, "events": 0, "late": 1}
    assert HeldWriter.records == []


def test_people_see_the_same_and_nothing_that_a_sender_wrote_moves_their_cursor(run: Run) -> None:
    shown = run("show", "0:4")
    assert shown.exit_code == 0, shown.output
    for words in ('{"smoke":0.4}', "native", "已解读 understood", "1 of them late"):
        assert words in shown.stdout
    hostile = run("show", "0:5")
    assert hostile.exit_code == 0, hostile.output
    assert "\x1b" not in hostile.stdout
    assert "7b 5b 2f 72 65 64 5d 1b" in hostile.stdout


def test_a_frame_that_came_over_tcp_is_read_as_its_dialect(run: Run) -> None:
    line = said(run("show", "3:1", "--json"))
    assert (line["decoded"]["dialect"], line["now"]["fate"]) == ("hj212", "understood")


def test_a_door_s_options_count_for_what_it_rejected_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = rejected("", STATION[:-6] + b"0000\r\n", source="hj212:10.0.0.7", reason="bad_sum")
    monkeypatch.setitem(STANDING, (3, 1), bad)
    assert "3:1  仍拒收 still rejected" in run("replay", "3:1").stdout
    monkeypatch.setenv("TOCSIN_GATEWAY__TCP", '[{"dialect": "hj212", "port": 5212, "accept_bad_crc": true}]')
    assert "3:1  已解读 understood  1 readings" in run("replay", "3:1").stdout


def test_a_call_is_never_opened(run: Run, tmp_path: Path) -> None:
    line = said(run("show", "2:0", "--json"))
    assert (line["form"], line["raw"], line["decoded"], line["now"]["fate"]) == ("sealed", "", None, "sealed")
    assert "kept sealed" in run("show", "2:0").stdout
    refused = run("show", "2:0", "--raw", str(tmp_path / "call"))
    assert refused.exit_code == 2
    assert not (tmp_path / "call").exists()


def test_numbers_of_people_are_masked_and_what_was_cut_says_so(run: Run) -> None:
    line = said(run("show", "3:2", "--json"))
    assert (line["raw"], line["cut"], line["decoded"], line["now"]["fate"]) == (
        '{"caller":"138****5678"}',
        True,
        None,
        "cut",
    )


def test_the_bytes_go_to_a_file_as_they_came(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "frame.bin"
    assert run("show", "3:1", "--raw", str(file)).exit_code == 0
    assert file.read_bytes() == STATION
    assert run("show", "3:1", "--raw", str(tmp_path / "no" / "such")).exit_code == 2


def test_a_dead_letter_is_shown_as_it_is(run: Run) -> None:
    line = said(run("show", "1:9", "--dead", "--json"))
    assert (line["form"], line["decoded"], line["now"]["fate"]) == ("hex", None, "rejected")
    assert run("show", "1:9", "--dead").exit_code == 0


def test_dead_letters_go_back_to_where_they_stood_and_the_same_again(run: Run) -> None:
    tried = run("replay", "--dead", "--dry-run")
    assert (
        "2 条报文 messages: 1 understood, 1 rejected; 2 readings and 0 events, 1 of them late; 试运行" in tried.stdout
    )
    assert not HeldWriter.records
    done = run("replay", "--dead")
    assert done.exit_code == 0, done.output
    assert "1:9  仍拒收 still rejected" in done.stdout
    assert "1:10  已解读 understood  2 readings, 1 of them late" in done.stdout
    (back,) = HeldWriter.records
    assert (back.topic, back.partition) == (Topic.READINGS, 1)
    assert [(r.device, r.observed_at, r.marks) for r in rows([back])] == [
        ("s1", OLD, Mark.LATE),
        ("s1", NOW, Mark.NONE),
    ]
    signals = Detectors(load_rules()).update(Frame.decode(back.value or b""))
    assert [(s.kind, s.subject, s.event_at) for s in signals] == [("fire", "s1", NOW)]
    assert run("replay", "--dead", "1:10").exit_code == 0
    assert HeldWriter.records == [back, back]
    assert said(run("show", "1:10", "--dead", "--json"))["now"]["fate"] == "understood"


def test_a_replay_writes_what_is_understood_and_says_what_became_of_each(run: Run) -> None:
    done = run("replay")
    assert done.exit_code == 0, done.output
    for words in (
        "0:4  已解读 understood  1 readings, 1 of them late",
        "0:5  仍拒收 still rejected  bad_json",
        "2:0  已加密 sealed, not replayed",
        "3:2  不完整 cut, not replayed",
        "4:0  已解读 understood  1 readings\n",
        "6 条报文 messages: 3 understood, 1 rejected, 1 cut, 1 sealed; 3 readings and 0 events, 2 of them late; 已写入",
    ):
        assert words in done.stdout
    assert {one.topic for one in HeldWriter.records} == {Topic.READINGS}
    found = {(r.device, r.value): r for r in rows(HeldWriter.records)}
    assert (found["s1", 0.4].observed_at, found["s1", 0.4].received_at, found["s1", 0.4].place.grid) == (OLD, OLD, "G")
    assert found["s1", 0.4].marks & Mark.LATE
    assert not found["s1", 0.5].marks.mutes


def test_a_fire_that_is_replayed_while_it_is_fresh_rings_once_and_a_late_one_never(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"smoke": 0.9, "fire_alarm": 1}
    for offset, at in ((7, OLD), (8, NOW)):
        monkeypatch.setitem(STANDING, (5, offset), rejected("tocsin/gw/s1/telemetry", body, at))

    def rung(*idents: str) -> set[str]:
        HeldWriter.records = []
        detectors = Detectors(load_rules())
        for ident in idents:
            assert run("replay", ident).exit_code == 0
        frames = [Frame.decode(one.value) for one in HeldWriter.records]
        assert len(frames) == len(idents)
        return {signal.key for frame in frames for signal in detectors.update(frame) if signal.kind == "fire"}

    once = rung("5:8")
    assert once
    assert rung("5:8", "5:8") == once
    assert rung("5:7", "5:7") == set()


def test_where_to_begin_is_asked_of_a_log_that_dates_its_records() -> None:
    asked: list[int] = []

    async def offsets_for_times(wanted: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        asked.extend(wanted.values())
        return dict.fromkeys(wanted, SimpleNamespace(offset=40, timestamp=0) if len(asked) == 1 else None)

    async def first(settings: LogSettings, since: datetime | None) -> int:
        tp = TopicPartition(Topic.REJECTS, 0)
        return await Rejects(settings)._first(SimpleNamespace(offsets_for_times=offsets_for_times), tp, since, 90)

    dated, embedded = LogSettings(), LogSettings(idempotent=False)
    assert asyncio.run(first(dated, OLD)) == 40
    assert asked == [round((OLD - timedelta(minutes=10)).timestamp() * 1000)]
    assert asyncio.run(first(dated, OLD)) == 90  # everything is older
    assert [asyncio.run(first(dated, None)), asyncio.run(first(embedded, OLD))] == [0, 0]


def test_a_dry_run_says_the_same_and_writes_nothing(run: Run) -> None:
    done = run("replay", "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    *each, total = map(json.loads, done.stdout.splitlines())
    assert {one["id"]: one["fate"] for one in each}["0:4"] == "understood"
    assert total["written"] is False
    assert total["total"]["readings"] == 3
    assert HeldWriter.records == []


def test_a_replay_of_some(run: Run) -> None:
    done = run("replay", "0:4", "0:5", "3:1", "--reason", "gateway_mismatch", "--json")
    assert done.exit_code == 1, done.output
    one, total = map(json.loads, done.stdout.splitlines())
    assert (one["id"], total["missing"]) == ("0:4", ["0:5", "3:1"])
    assert [r.device for r in rows(HeldWriter.records)] == ["s1"]


def test_a_replay_before_the_fix_writes_nothing(run: Run, tmp_path: Path) -> None:
    mend(tmp_path, gateway="other")
    done = run("replay", "0:4")
    assert done.exit_code == 0, done.output
    assert "仍拒收 still rejected  gateway_mismatch: s1 belongs to other" in done.stdout
    assert HeldWriter.records == []


def test_a_fault_of_ours_stays_rejected_and_the_others_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.gateway import Gateway

    decide = Gateway.decide

    def failing(self: Gateway, topic: str, payload: bytes, *rest: Any) -> Any:
        if b"0.4" in payload:
            raise RuntimeError("a fault")
        return decide(self, topic, payload, *rest)

    monkeypatch.setattr(Gateway, "decide", failing)
    done = run("replay", "--source", "gw")
    assert done.exit_code == 0, done.output
    assert "0:4  仍拒收 still rejected  fault: RuntimeError('a fault')" in done.stdout
    assert [r.value for r in rows(HeldWriter.records)] == [0.5]


@pytest.mark.parametrize(
    ("why", "arguments", "code", "words"),
    [
        ("an id that is none", ["show", "first"], 2, "partition:offset"),
        ("an id that is none among others", ["replay", "0:4", "x"], 2, "partition:offset"),
        ("a message that is not there", ["show", "9:9"], 1, "no rejected message at 9:9"),
        ("a time that is none", ["list", "--since", "soon"], 2, "30m"),
        ("a time without its offset", ["replay", "--since", "2026-03-01T16:00:00"], 2, "offset"),
    ],
)
def test_a_wrong_call_says_what_to_do(why: str, arguments: list[str], code: int, words: str, run: Run) -> None:
    done = run(*arguments)
    assert done.exit_code == code, why
    assert words in done.stderr, why


@pytest.mark.parametrize("arguments", [["list"], ["show", "0:0"], ["replay"]])
def test_a_log_that_is_away_is_said_and_the_code_is_3(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    done = runner(tmp_path, monkeypatch, TOCSIN_LOG__BROKERS=f"127.0.0.1:{port}")(*arguments)
    assert done.exit_code == 3, done.output
    assert "log.brokers" in done.stderr


def test_a_ledger_that_is_away_is_said_and_nothing_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    away = f"postgresql+psycopg://tocsin@127.0.0.1:{port}/tocsin"
    done = runner(tmp_path, monkeypatch, TOCSIN_LEDGER__URL=away)("replay")
    assert done.exit_code == 3, done.output
    assert f"127.0.0.1:{port}" in done.stderr
    assert HeldWriter.records == []


def test_a_record_that_is_no_rejected_message_is_counted_and_passed_over() -> None:
    rejects = Rejects(LogSettings())
    call = encode(Call("c", "着火了", OLD, OLD))
    for value in (b"no event of ours", call, None):
        assert rejects._kept(0, SimpleNamespace(offset=1, value=value)) is None
    assert rejects.unreadable == 3
    assert rejects._kept(0, SimpleNamespace(offset=1, value=encode(STANDING[0, 4]))) == Kept(0, 1, STANDING[0, 4])


def test_the_whole_of_it_over_the_log(
    log_settings: LogSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"gw-{os.getpid()}-{tmp_path.name}"
    events = [
        rejected(f"tocsin/{own}/s1/telemetry", {"smoke": 0.4, "at": int(OLD.timestamp() * 1000)}, source=own),
        rejected(f"tocsin/{own}/s1/telemetry", b"{", source=own, reason="bad_json"),
        rejected(f"tocsin/{own}/cam/sighting", {"id": own, "label": "fire", "score": 0.9}, source=own),
    ]

    async def written() -> list[Record]:
        return [
            Record(topic, 0, value) async for topic, value in everything(log_settings, (Topic.READINGS, Topic.SIGHTINGS, Topic.REJECTS))
        ]  # fmt: skip

    def mine(records: Sequence[Record]) -> tuple[list[Reading], list[Sighting], int]:
        spoken = [decode(r.value) for r in records if r.topic != Topic.READINGS]
        return (
            [r for r in rows(records) if r.gateway == own],
            [e for e in spoken if isinstance(e, Sighting) and e.ident == own],
            sum(isinstance(e, Rejected) and e.source == own for e in spoken),
        )

    async def reject() -> None:
        await ensure_topics(log_settings)
        async with LogWriter(log_settings) as writer:
            await writer.write([record_of(event, log_settings.partitions) for event in events])

    asyncio.run(reject())
    mend(tmp_path, gateway=own)
    run = runner(
        tmp_path, monkeypatch, TOCSIN_LOG__BROKERS=log_settings.brokers, TOCSIN_LOG__IDEMPOTENT=str(log_settings.idempotent)
    )  # fmt: skip
    listed = said(run("list", "--json", "--source", own))
    assert listed["total"] == 3
    ids = {(one["reason"], one["topic"].rsplit("/", 1)[1]): one["id"] for one in listed["rejects"]}
    assert said(run("show", ids["bad_json", "telemetry"], "--json"))["raw"] == "{"

    tried = run("replay", "--source", own, "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert mine(asyncio.run(written())) == ([], [], 3)

    first = run("replay", "--source", own, "--since", "3h")
    assert first.exit_code == 0, first.output
    assert (
        "3 条报文 messages: 2 understood, 1 rejected; 1 readings and 1 events, 2 of them late; 已写入" in first.stdout
    )
    readings, sightings, left = mine(asyncio.run(written()))
    assert [(r.device, r.value, r.received_at, r.place.grid) for r in readings] == [("s1", 0.4, OLD, "G")]
    assert [(s.camera, s.received_at) for s in sightings] == [("cam", OLD)]
    assert all(one.marks & Mark.LATE for one in (*readings, *sightings))
    assert left == 3  # nothing was rejected a second time

    again = run("replay", *ids.values(), "11:90000")
    assert (again.exit_code, "not there any more, or not what was asked for: 11:90000" in again.stderr) == (1, True)
    twice = mine(asyncio.run(written()))
    assert twice == ([*readings, *readings], [*sightings, *sightings], 3)  # the same rows with the same instants
