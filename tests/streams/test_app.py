"""What the app does otherwise than Faust would by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.agents import AGENTS, add_agents
from streams.app import SafeConsumer, build_app
from streams.guard import Patience
from streams.settings import WorkerSettings
from streams.ward import INPUTS

READINGS = TP("tocsin.readings", 3)


def with_app(tmp_path: Path, play: Callable[[Any], Any], *, kafka: bool = True) -> Any:
    async def scene() -> Any:
        log = LogSettings(brokers="127.0.0.1:1, 127.0.0.1:2", partitions=5, idempotent=kafka)
        return play(build_app(log, WorkerSettings(), datadir=tmp_path))

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("sentence", "committed", "acked", "in_hand", "offset"),
    [
        ("all done is committed to the end", 9, [10, 11, 12], [], 13),
        ("the head in hand holds everything behind it", 9, [11, 12], [10], None),
        ("what is done before the one in hand is committed", 9, [10, 11, 13], [12], 12),
        ("the very first record in hand holds a group that has committed nothing", None, [1, 2, 3], [0], None),
        ("a record in hand on another partition holds nothing here", 9, [10, 11], [], 12),
    ],
)
def test_nothing_is_committed_past_a_record_in_hand(
    sentence: str, committed: int | None, acked: list[int], in_hand: list[int], offset: int | None, tmp_path: Path
) -> None:
    def play(app: Any) -> int | None:
        consumer = app.consumer
        assert isinstance(consumer, SafeConsumer)
        consumer._committed_offset[READINGS] = committed
        consumer._acked[READINGS] = list(acked)
        others = [SimpleNamespace(offset=0, tp=TP("tocsin.calls", 3), acked=False)]
        mine = [SimpleNamespace(offset=o, tp=READINGS, acked=False) for o in in_hand]
        consumer._unacked_messages = others + mine
        return consumer._new_offset(READINGS)

    assert with_app(tmp_path, play) == offset, sentence


def test_offsets_held_back_are_committed_once_the_record_in_hand_is_done(tmp_path: Path) -> None:
    def play(app: Any) -> list[int | None]:
        consumer = app.consumer
        consumer._committed_offset[READINGS] = 9
        consumer._acked[READINGS] = [11, 12]
        consumer._unacked_messages = [SimpleNamespace(offset=10, tp=READINGS, acked=False)]
        first = consumer._new_offset(READINGS)
        consumer._unacked_messages = []
        consumer._acked[READINGS].append(10)
        return [first, consumer._new_offset(READINGS)]

    assert with_app(tmp_path, play) == [None, 13]


def test_the_app_keeps_no_tables_serves_no_web_and_makes_no_topics(tmp_path: Path) -> None:
    def play(app: Any) -> Any:
        conf = app.conf
        return (
            conf.web_enabled,
            conf.topic_allow_declare,
            conf.topic_disable_leader,
            conf.stream_wait_empty,
            len(app.tables),
        )

    assert with_app(tmp_path, play) == (False, False, True, True, 0)


def test_every_broker_of_the_settings_is_used(tmp_path: Path) -> None:
    assert [str(url) for url in with_app(tmp_path, lambda app: app.conf.broker)] == [
        "kafka://127.0.0.1:1",
        "kafka://127.0.0.1:2",
    ]


def test_there_is_one_named_agent_per_input_topic(tmp_path: Path) -> None:
    def play(app: Any) -> set[str]:
        add_agents(app, SimpleNamespace(), SimpleNamespace(), patience=Patience(), leave=lambda _: None)  # type: ignore[arg-type]
        return {name.rsplit(".", 1)[-1] for name in app.agents}

    assert with_app(tmp_path, play) == {"detect", "sight", "listen", "watch"}
    assert set(AGENTS.values()) == set(INPUTS) < set(Topic)


@pytest.mark.parametrize(
    ("kafka", "wait"), [(True, 100), (False, 20)], ids=["Kafka answers at once", "the embedded log looks"]
)
def test_the_consumer_waits_little_and_shares_partitions_by_range(kafka: bool, wait: int, tmp_path: Path) -> None:
    """The two settings that Faust does not offer still have somewhere to go."""

    def play(app: Any) -> tuple[int, list[str]]:
        thread = app.consumer._new_consumer_thread()
        consumer = thread._create_worker_consumer(app.transport)
        return consumer._fetch_max_wait_ms, [a.name for a in consumer._partition_assignment_strategy]

    assert with_app(tmp_path, play, kafka=kafka) == (wait, ["range"])
