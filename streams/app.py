"""The Faust app: raw bytes, no tables, no leader topic, no web server, and a consumer that does not lose its place.

`build_app` only builds; `streams.worker` starts it inside its own event loop, so nothing listens on any port.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import faust
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver

from ingest.settings import LogSettings
from streams.settings import WorkerSettings

GROUP: Final = "tocsin"


class PatientThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with two settings that it does not offer.

    A short fetch wait: the embedded broker looks for new records only every half wait, so Faust's 1.5 s would cost 0.4 s on average; the
    log's settings know which log it is. And the range assignor: the same partition number of every topic comes to the same worker, which
    `streams.ward` relies on.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        for name in ("_fetch_max_wait_ms", "_partition_assignment_strategy"):
            if not hasattr(consumer, name):
                raise RuntimeError(f"aiokafka has no {name} any more; hold it to the version in pyproject.toml")
        consumer._fetch_max_wait_ms = transport.app.fetch_wait_ms  # noqa: SLF001  before it starts, it is only kept
        consumer._partition_assignment_strategy = [RangePartitionAssignor]  # noqa: SLF001
        return consumer


class SafeConsumer(driver.Consumer):
    """Faust's consumer, which never commits past an event that is still in hand (its issue 606)."""

    def _new_consumer_thread(self) -> PatientThread:
        return PatientThread(self, loop=self.loop, beacon=self.beacon)

    def _new_offset(self, tp: Any) -> int | None:
        in_hand = [m.offset for m in list(self._unacked_messages) if m.tp == tp and not m.acked]
        if not in_hand:
            return self._reached(tp)
        acked = self._acked[tp]
        held = [offset for offset in acked if offset >= min(in_hand)]
        acked[:] = [offset for offset in acked if offset < min(in_hand)]
        try:
            return self._reached(tp) if acked else None
        finally:
            self._acked[tp].extend(held)

    def _reached(self, tp: Any) -> int | None:
        reached: int | None = super()._new_offset(tp)
        return reached


class LogTransport(driver.Transport):
    """The aiokafka transport with the consumer above."""

    Consumer = SafeConsumer


class WatchApp(faust.App):
    """A Faust app whose consumer is the one above."""

    fetch_wait_ms = 20

    def _new_transport(self) -> LogTransport:
        return LogTransport(self.conf.broker_consumer, self, loop=self.loop)


def build_app(log: LogSettings, worker: WorkerSettings, *, datadir: Path) -> faust.App:
    """An app without agents; `streams.agents` adds them. Topics must exist before it starts."""
    app = WatchApp(
        GROUP,
        broker=[f"kafka://{address.strip()}" for address in log.brokers.split(",")],
        loop=asyncio.get_running_loop(),
        key_serializer="raw", value_serializer="raw",
        processing_guarantee="at_least_once",
        store="memory://", datadir=str(datadir), table_standby_replicas=0,
        topic_partitions=log.partitions, topic_allow_declare=False, topic_disable_leader=True,
        stream_wait_empty=True, stream_processing_timeout=30.0, stream_buffer_maxsize=4096,
        broker_session_timeout=worker.session_timeout, broker_heartbeat_interval=worker.heartbeat,
        broker_rebalance_timeout=20.0, broker_request_timeout=30.0, broker_max_poll_interval=90.0,
        broker_commit_interval=1.0, broker_commit_every=500,
        consumer_auto_offset_reset="earliest", producer_request_timeout=30.0,
        web_enabled=False, agent_supervisor="mode.supervisors.OneForOneSupervisor",
    )  # fmt: skip
    app.fetch_wait_ms = log.fetch_wait_ms
    return app
