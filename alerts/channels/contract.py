"""What a way of reaching a person must be able to do, and the three answers it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts.alert import Notice
from alerts.people.roster import Person


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it over under this name. Taken over is not delivered, and delivered is not heard."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later, not before `after` seconds. `fault` says that the provider itself is in trouble (the breaker counts these).

    Whether the provider took it over may be unknown (no answer in time): before another try the sender asks `Channel.find`.
    """

    after: float
    why: str
    fault: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never work for this person over this channel: another channel, or somebody else."""

    why: str


Answer = Sent | Retry | Refused


class Channel(Protocol):
    """One way to reach a person.

    Called from several threads; every call ends within seconds; nothing is raised for a provider's trouble.
    """

    def send(self, notice: Notice, person: Person) -> Answer:
        """Hand a notice to the provider, once."""

    def find(self, notice: Notice, person: Person) -> Sequence[str] | Retry:
        """Names of what the provider may already have taken over for this notice by an earlier try, oldest first.

        `Retry` when that cannot be found out now: then nothing may be sent again yet (law 3).
        """
