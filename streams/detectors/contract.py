"""What every detector promises."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ingest.frames import Frame
from streams.signal import Signal


class Detector(Protocol):
    """A pure object over frames; it never reads a clock and never touches the outside.

    * Cutting the same rows into other frames gives the same signals.
    * `due_at()` is the earliest instant (received clock) at which it wants `on_due(now)`, or None. A hold that ends between two rows
      ends on time because of it. `on_due` before its time does nothing.
    * `restore(snapshot())` gives an object that behaves the same from there on.
    * A row whose marks mute it may change what is recorded, never what rings.
    """

    rule: str

    def update(self, frame: Frame) -> list[Signal]:
        """Apply rows in order and return what they gave away, in order."""

    def due_at(self) -> datetime | None:
        """When `on_due` wants to be called next."""

    def on_due(self, now: datetime) -> list[Signal]:
        """What has become due by `now`."""

    def snapshot(self) -> bytes:
        """The whole state as bytes."""

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described."""
