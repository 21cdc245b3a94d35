"""Every detector there is, and the composed object that holds one per rule.

A new idea is one module, one rule model in `streams.rules`, and one row in `DETECTORS`; it joins the contract suite by being there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np

from ingest.events import MUTE, Presence
from ingest.frames import Frame, from_micros, to_micros
from ingest.registry import Registry
from streams.detectors.pack import pack, unpack
from streams.detectors.threshold import Threshold
from streams.detectors.tracks import Rows, Tracks
from streams.detectors.watch import Found, Watch
from streams.rules import EVERY, Rule, Rules
from streams.signal import Signal

DETECTORS: Final[dict[str, Callable[[Any], Watch]]] = {
    "threshold": Threshold,
}


class Detectors:
    """All rules over the rows of one partition: what `streams.detectors.contract.Detector` promises, for the whole rules file.

    Besides frames it takes what tells of absence: `enrol` (who should speak, from the registry) and `presence`. `on_due` speaks for the
    instant `now`: call it only when the partition is read up to its end, or a device whose words are still in the log counts as silent.
    """

    rule: str = EVERY

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._tracks = Tracks()
        self._watches: dict[str, tuple[Rule, Watch]] = {
            r.id: (r, DETECTORS[r.detector](r)) for r in rules.rule if r.detector in DETECTORS
        }
        self._by_metric: dict[str, tuple[tuple[Rule, Watch], ...]] = {}

    def update(self, frame: Frame) -> list[Signal]:
        """The signals of all rules, in the order of the rows and, within a row, of the rules."""
        found: list[Found] = []
        heard = (frame.marks & int(MUTE)) == 0
        if not len(frame) or not heard.any():
            return []
        devices = self._tracks.devices(frame)[frame.device]
        for number, metric in enumerate(frame.metrics):
            watches = self._watching(metric)
            if not watches:
                continue
            row = np.flatnonzero(heard if len(frame.metrics) == 1 else heard & (frame.metric == number))
            if not len(row):
                continue
            track, count = self._tracks.of(metric, devices[row])
            rows = Rows(
                metric, frame, count, row, track, frame.observed_at[row], frame.received_at[row], frame.value[row]
            )
            kinds = {o.device_kind for o in frame.devices}
            for rule, watch in watches:
                found += watch.apply(self._meant(rule, rows, kinds))
        return self._in_order(found)

    @staticmethod
    def _meant(rule: Rule, rows: Rows, kinds: set[str]) -> Rows:
        """Only the rows of devices of the kinds that a rule means."""
        if not (rule.device_kinds or rule.except_kinds) or all(map(rule.watches, kinds)):
            return rows
        meant = np.array([rule.watches(o.device_kind) for o in rows.frame.devices], np.bool_)
        return rows.take(meant[rows.frame.device[rows.row]])

    @staticmethod
    def _in_order(found: list[Found]) -> list[Signal]:
        return [signal for _, signal in sorted(found, key=lambda f: f[0])]

    def _watching(self, metric: str) -> tuple[tuple[Rule, Watch], ...]:
        known = self._by_metric.get(metric)
        if known is None:
            known = self._by_metric[metric] = tuple(
                pair for pair in self._watches.values() if self._means(pair[0], metric)
            )
        return known

    def _means(self, rule: Rule, metric: str) -> bool:
        if EVERY in rule.metrics:
            return metric not in self.rules.named_metrics and metric not in rule.except_metrics
        return metric in rule.metrics

    def enrol(self, registry: Registry, now: datetime, townships: Callable[[str], bool] | None = None) -> list[Signal]:
        """Take note of who should speak: the registry's devices with an interval, in townships of this partition (None: in all).

        Call it at the start and whenever the registry changed; a device that is not expected any more ends its silence.
        """
        return []

    def presence(self, event: Presence) -> list[Signal]:
        """A device or a gateway said, or its broker said of it, that it came or went."""
        return []

    def due_at(self) -> datetime | None:
        dues = [due for _, watch in self._watches.values() if (due := watch.due()) is not None]
        return from_micros(min(dues)) if dues else None

    def on_due(self, now: datetime) -> list[Signal]:
        """What has become due by `now`, earliest first."""
        micros = to_micros(now)
        said = [signal for _, watch in self._watches.values() for signal in watch.on_due(micros)]
        return sorted(said, key=lambda s: s.raised_at)

    def snapshot(self) -> bytes:
        """The whole state as bytes (uncompressed), with the digest of every rule."""
        return pack({
            "tracks": self._tracks.snapshot(),
            "rules": {rule.digest: watch.snapshot() for rule, watch in self._watches.values()},
        })  # fmt: skip

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described. Rules that are the same as then keep their state; changed and new ones start fresh.

        Raises `BrokenSnapshot` and changes nothing when the bytes are none.
        """
        state = unpack(raw)
        fresh = Detectors(self.rules)
        fresh._tracks.restore(state["tracks"])
        for rule, watch in fresh._watches.values():
            if rule.digest in state["rules"]:
                watch.restore(state["rules"][rule.digest])
        self._tracks, self._watches, self._by_metric = fresh._tracks, fresh._watches, {}

    def under(self, rules: Rules) -> Detectors:
        """The same state under other rules: unchanged rules keep theirs."""
        other = Detectors(rules)
        other.restore(self.snapshot())
        return other
