"""What a message from the wire means: decode, place, date, mark. Pure; nothing a sender can write makes it raise.

`decide` says it in values. `Intake.take` does the same straight into frames, quickly for plain telemetry and
through `decide` for the rest; a test holds the two to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from ingest.dialects.bridge import claims as claims_of
from ingest.dialects.catalogue import Stream
from ingest.dialects.claims import Claim, Dialect, Fault, Measured, Reason, Seen, Spoken, Stood, Unreadable
from ingest.dialects.observation import Decoding, Message, Verdict
from ingest.dialects.settling import settle
from ingest.events import Call, Decoded, Event, InvalidEvent, Mark, Place, Point, Presence, Reading, Rejected, Sighting
from ingest.orders import platform_of
from ingest.registry import Device, Registry
from ingest.sequence import Numbered
from ingest.settings import GatewaySettings

Seal = Callable[[str], tuple[str, str]]

RAW_KEPT: Final = 384 * 1024  # twice this in hex still fits into one record of the log
CALL_ENDS: Final = "/call"  # a topic that ends so carries a resident's call: its bytes are kept sealed or not at all
_ORDERS: Final = frozenset({"hotline", "311"})  # and so do topics below these


def carries_call(topic: str) -> bool:
    """Whether what comes on a topic is a resident's call or a work order."""
    return topic.endswith(CALL_ENDS) or topic.partition("/")[0] in _ORDERS


class Locate(Protocol):
    """Finds the grid of a point (law 11): now, or at an instant where grids are dated; None when there is none."""

    def __call__(self, point: Point, at: datetime | None = None, /) -> Place | None: ...


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a device stands and what follows from that for everything it says."""

    place: Place
    kind: str
    marks: Mark


def no_seal(number: str) -> tuple[str, str]:
    """Keeps nothing of a number: for gateways without a secret."""
    del number
    return "", ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Decides with one registry; a changed registry makes a new Gateway.

    `locate` finds the grid that covers a point (law 11), `seal` turns a caller's number into a token and its masked
    form (law 14). Topics that none of `dialects` reads go to `stream`, whose decoders keep state from message to message.
    """

    registry: Registry
    locate: Locate
    settings: GatewaySettings
    dialects: tuple[Dialect, ...]
    seal: Seal = no_seal
    stream: Stream | None = None

    def decide(self, topic: str, payload: bytes, retained: bool, received_at: datetime) -> Decoded:
        """All that the message turns out to be; what cannot be understood is in there as `Rejected`."""
        dialect, source = self.spoken_by(topic)
        if dialect is None and self.stream is not None:
            return self.hear(Message(topic, payload, received_at, retained))
        if retained and not payload:
            return Decoded()  # the deletion of a retained message says nothing
        try:
            nobody = (Fault(Reason.UNKNOWN_TOPIC, "no dialect or profile reads this topic"),)
            claims: Iterable[Claim] = nobody if dialect is None else dialect.read(topic, payload)
        except Unreadable as error:
            claims = (Fault(error.reason, error.detail),)
        return self._placed(claims, Message(topic, payload, received_at, retained), source)

    def hear(self, message: Message, dialect: str | None = None) -> Decoded:
        """The same for a message that a decoder of the stream reads, by its name or by what it looks like."""
        if self.stream is None:
            return Decoded()
        name, decoding = self.stream.decode(message, dialect)
        return self.understood(name, decoding, message)

    def understood(self, name: str, decoding: Decoding, message: Message) -> Decoded:
        """What a decoding comes to here."""
        replies = ((decoding.reply_topic, decoding.reply),) if decoding.reply and decoding.reply_topic else ()
        if decoding.verdict is Verdict.REJECTED:
            claims: list[Claim] = [_fault(decoding)]
        else:
            ahead = timedelta(seconds=self.settings.ahead_limit)
            claims = [
                _from_platform(claim, message.topic)
                for claim in claims_of([settle(one, message, ahead) for one in decoding.observations])
            ]
            if decoding.faults:  # one for them all: a message of a thousand bad parts is kept once
                claims.append(_fault(decoding))
        source = name or message.topic.partition("/")[0][:128] or message.peer
        return replace(self._placed(claims, message, source), replies=replies)

    def _placed(self, claims: Iterable[Claim], message: Message, source: str) -> Decoded:
        received_at = message.received_at
        readings: list[Reading] = []
        events: list[Event] = []
        numbers: list[Numbered] = []
        extra = Mark.RETAINED if message.retained else Mark.NONE
        for claim in claims:
            if isinstance(claim, Fault):
                events.append(self.rejected(claim, message, source))
                continue
            if isinstance(claim, Numbered):
                if not message.retained:  # what a broker kept and says again was counted when it was said
                    numbers.append(claim)
                continue
            try:
                if isinstance(claim, Measured):
                    readings += self._readings(claim, received_at, extra)
                else:
                    events.append(self._event(claim, received_at, extra))
            except (Unreadable, InvalidEvent) as error:
                reason = error.reason if isinstance(error, Unreadable) else Reason.BAD_VALUE
                events.append(self.rejected(Fault(reason, str(error)), message, source))
        return Decoded(tuple(readings), tuple(events), tuple(numbers))

    def spoken_by(self, topic: str) -> tuple[Dialect | None, str]:
        """The dialect that reads a topic, and who speaks there."""
        for dialect in self.dialects:
            source = dialect.source(topic)
            if source is not None:
                return dialect, source[:128]
        return None, topic.partition("/")[0][:128]

    def stand(self, device: str, gateway: str, point: Point | None, at: datetime | None = None) -> Stand:
        """Registry first, then the payload's coordinates, then the catcher. Raises `Unreadable` for another's device.

        Where grids are dated it is the grid in force at `at`, which is when it happened.
        """
        known = self.registry.devices.get(device)
        if known is None:
            place = self._located(point, at)
            marks = Mark.UNKNOWN_DEVICE | (Mark.NONE if place.grid else Mark.UNPLACED)
            return Stand(place, "", marks)
        if known.gateway and gateway != known.gateway:
            raise Unreadable(Reason.GATEWAY_MISMATCH, f"{device} belongs to {known.gateway} and came from {gateway}")
        place = self._enrolled(known, at)
        if not place.grid:
            place = self._located(known.point or point, at)
        return Stand(place, known.kind, Mark.NONE if place.grid else Mark.UNPLACED)

    def _enrolled(self, device: Device, at: datetime | None) -> Place:
        if self.registry.grid(device.grid, at) is None:
            return Place()
        return self.registry.place_in(device.grid, device.point, "registry", at)

    def _located(self, point: Point | None, at: datetime | None) -> Place:
        if point is None:
            return Place()
        found = self.locate(point, at) if self.registry.times else self.locate(point)
        return found or Place(point=point)

    def dated(self, at: datetime | None, received_at: datetime) -> tuple[datetime, Mark]:
        """The instant to go by, and what was odd about the claim (laws 10 and 12)."""
        if at is None:
            return received_at, Mark.ZERO_TIME
        if at - received_at > timedelta(seconds=self.settings.ahead_limit):
            return received_at, Mark.CLOCK_SKEW
        if received_at - at > timedelta(seconds=self.settings.late_after):
            return at, Mark.LATE
        return at, Mark.NONE

    def _readings(self, claim: Measured, received_at: datetime, extra: Mark) -> list[Reading]:
        observed_at, odd = self.dated(claim.at, received_at)
        stand = self.stand(claim.device, claim.gateway, claim.point, observed_at)
        marks = claim.marks | stand.marks | odd | extra
        return [
            Reading(claim.device, name, value, observed_at, received_at, stand.place, stand.kind, claim.gateway, marks)
            for name, value in claim.values
        ]

    def _event(self, claim: Seen | Spoken | Stood, received_at: datetime, extra: Mark) -> Event:
        observed_at, odd = self.dated(claim.at, received_at)
        marks = claim.marks | odd | extra
        if isinstance(claim, Spoken):
            place = self._located(claim.point, observed_at)
            token, masked = self.seal(claim.caller) if claim.caller else ("", "")
            marks |= Mark.NONE if place.grid else Mark.UNPLACED
            return Call(
                claim.ident, claim.text, observed_at, received_at, claim.category, claim.channel, claim.address,
                token, masked, place, claim.gateway, marks, claim.order,
            )  # fmt: skip
        if isinstance(claim, Seen):
            stand = self.stand(claim.camera, claim.gateway, claim.point, observed_at)
            return Sighting(
                claim.ident, claim.camera, claim.label, claim.score, observed_at, received_at,
                stand.place, claim.ended, claim.gateway, marks | stand.marks,
            )  # fmt: skip
        stand = self.stand(claim.device, claim.gateway, None, observed_at)
        if claim.device == claim.gateway:  # gateways speak for themselves and need not be enrolled
            stand = Stand(stand.place, stand.kind or "gateway", Mark.NONE)
        return Presence(
            claim.device, claim.standing, observed_at, received_at, stand.place, stand.kind, claim.gateway,
            marks | stand.marks,
        )  # fmt: skip

    def rejected(self, fault: Fault, message: Message, source: str) -> Rejected:
        """What is kept of a message, or of a part of it, that cannot be used."""
        raw, detail = message.payload if fault.raw is None else fault.raw, fault.detail
        if carries_call(message.topic):  # a caller's number may be anywhere in it (law 14)
            raw = self.seal(raw.decode("utf-8", errors="replace"))[0].encode()
            detail = f"sealed: {detail}" if raw else f"not kept, there is no secret: {detail}"
        if len(raw) > RAW_KEPT:
            detail, raw = f"the first {RAW_KEPT} of {len(raw)} bytes: {detail}", raw[:RAW_KEPT]
        return Rejected(
            fault.reason, raw, message.topic[:1024], message.received_at, source, detail,
            message.retained, message.content_type[:200],
        )  # fmt: skip


def _fault(decoding: Decoding) -> Fault:
    """What is wrong with a message, or with parts of it; the whole of it is kept."""
    return Fault(decoding.fault.reason, decoding.fault.detail)


def _from_platform(claim: Claim, topic: str) -> Claim:
    """A work order belongs to the platform whose topic or door it came by, whatever family of field names it has."""
    if not isinstance(claim, Spoken) or claim.order is None:
        return claim
    return replace(claim, order=replace(claim.order, platform=platform_of(topic, claim.order.platform)))
