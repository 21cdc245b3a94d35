"""Sparkplug B 3.0 over MQTT: stateful, since data carries aliases that only a birth explains.

A birth is a snapshot: online, register and state, never an alarm. Data before its birth is rejected as `not_born` and the node asked for
its rebirth, as it is after a gap in the sequence. A death counts only when its bdSeq is that of the birth: a late will is ignored.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import LARGEST, Reason, Unreadable, read_json
from ingest.dialects.observation import (
    MOST,
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Verdict,
    accepted,
    ignored,
)
from ingest.dialects.sparkplug_metrics import Definition, Setting, define, is_name, observe
from ingest.dialects.sparkplug_session import Birth, Node, Nodes
from ingest.dialects.sparkplug_sniff import guess, looks_like_payload
from ingest.dialects.sparkplug_values import BOOLEAN, device_time
from ingest.dialects.sparkplug_wire import (
    ONLINE,
    SPACE,
    Address,
    address_of,
    bd_seq_of,
    host_of,
    is_old_state,
    measuring,
    parse,
    rebirth_request,
)
from ingest.events import IDENT_LENGTH

_ASKS: Final = frozenset({"seq_gap", "node_not_born"})  # what only a rebirth can mend
_MOST_HOSTS: Final = 256
_MOST_PROPERTIES: Final = 16
_UNKNOWN: Final = "unknown"  # group and edge node of a payload that came without a topic
_WORDS: Final = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One payload on its way through the decoder."""

    address: Address
    payload: Any
    message: Message
    node: Node
    warnings: tuple[str, ...]

    @property
    def seq(self) -> int | None:
        return self.payload.seq if self.payload.HasField("seq") else None

    def setting(self, warnings: tuple[str, ...], bd_seq: int | None, *, events: bool) -> Setting:
        at, breach = device_time(self.payload.timestamp) if self.payload.HasField("timestamp") else (None, ())
        where = self.address
        # seq comes round every 256 messages and bdSeq every 256 sessions: the time tells one round from the next
        stamp = self.payload.timestamp or next((metric.timestamp for metric in self.payload.metrics), 0)
        key = f"sparkplug:{where.name}:{where.verb}:{_or(bd_seq)}:{_or(self.seq)}:{stamp}"
        return Setting(where.name, where.node, at, key, self.warnings + warnings + breach, events)


class Sparkplug:
    """A Sparkplug host that listens: all edge nodes of one stream."""

    def __init__(self) -> None:
        self._nodes = Nodes()
        self._hosts: OrderedDict[str, int] = OrderedDict()

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for a topic or payload that is not Sparkplug's."""
        host = host_of(message)
        if host:
            return self._state(host, message)
        address = address_of(message.topic)
        payload = parse(message.payload)
        warnings: tuple[str, ...] = ("retained",) if message.retained else ()
        if address is None:
            verb, device = guess(payload, self._nodes.known(f"{_UNKNOWN}/{_UNKNOWN}"))
            address = Address("", _UNKNOWN, verb, _UNKNOWN, device)
            warnings += ("topic_unknown",)
        handle = _HANDLERS.get(address.verb)
        if handle is None:
            return ignored(f"a command to {address.name}")
        return handle(self, Arrival(address, payload, message, self._nodes.heard(address.node), warnings))

    def _state(self, host: str, message: Message) -> Decoding:
        """The state of a host application: its own birth and will, retained by intention."""
        known = ONLINE.get(message.payload.strip())
        body = {"online": known} if known is not None else read_json(message.payload)
        if not isinstance(body, dict) or not isinstance(body.get("online"), bool):
            raise Unreadable(Reason.MISSING_FIELD, "the state of a host says online true or false")
        stamp = body.get("timestamp", 0)
        if type(stamp) is not int:
            raise Unreadable(Reason.BAD_TIME, f"the timestamp of a host is in milliseconds, got {str(stamp)[:40]!r}")
        if stamp and stamp < self._hosts.get(host, 0):
            return ignored("a late will: an older state of the host")
        self._hosts[host] = stamp
        self._hosts.move_to_end(host)
        if len(self._hosts) > _MOST_HOSTS:
            self._hosts.popitem(last=False)
        online = body["online"]
        # the will carries the time of the birth that it ends
        at = device_time(stamp)[0] if stamp and online else None
        kind = Kind.ONLINE if online else Kind.OFFLINE
        key = f"sparkplug:{host}:STATE:{stamp}:{online}"
        seen = Observation(
            kind, host, "online", online, gateway=host, device_at=at, key=key, attributes={"role": "host"}
        )
        return Decoding(Verdict.ACCEPTED, (seen,))

    def _node_birth(self, arrival: Arrival) -> Decoding:
        node, payload = arrival.node, arrival.payload
        bd_seq, seq = bd_seq_of(payload), arrival.seq
        names, aliases, warnings = define(measuring(payload))
        if seq is None:
            warnings += ("seq_missing",)
        elif seq:
            warnings += ("seq_not_zero",)
        if bd_seq is None:
            warnings += ("bdseq_missing",)
        # a second copy of the same birth must not forget the devices that were born after the first
        again = (
            node.birth is not None and (node.bd_seq, node.born_at) == (bd_seq, payload.timestamp) and payload.timestamp
        )
        setting = arrival.setting((*warnings, "duplicate") if again else warnings, bd_seq, events=False)
        seen = _birth_observations(setting, payload, names, {"bd_seq": bd_seq, "seq": seq})
        if not again:
            before = node.definitions()
            node.born(Birth(names, aliases), bd_seq, payload.timestamp, None if arrival.message.retained else seq)
            self._nodes.grew(node.definitions() - before)
        return Decoding(Verdict.ACCEPTED, seen)

    def _device_birth(self, arrival: Arrival) -> Decoding:
        node, payload = arrival.node, arrival.payload
        names, aliases, warnings = define(measuring(payload))
        wrong = _sequence(arrival)
        if node.birth is None:
            wrong += ("node_not_born",)
        seen = _birth_observations(
            arrival.setting(wrong + warnings, node.bd_seq, events=False), payload, names, {"seq": arrival.seq}
        )
        before = node.definitions()
        node.device_born(arrival.address.device, Birth(names, aliases))
        self._nodes.grew(node.definitions() - before)
        return _answered(arrival, seen, ask=not _ASKS.isdisjoint(wrong))

    def _data(self, arrival: Arrival) -> Decoding:
        node, address = arrival.node, arrival.address
        wrong = _sequence(arrival)
        birth = node.devices.get(address.device) if address.device else node.birth
        if birth is None:
            return _not_born(arrival, f"{address.name} sends data and was not born")
        if node.birth is None:
            wrong += ("node_not_born",)
        metrics = measuring(arrival.payload)
        if not metrics:
            return replace(
                _answered(arrival, (), ask=not _ASKS.isdisjoint(wrong)), verdict=Verdict.IGNORED, reason="no metrics"
            )
        found: list[tuple[Any, Definition]] = []
        unknown = unborn = 0
        for metric in metrics:
            definition = birth.of(metric.name, metric.alias if metric.HasField("alias") else None)
            if definition is None and is_name(metric.name):
                unborn += 1
                definition = _undeclared(metric)
            if definition is None:
                unknown += 1
            else:
                found.append((metric, definition))
        if not found:
            return _not_born(arrival, f"{address.name} sends aliases that its birth does not explain")
        wrong += ("unknown_alias",) * (unknown > 0) + ("not_in_birth",) * (unborn > 0)
        setting = arrival.setting(wrong, node.bd_seq, events=True)
        told = _answered(arrival, _bounded(found, setting), ask=unknown > 0 or not _ASKS.isdisjoint(wrong))
        faults = [Unreadable(Reason.NOT_BORN, f"{unknown} aliases that the birth does not explain")] if unknown else ()
        return accepted(*told.observations, reply=told.reply, reply_topic=told.reply_topic, faults=faults)

    def _device_death(self, arrival: Arrival) -> Decoding:
        node, address = arrival.node, arrival.address
        wrong = _sequence(arrival)
        before = node.definitions()
        node.devices.pop(address.device, None)
        self._nodes.grew(node.definitions() - before)
        if node.birth is None:
            wrong += ("node_not_born",)
        setting = arrival.setting(wrong, node.bd_seq, events=True)
        return _answered(arrival, (_presence(Kind.OFFLINE, setting, {}),), ask=not _ASKS.isdisjoint(wrong))

    def _node_death(self, arrival: Arrival) -> Decoding:
        node, bd_seq = arrival.node, bd_seq_of(arrival.payload)
        if bd_seq is None:
            raise Unreadable(Reason.MISSING_FIELD, "a death without bdSeq: it may belong to any session")
        if node.bd_seq is not None and bd_seq != node.bd_seq:
            return ignored(f"a late will: bdSeq {bd_seq}, and the node was born with {node.bd_seq}")
        unseen = node.birth is None and node.bd_seq is None
        if unseen and arrival.message.retained:
            return ignored("a retained death of a node that was not seen alive")
        before = node.definitions()
        gone = node.died()
        self._nodes.grew(node.definitions() - before)
        # the will was written when the node connected: its time is not that of the death
        setting = replace(arrival.setting(("birth_unseen",) if unseen else (), bd_seq, events=True), server_at=None)
        seen = [_presence(Kind.OFFLINE, setting, {"bd_seq": bd_seq})]
        for device in gone:
            with_it = replace(setting, device=f"{arrival.address.node}/{device}")
            seen.append(_presence(Kind.OFFLINE, with_it, {"bd_seq": bd_seq, "cause": "node_death"}))
        return Decoding(Verdict.ACCEPTED, tuple(seen))


_HANDLERS: Final[dict[str, Callable[[Sparkplug, Arrival], Decoding]]] = {
    "NBIRTH": Sparkplug._node_birth,  # noqa: SLF001 – the table of this class
    "DBIRTH": Sparkplug._device_birth,  # noqa: SLF001
    "NDATA": Sparkplug._data,  # noqa: SLF001
    "DDATA": Sparkplug._data,  # noqa: SLF001
    "NDEATH": Sparkplug._node_death,  # noqa: SLF001
    "DDEATH": Sparkplug._device_death,  # noqa: SLF001
}


def _sequence(arrival: Arrival) -> tuple[str, ...]:
    if arrival.message.retained or arrival.node.birth is None:
        return ()
    return arrival.node.sequence(arrival.seq)


def _undeclared(metric: Any) -> Definition | None:
    """A metric that the birth does not know and that explains itself all the same."""
    alarm = alarm_metric(metric.name) if metric.datatype == BOOLEAN and alarm_class(metric.name) else ""
    return Definition(metric.name, metric.datatype, alarm=alarm)


def _birth_observations(
    setting: Setting, payload: Any, names: dict[str, Definition], attributes: dict[str, Attribute]
) -> tuple[Observation, ...]:
    born = [(metric, names[metric.name]) for metric in measuring(payload) if metric.name in names]
    about: dict[str, Attribute] = {"metrics": len(born)}
    for metric, definition in born:
        if (
            definition.name.startswith("Properties/")
            and is_name(metric.string_value)
            and len(about) <= _MOST_PROPERTIES
        ):
            name = _WORDS.sub("_", definition.name.removeprefix("Properties/")).lower()
            about[name] = metric.string_value[:IDENT_LENGTH]
    return (
        _presence(Kind.ONLINE, setting, attributes),
        _presence(Kind.REGISTER, setting, about),
        *_bounded(born, setting),
    )


def _bounded(measured: list[tuple[Any, Definition]], setting: Setting) -> tuple[Observation, ...]:
    most = MOST - 2
    each = (seen for metric, definition in measured for seen in observe(metric, definition, setting))
    found = tuple(islice(each, most + 1))
    if len(found) > most:
        raise Unreadable(Reason.TOO_BIG, f"more than {most} values in one message")
    return found


def _presence(kind: Kind, setting: Setting, attributes: dict[str, Attribute]) -> Observation:
    return Observation(
        kind, setting.device, gateway=setting.gateway, server_at=setting.server_at, key=setting.key, warnings=setting.warnings,
        attributes=attributes,
    )  # fmt: skip


def _answered(arrival: Arrival, seen: tuple[Observation, ...], *, ask: bool) -> Decoding:
    if not ask or not arrival.node.may_ask(arrival.message.received_at):
        return Decoding(Verdict.ACCEPTED, seen)
    address = arrival.address
    topic = f"{address.root}{address.group}/NCMD/{address.edge}" if address.root else ""
    return Decoding(Verdict.ACCEPTED, seen, reply=rebirth_request(arrival.message.received_at), reply_topic=topic)


def _not_born(arrival: Arrival, why: str) -> Decoding:
    asked = _answered(arrival, (), ask=not arrival.message.retained)
    return replace(asked, verdict=Verdict.REJECTED, reason=f"{Reason.NOT_BORN}: {why}")


def _or(number: int | None) -> str:
    return "-" if number is None else str(number)


def fits(message: Message) -> Fit:
    """By topic; without any topic by content."""
    if message.topic:
        ours = message.topic.startswith(f"{SPACE}/") or f"/{SPACE}/" in message.topic
        return Fit.TOPIC if ours or is_old_state(message) else Fit.NO
    return Fit.CONTENT if looks_like_payload(message.payload) else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "sparkplug",
        "Eclipse Sparkplug 3.0, payload B",
        ("spBv1.0/{group}/{NBIRTH|NDATA|NDEATH|DBIRTH|DDATA|DDEATH}/{edge}[/{device}]", "spBv1.0/STATE/{host}"),
        fits,
        Sparkplug,
        largest=4 * LARGEST,
    ),
)
