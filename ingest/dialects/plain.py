"""Tocsin's own JSON and the deployment's profiles as entries of the registry: the same claims, said as observations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ingest.dialects.claims import Claim, Fault, Measured, Seen, Spoken, Stood
from ingest.dialects.claims import Dialect as Reader
from ingest.dialects.mapped import Mapped, Profile
from ingest.dialects.native import Native
from ingest.dialects.observation import (
    Attributes,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Quality,
    Value,
    accepted,
    ignored,
    observed,
    rejected,
)
from ingest.events import Mark, Standing
from ingest.sequence import Numbered

_STOOD: Final = {Standing.ONLINE: Kind.ONLINE, Standing.OFFLINE: Kind.OFFLINE}


class Plain:
    """A reader of claims as a decoder. It keeps no state."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def fits(self, message: Message) -> Fit:
        """By its topic alone: its content is JSON like anybody's."""
        return Fit.TOPIC if message.topic and self._reader.source(message.topic) is not None else Fit.NO

    def decode(self, message: Message) -> Decoding:
        claims = self._reader.read(message.topic, message.payload)
        if len(claims) == 1 and isinstance(only := claims[0], Measured) and only.values:
            return accepted(*_numbers(only, ()))
        faults = [claim for claim in claims if isinstance(claim, Fault)]
        warnings = tuple(str(fault.reason) for fault in faults)
        said = tuple(observations(claims, warnings))
        if said:
            return accepted(*said)
        return rejected(faults[0].reason, faults[0].detail) if faults else ignored("nothing in it that is kept")


def observations(claims: Iterable[Claim], warnings: tuple[str, ...] = ()) -> Iterable[Observation]:
    """Claims in the words of observations."""
    for claim in claims:
        match claim:
            case Measured():
                yield from _numbers(claim, warnings)
            case Seen():
                seen: Attributes = {
                    "ident": claim.ident,
                    "label": claim.label,
                    "score": claim.score,
                    "ended": claim.ended,
                    "camera": claim.camera,
                }
                yield _said(Kind.SIGHTING, claim, claim.camera, claim.label, claim.score, seen)
            case Spoken():
                spoken: Attributes = {
                    "ident": claim.ident,
                    "text": claim.text,
                    "category": claim.category,
                    "channel": claim.channel,
                    "address": claim.address,
                }
                yield _said(Kind.CALL, claim, claim.ident, "", None, spoken)
            case Stood():
                yield Observation(
                    _STOOD[claim.standing], claim.device, gateway=claim.gateway, device_at=claim.at, marks=claim.marks
                )
            case Fault() | Numbered():
                continue


def _numbers(claim: Measured, warnings: tuple[str, ...]) -> list[Observation]:
    device, gateway, at, point, marks = claim.device, claim.gateway, claim.at, claim.point, claim.marks
    # Asking marks for one of them costs as much as saying an observation.
    kind, good = Kind.TEST if marks is not Mark.NONE and marks & Mark.TEST else Kind.TELEMETRY, Quality.GOOD
    return [
        observed(kind, device, name, value, "", gateway, at, None, good, "", warnings, {}, point, marks)
        for name, value in claim.values
    ]


def _said(
    kind: Kind, claim: Seen | Spoken, device: str, metric: str, value: Value, attributes: Attributes
) -> Observation:
    return Observation(
        kind, device, metric, value, gateway=claim.gateway, device_at=claim.at, key=claim.ident,
        attributes={k: v for k, v in attributes.items() if v != ""}, point=claim.point, marks=claim.marks,
    )  # fmt: skip


def native_entry() -> Entry:
    """Tocsin's own topics."""
    plain = Plain(Native())
    topics = ("tocsin/{gateway}/{device}/telemetry", "…/sighting", "…/presence", "tocsin/{source}/call")
    return Entry("native", "docs/gateways.md", topics, plain.fits, lambda: Plain(Native()))


def profile_entries(profiles: Sequence[Profile]) -> tuple[Entry, ...]:
    """One entry per profile."""
    return tuple(
        Entry(f"profile:{p.name}", "a mapping profile", (p.topic,), Plain(Mapped(p)).fits, lambda p=p: Plain(Mapped(p)))  # type: ignore[misc]
        for p in profiles
    )
