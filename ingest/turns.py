"""Whose turn it is: when a process that watches another one with the same MQTT session may connect in its place. Pure.

The active process says on a status topic that it is here (retained once, then a beat every second) and its last will says there that
it is gone. MQTT has no lock, so two may think that it is their turn: the broker lets the later one in and tells the earlier one that
its session was taken over; that one stands by. A message is never acknowledged by both, for the session is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

BEAT: Final = 1.0  # seconds between two words of the active process
CONFIRM: Final = 0.5  # seconds in which one who is gone may be back: a connection that broke is made anew
PEEK: Final = 0.5  # seconds in which a retained word arrives, if there is one
BLIND: Final = 5.0  # seconds after which one who lost its connection tries again though it can hear nothing


def status_topic(client_id: str) -> str:
    """Where the active process of a client id says that it is here."""
    return f"tocsin-gateway/{re.sub('[/+#]', '-', client_id)}/status"


@dataclass(frozen=True, slots=True)
class Word:
    """What a process says of itself."""

    instance: str
    here: bool

    def encode(self) -> bytes:
        """The payload."""
        return orjson.dumps({"state": "here" if self.here else "gone", "instance": self.instance})

    @classmethod
    def decode(cls, payload: bytes) -> Word | None:
        """The word in a payload; None when there is none."""
        try:
            body: Any = orjson.loads(payload)
            return cls(str(body["instance"]), {"here": True, "gone": False}[body["state"]])
        except (KeyError, TypeError, ValueError):
            return None


class Turn:
    """One watch, begun at `now`. Times are monotonic seconds.

    A standby (`eager` False) waits until another one says that it is gone and does not come back, or says nothing for `patience`. One
    who merely lost its connection (`eager`) goes on at once unless another one is here, and also when nothing can be heard.
    """

    def __init__(self, me: str, patience: float, now: float, *, eager: bool) -> None:
        self._me, self._patience, self.eager = me, patience, eager
        self.heard_other = self._hears = False
        self.at: float | None = None  # when it is our turn; None: not as long as nothing can be heard
        self.lost(now)

    def watching(self, now: float) -> None:
        """The topic can be heard from now on."""
        self._hears = True
        self.at = now + (PEEK if self.eager else self._patience)

    def lost(self, now: float) -> None:
        """It cannot be heard any more."""
        self._hears = False
        self.at = now + BLIND if self.eager else None

    def hear(self, word: Word, now: float) -> None:
        """Somebody said something. One who was eager and hears that another is here is a standby from then on."""
        if self.at is None or not self._hears:
            return
        if word.instance == self._me:
            if self.eager:
                self.at = now  # the last who was here was we
            return
        self.heard_other = True
        if word.here:
            self.eager, self.at = False, now + self._patience
        else:
            self.at = min(self.at, now + CONFIRM)

    def due(self, now: float) -> bool:
        """Whether it is our turn."""
        return self.at is not None and now >= self.at
