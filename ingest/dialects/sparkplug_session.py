"""What is remembered of Sparkplug edge nodes between their messages: births, aliases, sequence, and when a rebirth was asked for.

One `Node` is one edge node, with its devices. Sequence numbers run 0 to 255 over all messages of the node and its devices; a death
belongs to the birth of the same bdSeq. Memory is bounded: the node unheard for longest is forgotten first and has to be born again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ingest.dialects.sparkplug_metrics import Definition

MOST_NODES: Final = 2048
MOST_DEVICES: Final = 1024  # of one node
MOST_DEFINITIONS: Final = 200_000  # of all nodes together
ASK_AGAIN: Final = timedelta(seconds=10)  # a node that was asked for its birth is given this long
_WINDOW: Final = 16  # this many missing numbers may still come late; more is a loss
_ROUND: Final = 256


@dataclass(frozen=True, slots=True)
class Birth:
    """What an edge node or a device said of its metrics when it was born."""

    names: Mapping[str, Definition]
    aliases: Mapping[int, str]

    def of(self, name: str, alias: int | None) -> Definition | None:
        """The metric of this name or, without one, of this alias; None when the birth does not know it."""
        if name:
            return self.names.get(name)
        return self.names.get(self.aliases.get(alias, "")) if alias is not None else None


@dataclass(slots=True)
class Node:
    """One edge node. `birth` is None before it is born and after it has died."""

    birth: Birth | None = None
    bd_seq: int | None = None
    born_at: int = 0  # the timestamp of its birth message
    expected: int | None = None  # the next sequence number
    missing: set[int] = field(default_factory=set)
    devices: OrderedDict[str, Birth] = field(default_factory=OrderedDict)
    asked: datetime | None = None

    def sequence(self, seq: int | None) -> tuple[str, ...]:
        """Takes a message's number. Answers what is wrong with it: nothing, `duplicate`, `out_of_order`, `seq_gap` or `seq_missing`."""
        if seq is None:
            return ("seq_missing",)
        if seq >= _ROUND:
            return ("seq_out_of_range",)
        if self.expected is None or seq == self.expected:
            self.expected = (seq + 1) % _ROUND
            self.missing.discard(seq)
            return ()
        if seq in self.missing:
            self.missing.discard(seq)
            return ("out_of_order",)
        if seq == (self.expected - 1) % _ROUND:
            return ("duplicate",)
        lost = (seq - self.expected) % _ROUND
        self.missing = {(self.expected + i) % _ROUND for i in range(lost)} if lost <= _WINDOW else set()
        self.expected = (seq + 1) % _ROUND
        return ("seq_gap",)

    def may_ask(self, now: datetime) -> bool:
        """Whether to ask for a rebirth now; a node that was just asked is left to answer. Remembers that it was asked."""
        if self.asked is not None and timedelta() <= now - self.asked < ASK_AGAIN:
            return False
        self.asked = now
        return True

    def born(self, birth: Birth, bd_seq: int | None, born_at: int, seq: int | None) -> None:
        """A new session: devices have to be born again, and numbers start over."""
        self.birth, self.bd_seq, self.born_at, self.asked = birth, bd_seq, born_at, None
        self.devices.clear()
        self.missing.clear()
        self.expected = (seq + 1) % _ROUND if seq is not None and seq < _ROUND else None

    def died(self) -> tuple[str, ...]:
        """The session is over. Answers the devices that went with it."""
        gone = tuple(self.devices)
        self.birth, self.expected = None, None
        self.devices.clear()
        self.missing.clear()
        return gone

    def device_born(self, device: str, birth: Birth) -> None:
        """A device is there; the one born first is forgotten when there are too many."""
        self.devices.pop(device, None)
        self.devices[device] = birth
        if len(self.devices) > MOST_DEVICES:
            self.devices.popitem(last=False)

    def definitions(self) -> int:
        """How many metrics are remembered."""
        births: Iterable[Birth] = self.devices.values()
        return sum(len(birth.names) for birth in births) + (len(self.birth.names) if self.birth else 0)


class Nodes:
    """All edge nodes of one stream, within bounds."""

    __slots__ = ("_held", "_nodes")

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, Node] = OrderedDict()
        self._held = 0

    def known(self, name: str) -> Node | None:
        """The node when it has been heard of."""
        return self._nodes.get(name)

    def heard(self, name: str) -> Node:
        """The node, known or new, as the one heard last."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Node()
            if len(self._nodes) > MOST_NODES:
                self._forget()
        else:
            self._nodes.move_to_end(name)
        return node

    def grew(self, by: int) -> None:
        """Definitions were added (or, negative, dropped): forgets nodes while there are too many in all."""
        self._held += by
        while self._held > MOST_DEFINITIONS and len(self._nodes) > 1:
            self._forget()

    def _forget(self) -> None:
        _, node = self._nodes.popitem(last=False)
        self._held -= node.definitions()
