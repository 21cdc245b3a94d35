"""A device that should have spoken and did not (law 9): once per outage, restart or not, also if it never spoke.

Who should speak comes from the registry (`enrol`). A device is silent when nothing arrived from it for `factor` of its intervals, or
when it was said to be offline and did not come back. A gateway that carries several such devices is silent when nothing arrived through it
for `factor` of their shortest interval; then it rings instead of them. While a gateway is quieter than its devices would let it be, its
devices wait for what becomes of it: either it rings for all, or it speaks and those still missing ring for themselves.

Only the received clock counts here: a device with a wrong clock still speaks. What was kept back somewhere and arrives late, retained or
historical is no sign of life; a test is.

Time that passed unwatched is made up for: when a device speaks after a gap that should have rung, the end of that outage is said even
when its beginning was not said by this process, so that a signal another process gave is not left standing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.events import Mark, Place, Presence, Standing
from ingest.frames import Frame, from_micros, to_micros
from ingest.registry import Device, Registry
from streams.detectors.speakers import FAR, Speakers
from streams.detectors.tracks import Tracks, grown
from streams.detectors.watch import NEVER, SECOND, Found
from streams.rules import SilenceRule
from streams.signal import Origin, Signal, signal_key

LIFELESS: Final = Mark.LATE | Mark.RETAINED | Mark.HISTORICAL
_DOUBT: Final = 1.5  # a gateway quieter than this many of its shortest interval is in doubt
_NONE: Final = -1

Numbers = NDArray[np.int32]


class Silence:
    """The silence rule over all devices of a partition."""

    def __init__(self, rule: SilenceRule) -> None:
        self.rule = rule
        self._devices = Speakers()
        self._gateways = Speakers()
        self._doubt = np.empty(0, np.int64)  # per gateway: quieter than this and it is in doubt
        self._gateway_of = np.empty(0, np.int32)  # per device
        self._enrolled: dict[int, str] = {}
        self._names: list[str] = []  # gateways, by number
        self._numbers: dict[str, int] = {}
        self._registry = Registry()
        self._next = NEVER  # when to look again; NEVER: work it out
        self._looked = NEVER  # the last time dues were looked at

    def hear(self, frame: Frame, devices: NDArray[np.int32]) -> list[Found]:
        """Signs of life in a frame; `devices` are the device numbers of its rows. Answers the ends of outages."""
        alive = np.flatnonzero((frame.marks & int(LIFELESS)) == 0)
        number, received = devices[alive], frame.received_at[alive]
        self._reach(int(devices.max(initial=-1)) + 1)
        gateway = self._gateway_of[number]
        closely = self._to_look_at(number, gateway, received)
        found: list[Found] = []
        for i in np.flatnonzero(closely).tolist():
            said = self._speaks(int(number[i]), int(gateway[i]), int(received[i]))
            found += [(int(alive[i]), signal) for signal in said]
        rest = ~closely
        np.maximum.at(self._devices.heard, number[rest], received[rest])
        rest &= gateway >= 0
        np.maximum.at(self._gateways.heard, gateway[rest], received[rest])
        return found

    def _to_look_at(self, number: Numbers, gateway: Numbers, received: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows want a closer look: all of a device or a gateway with a row that ends a silence, or may."""
        who, carriers = self._devices, self._gateways
        look: NDArray[np.bool_] = (who.rang[number] != NEVER) | (who.gone[number] < FAR)
        look |= received - who.from_when()[number] > who.limit[number]
        through = gateway >= 0
        at = gateway[through]
        quiet = received[through] - carriers.from_when()[at]
        theirs = (carriers.rang[at] != NEVER) | (carriers.gone[at] < FAR) | (quiet > self._doubt[at])
        if not (look.any() or theirs.any()):
            return look
        closely: NDArray[np.bool_] = np.isin(number, number[look])
        closely[through] |= np.isin(at, at[theirs])
        return closely

    def presence(self, event: Presence, tracks: Tracks) -> list[Signal]:
        """A device or gateway, or its broker, said that it came or went. Retained and late words of it say nothing."""
        if event.marks & LIFELESS:
            return []
        at = to_micros(event.received_at)
        online, gateway = event.standing is Standing.ONLINE, self._numbers.get(event.device)
        if gateway is not None:
            return self._gateway_speaks(gateway, at) if online else self._leaves(self._gateways, gateway, at)
        number = tracks.number(event.device)
        if number is None or number not in self._enrolled:
            return []
        return (
            self._speaks(number, int(self._gateway_of[number]), at)
            if online
            else self._leaves(self._devices, number, at)
        )

    def _leaves(self, who: Speakers, number: int, at: int) -> list[Signal]:
        if at >= who.heard[number] and who.rang[number] == NEVER:
            who.gone[number] = min(int(who.gone[number]), at + round(self.rule.offline_after * SECOND))
            self._next = min(self._next, int(who.gone[number]))
        return []

    def _speaks(self, number: int, gateway: int, at: int) -> list[Signal]:
        """One device speaks, after something that wants a closer look. A repeat of what was heard already is no news."""
        who = self._devices
        if at <= who.heard[number]:
            return []
        missed = number in self._enrolled and at - max(who.heard[number], who.since[number]) > who.limit[number]
        with_gateway = gateway >= 0 and at - self._gateways.from_when()[gateway] > self._doubt[gateway]
        said = self._gateway_speaks(gateway, at) if gateway >= 0 else []
        if who.rang[number] != NEVER or (missed and not with_gateway):
            said.append(self._device_says(number, at, active=False))
        who.heard[number] = max(who.heard[number], at)
        who.rang[number], who.gone[number] = NEVER, FAR
        self._next = NEVER
        return said

    def _gateway_speaks(self, gateway: int, at: int) -> list[Signal]:
        who = self._gateways
        if at <= who.heard[gateway]:
            return []
        rang = who.rang[gateway] != NEVER
        said = [self._gateway_says(gateway, at, active=False)] if rang else []
        if rang:  # its devices get the time they would have had
            mine = self._gateway_of == gateway
            self._devices.since[mine] = np.maximum(self._devices.since[mine], at)
        who.heard[gateway] = max(who.heard[gateway], at)
        who.rang[gateway], who.gone[gateway] = NEVER, FAR
        self._next = NEVER
        return said

    def enrol(self, registry: Registry, tracks: Tracks, now: int, here: Callable[[str], bool]) -> list[Signal]:
        """Expect the registry's devices in the townships of this partition; forget others. The first time counts from `now`."""
        expected = {tracks.enter(d.id): d for d in registry.devices.values() if here(registry.township_of(d.grid))}
        said = [
            self._device_says(n, now, active=False)
            for n in self._enrolled
            if n not in expected and self._devices.rang[n] != NEVER
        ]
        self._registry = registry
        self._reach(max(expected, default=-1) + 1)
        gone = np.array([n for n in self._enrolled if n not in expected], np.int64)
        self._devices.rang[gone], self._devices.limit[gone], self._devices.since[gone] = NEVER, FAR, NEVER
        self._devices.gone[gone] = FAR
        self._gateway_of[:] = _NONE
        self._enrolled = {n: d.id for n, d in expected.items()}
        shortest: dict[int, list[int]] = {}
        for number, device in expected.items():
            self._expect(number, device, now, shortest)
        self._expect_gateways(shortest, now)
        self._next = NEVER
        return said

    def _expect(self, number: int, device: Device, now: int, shortest: dict[int, list[int]]) -> None:
        who = self._devices
        if who.since[number] == NEVER:
            who.since[number] = now
        interval = round(device.interval.total_seconds() * SECOND) if device.interval else 0
        who.limit[number] = self._allowed(interval) if interval else FAR
        if device.gateway and device.gateway != device.id:
            gateway = self._numbers.setdefault(device.gateway, len(self._numbers))
            if gateway == len(self._names):
                self._names.append(device.gateway)
            self._gateway_of[number] = gateway
            shortest.setdefault(gateway, [])
            if interval:
                shortest[gateway].append(interval)

    def _expect_gateways(self, shortest: dict[int, list[int]], now: int) -> None:
        who = self._gateways
        who.reach(len(self._names))
        self._doubt = grown(self._doubt, len(self._names), FAR)
        who.limit[:], self._doubt[:] = FAR, FAR
        for gateway, intervals in shortest.items():
            if who.since[gateway] == NEVER:
                who.since[gateway] = now
            if len(intervals) > 1:
                who.limit[gateway] = self._allowed(min(intervals))
                self._doubt[gateway] = round(_DOUBT * min(intervals))

    def _allowed(self, interval: int) -> int:
        return max(round(self.rule.factor * interval), round(self.rule.least * SECOND))

    def _reach(self, size: int) -> None:
        self._devices.reach(size)
        # as long as the devices' own columns, whatever they were restored from
        self._gateway_of = grown(self._gateway_of, len(self._devices.heard), _NONE)

    def due(self) -> int | None:
        if self._next == NEVER:
            due, waits = self._device_dues()
            due = np.where(
                waits & (due <= self._looked), FAR, due
            )  # these wait for a word of their gateway, not for a time
            self._next = int(min(due.min(initial=FAR), self._gateways.due().min(initial=FAR)))
        return self._next if self._next < FAR else None

    def _device_dues(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """When each device rings, and which must wait until it is known what becomes of a gateway in doubt.

        A device whose gateway rings, or is said to have gone, does not ring at all.
        """
        due, gateway = self._devices.due(), self._gateway_of[: len(self._devices.heard)]
        waits = np.zeros(len(due), np.bool_)
        through = gateway >= 0
        at, carriers = gateway[through], self._gateways
        due[through] = np.where((carriers.rang[at] != NEVER) | (carriers.gone[at] < FAR), FAR, due[through])
        waits[through] = due[through] - carriers.from_when()[at] > self._doubt[at]
        return due, waits

    def on_due(self, now: int) -> list[Signal]:
        due = self.due()
        if due is None or due > now:
            return []
        dues = self._gateways.due()
        late = np.flatnonzero(dues <= now).tolist()
        said = [(int(dues[n]), self._gateway_says(n, int(dues[n]), active=True)) for n in late]
        dues, waits = self._device_dues()
        late = np.flatnonzero((dues <= now) & ~waits).tolist()
        said += [(int(dues[n]), self._device_says(n, int(dues[n]), active=True)) for n in late]
        self._next, self._looked = NEVER, now
        return [signal for _, signal in sorted(said, key=lambda pair: pair[0])]

    def _device_says(self, number: int, at: int, *, active: bool) -> Signal:
        device = self._registry.devices[self._enrolled[number]]
        place = Place(point=device.point)
        if device.grid:
            place = self._registry.place_in(device.grid, device.point, "registry")
        start = self._devices.turn(number, active=active)
        return self._say("device_silent", device.id, place, start, at, active)

    def _gateway_says(self, gateway: int, at: int, *, active: bool) -> Signal:
        carried = [self._registry.devices[self._enrolled[int(n)]] for n in np.flatnonzero(self._gateway_of == gateway)]
        first = min((d for d in carried if d.grid), key=lambda d: d.id, default=None)
        place = self._registry.place_in(first.grid, None, "registry") if first else Place()
        start = self._gateways.turn(gateway, active=active)
        signal = self._say("gateway_silent", self._names[gateway], place, start, at, active)
        signal.evidence["devices"] = len(carried)
        return signal

    def _say(self, kind: str, subject: str, place: Place, start: int, at: int, active: bool) -> Signal:
        rule, began, raised = self.rule, from_micros(start), from_micros(at)
        gateway = kind == "gateway_silent"
        return Signal(
            signal_key(rule.id, f"{kind}/{subject}", began),
            kind, rule.gateway_level if gateway else rule.level, Origin.SYSTEM, subject, rule.id,
            began if active else raised, began if active else raised, raised, place, active,
            text=rule.gateway_text if gateway else rule.text or rule.id,
        )  # fmt: skip

    def snapshot(self) -> dict[str, Any]:
        return {
            "devices": self._devices.state(),
            "gateways": self._gateways.state(),
            "names": self._names,
            "looked": self._looked,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Who is expected is not part of it: `enrol` must follow, and keeps since when each was expected."""
        self._devices, self._gateways = Speakers(**state["devices"]), Speakers(**state["gateways"])
        self._names, self._looked = list(state["names"]), state["looked"]
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._doubt, self._gateway_of = np.empty(0, np.int64), np.empty(0, np.int32)
        self._reach(0)
        self._enrolled, self._next = {}, NEVER
