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
from streams.detectors.deviation import Deviation
from streams.detectors.pack import BrokenSnapshot, pack, unpack
from streams.detectors.rate import Rate
from streams.detectors.silence import Silence
from streams.detectors.threshold import Threshold
from streams.detectors.tracks import Rows, Tracks
from streams.detectors.watch import Found, Timed, Watch
from streams.rules import EVERY, Rule, Rules, SilenceRule
from streams.signal import Signal

DETECTORS: Final[dict[str, Callable[[Any], Watch]]] = {
    "threshold": Threshold,
    "rate": Rate,
    "deviation": Deviation,
}


class Detectors:
    """All rules over the rows of one partition: what `streams.detectors.contract.Detector` promises, for the whole rules file.

    Besides frames it takes what tells of absence: `enrol` (who should speak, from the registry) and `presence`. `on_due` speaks
    for the instant `now`: call it only when the partition is read up to its end, or a device whose words are still in the log
    counts as silent.
    """

    rule: str = EVERY

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._tracks = Tracks()
        self._watches: list[tuple[Rule, Watch]] = []
        self._silences: list[Silence] = []
        for rule in rules.rule:
            if isinstance(rule, SilenceRule):
                self._silences.append(Silence(rule))
            else:
                self._watches.append((rule, DETECTORS[rule.detector](rule)))
        self._by_metric: dict[str, tuple[tuple[Rule, Watch], ...]] = {}

    def update(self, frame: Frame) -> list[Signal]:
        """The signals of all rules, in the order of the rows and, within a row, of the rules."""
        if not len(frame):
            return []
        found: list[Found] = []
        devices = self._tracks.devices(frame)[frame.device]
        for silence in self._silences:
            found += silence.hear(frame, devices)
        heard = (frame.marks & int(MUTE)) == 0
        kinds = {o.device_kind for o in frame.devices}
        for number, metric in enumerate(frame.metrics):
            watches = self._watching(metric)
            if not watches:
                continue
            row = np.flatnonzero(heard if len(frame.metrics) == 1 else heard & (frame.metric == number))
            if not len(row):
                continue
            track, count = self._tracks.of(metric, devices[row])
            columns = frame.observed_at[row], frame.received_at[row], frame.value[row]
            rows = Rows(metric, frame, count, row, track, *columns)
            for rule, watch in watches:
                meant = _meant(rule, rows, kinds)
                if len(meant.row):
                    found += watch.apply(meant)
        return [signal for _, signal in sorted(found, key=lambda f: f[0])]

    def _watching(self, metric: str) -> tuple[tuple[Rule, Watch], ...]:
        known = self._by_metric.get(metric)
        if known is None:
            known = tuple(pair for pair in self._watches if self.rules.mean(pair[0], metric))
            self._by_metric[metric] = known
        return known

    def enrol(self, registry: Registry, now: datetime, townships: Callable[[str], bool] | None = None) -> list[Signal]:
        """Take note of who should speak: the registry's devices in townships of this partition (None: in all).

        Call it at the start, after `restore`, and whenever the registry changed. A device that is not expected any more
        ends its silence: those are the signals.
        """
        here = townships or (lambda _: True)
        return [s for silence in self._silences for s in silence.enrol(registry, self._tracks, to_micros(now), here)]

    def presence(self, event: Presence) -> list[Signal]:
        """A device or a gateway said, or its broker said of it, that it came or went."""
        return [s for silence in self._silences for s in silence.presence(event, self._tracks)]

    def due_at(self) -> datetime | None:
        """The earliest instant (received clock) at which `on_due` has something to do."""
        dues = [due for _, part in self._parts() if (due := part.due()) is not None]
        return from_micros(min(dues)) if dues else None

    def on_due(self, now: datetime) -> list[Signal]:
        """What has become due by `now`, earliest first."""
        said = [signal for _, part in self._parts() for signal in part.on_due(to_micros(now))]
        return sorted(said, key=lambda s: s.raised_at)

    def snapshot(self) -> bytes:
        """The whole state as bytes (uncompressed), with the digest of every rule."""
        states = {rule.digest: part.snapshot() for rule, part in self._parts()}
        return pack({"tracks": self._tracks.snapshot(), "rules": states})

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described. Rules that are the same as then keep their state; others start fresh.

        `enrol` must follow. Raises `BrokenSnapshot` and changes nothing when the bytes are none.
        """
        fresh = Detectors(self.rules)
        try:
            fresh._become(unpack(raw))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BrokenSnapshot(f"a snapshot of another kind: {error!r}") from error
        self._tracks, self._watches, self._silences = fresh._tracks, fresh._watches, fresh._silences
        self._by_metric = {}

    def _become(self, state: dict[str, Any]) -> None:
        self._tracks.restore(state["tracks"])
        for rule, part in self._parts():
            if rule.digest in state["rules"]:
                part.restore(state["rules"][rule.digest])

    def _parts(self) -> list[tuple[Rule, Timed]]:
        return [*self._watches, *((silence.rule, silence) for silence in self._silences)]

    def under(self, rules: Rules) -> Detectors:
        """The same state under other rules: unchanged rules keep theirs. `enrol` must follow."""
        other = Detectors(rules)
        other.restore(self.snapshot())
        return other


def _meant(rule: Rule, rows: Rows, kinds: set[str]) -> Rows:
    """Only the rows of devices of the kinds that a rule means, with values it can believe."""
    if rule.believable is not None:
        least, most = rule.believable
        if rows.value.min() < least or rows.value.max() > most:
            rows = rows.take((rows.value >= least) & (rows.value <= most))
    if not (rule.device_kinds or rule.except_kinds) or all(map(rule.watches, kinds)):
        return rows
    meant = np.array([rule.watches(o.device_kind) for o in rows.frame.devices], np.bool_)
    return rows.take(meant[rows.frame.device[rows.row]])
