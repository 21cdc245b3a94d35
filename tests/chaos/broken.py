"""A process of the product with one of its guarantees taken out, for the negative controls: `python -m tests.chaos.broken VERB …`.

Which one stands in CHAOS_BROKEN. Nothing of this is in the product; every mutant is made here by replacing one of its parts before the
process starts. The controls of the worker stand on `bare`, an agent as Faust's own documentation would have it: no snapshots, no gap
re-read, the signal written and awaited before the event counts as done. It loses nothing when asked to end; what each control then does to
it does.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable
from typing import Any

from tests.chaos.verbs import run

PASSED_OVER = 60  # records a partition that a consumer with holes does not bring
# seconds that a bare agent works on a record that rings, so that there is always one in hand
SLOW = float(os.environ.get("CHAOS_SLOW", "0.4"))


def _replace(owner: Any, **parts: Any) -> None:
    """Put something else in a part's place. A part that is not there any more makes the mutant harmless: better none at all."""
    for name, part in parts.items():
        if not hasattr(owner, name):
            raise AttributeError(f"{owner.__name__} has no {name} any more: this mutant must be made anew")
        setattr(owner, name, part)


def auto_ack() -> None:
    """The gateway acknowledges a message when it has read it."""
    from ingest import intake

    receive = intake.Intake.receive

    def at_once(self: Any, topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: Any) -> None:
        if token is not None:
            self.wire.acknowledge(self.wire.epoch, [token])
        receive(self, topic, payload, retained, redelivered, None)

    _replace(intake.Intake, receive=at_once)


def bare() -> None:
    """An agent without our own guard: whatever Faust says is done is done."""
    from ingest.topics import Topic
    from streams import guard, state, tending
    from streams.ward import INPUTS, Ward

    async def load_once(self: Any, mine: Any, *, trusted: bool) -> None:
        for number, held in mine.items():
            held.ward = Ward(number, self._partitions, self.rules, self._keywords)
            for topic in INPUTS:
                held.ward.applied[topic] = -1
                held.seen[topic] = 0
            held.loaded.set()

    async def take(self: Any, topic: Topic, number: int, offset: int, raw: bytes) -> None:
        held = self.held.get(number)
        if held is None:
            return
        await held.loaded.wait()
        held.ward.applied[topic] = offset - 1
        self.applier.apply(held, topic, [(offset, raw)])
        said, held.pending = held.pending, []
        held.seen[topic] = offset + 1
        if said:
            await asyncio.sleep(SLOW)
            await WRITE[0](self._writer, said)

    async def nothing(self: Any, stop: asyncio.Event, *_: Any) -> None:
        await stop.wait()

    async def as_it_is(work: Any, within: float) -> None:
        await work

    _replace(state.Wards, _load_once=load_once, take=take)
    _replace(tending.Tending, ends=nothing, snapshots=nothing)
    _replace(guard, _unbroken=as_it_is)


async def _awaited(writer: Any, records: Any) -> None:
    await writer.write(records)


WRITE: list[Callable[[Any, Any], Any]] = [_awaited]


def no_wait_empty() -> None:
    """`stream_wait_empty=False` in a bare agent."""
    bare()
    _with_settings(stream_wait_empty=False)


def single_await() -> None:
    """`await topic.send()` alone: the produce is enqueued, and the event counts as done."""
    bare()
    running: set[asyncio.Task[None]] = set()

    async def enqueued(writer: Any, records: Any) -> None:
        task = asyncio.create_task(writer.write(records))
        running.add(task)
        task.add_done_callback(running.discard)

    WRITE[0] = enqueued


def concurrency_two() -> None:
    """Two at a time in a bare agent, under Faust's own consumer, which commits past the one that is still in hand (its issue 606)."""
    bare()
    from streams import agents, app, worker

    del app.SafeConsumer._new_offset
    add = agents.add_agents

    def add_agents(application: Any, wards: Any, writer: Any, **more: Any) -> None:
        agent = application.agent
        application.agent = lambda source, name: agent(source, name=name, concurrency=2)
        add(application, wards, writer, **more)

    _replace(worker, add_agents=add_agents)


def holes() -> None:
    """A consumer that passes over the first new records of every partition it is given, as Faust was seen to do after the recovery of a table
    (333, 122 and 5 of them). The product whole: it must lose nothing.
    """
    from ingest.topics import Topic
    from streams import state

    assign, take = state.Wards.assign, state.Wards.take

    def given(self: Any, numbers: Any) -> None:
        before = set(self.held)
        assign(self, numbers)
        left.update(dict.fromkeys(self.held.keys() - before, PASSED_OVER))

    async def passing_over(self: Any, topic: Any, number: int, offset: int, raw: bytes) -> None:
        held = self.held.get(number)
        if (
            topic is Topic.READINGS
            and held is not None
            and left.get(number)
            and offset > held.ward.applied.get(topic, -1)
        ):
            left[number] -= 1
            return
        await take(self, topic, number, offset, raw)

    left: dict[int, int] = {}
    _replace(state.Wards, assign=given, take=passing_over)


def no_contiguity() -> None:
    """A Faust table in a bare agent, a consumer that passes over records, and nobody who looks at the offsets."""
    bare()
    from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

    from ingest.topics import Topic
    from streams import agents, app, state, worker

    # a table wants Faust's own assignor
    _replace(app.PatientThread, _create_worker_consumer=AIOKafkaConsumerThread._create_worker_consumer)
    tables: list[Any] = []
    add, take = agents.add_agents, state.Wards.take

    def add_agents(application: Any, *args: Any, **more: Any) -> None:
        tables.append(application.Table("chaos", default=int, partitions=application.conf.topic_partitions))
        add(application, *args, **more)

    async def counted(self: Any, topic: Any, number: int, offset: int, raw: bytes) -> None:
        if topic is Topic.READINGS:  # the table lies beside the readings, partition by partition
            tables[0][f"{number}"] += 1
        await take(self, topic, number, offset, raw)

    _replace(worker, add_agents=add_agents)
    _replace(state.Wards, take=counted)
    holes()


def no_key() -> None:
    """Signals, alerts and notices without keys that a repeat would share."""
    from alerts import candidates, conduct
    from alerts.ledger import transaction

    _replace(transaction.SqlTransaction, holding=lambda self, keys: {})
    _replace(conduct, alert_id=lambda what, signal: uuid.uuid4().hex[:24])
    _replace(candidates.Candidates, home=lambda self, signal, identity, merging: None)


def _with_settings(**over: Any) -> None:
    from streams import app, worker

    build = app.build_app

    def built(*args: Any, **more: Any) -> Any:
        made = build(*args, **more)
        for name, value in over.items():
            setattr(made.conf, name, value)
        return made

    _replace(worker, build_app=built)


MUTANTS: dict[str, Callable[[], None]] = {
    "auto-ack": auto_ack,
    "bare": bare,
    "holes": holes,
    "stream-wait-empty": no_wait_empty,
    "single-await": single_await,
    "concurrency-2": concurrency_two,
    "no-contiguity-check": no_contiguity,
    "no-deduplication-key": no_key,
}


def main() -> None:
    MUTANTS[os.environ["CHAOS_BROKEN"]]()
    run()


if __name__ == "__main__":
    main()
