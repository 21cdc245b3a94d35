"""Messages that hold several things: what of them can be read is kept, and what cannot is told beside it.

One bad record never costs its neighbours, and never goes without a word: the gateway keeps the whole message as rejected besides,
with what was wrong in it, so that it can be read again after a fix (law 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec

from ingest.dialects.claims import Unreadable
from ingest.dialects.observation import Decoding, Observation, Verdict, accepted, ignored, rejected

Given = ParamSpec("Given")


class Parts:
    """The observations of a message's parts, and the faults of those that could not be read."""

    __slots__ = ("faults", "found", "passed")

    def __init__(self) -> None:
        self.found: list[Observation] = []
        self.faults: list[Unreadable] = []
        self.passed: list[str] = []  # why parts say nothing that is kept

    def read(self, part: Callable[Given, Iterable[Observation]], *args: Given.args, **kwargs: Given.kwargs) -> None:
        """Takes what a part says, all of it or nothing."""
        try:
            self.found += tuple(part(*args, **kwargs))
        except Unreadable as error:
            self.faults.append(error)

    def one(self, part: Callable[Given, Observation], *args: Given.args, **kwargs: Given.kwargs) -> None:
        """The same for a part that is one observation."""
        try:
            self.found.append(part(*args, **kwargs))
        except Unreadable as error:
            self.faults.append(error)

    def take(self, part: Callable[Given, Decoding], *args: Given.args, **kwargs: Given.kwargs) -> None:
        """The same for a part with a verdict of its own."""
        try:
            decoding = part(*args, **kwargs)
        except Unreadable as error:
            self.faults.append(error)
            return
        self.found += decoding.observations
        self.faults += decoding.faults if decoding.verdict is not Verdict.REJECTED else (decoding.fault,)
        if decoding.verdict is Verdict.IGNORED:
            self.passed.append(decoding.reason)

    def decoding(self, nothing: str = "", reply: bytes | None = None) -> Decoding:
        """All of it: rejected when there are faults and nothing else, ignored when there is nothing at all."""
        if self.found:
            return accepted(*self.found, reply=reply, faults=self.faults)
        if self.faults:
            return rejected(self.faults[0].reason, self.faults[0].detail, reply=reply)
        return ignored("; ".join(dict.fromkeys(self.passed))[:500] or nothing, reply=reply)
