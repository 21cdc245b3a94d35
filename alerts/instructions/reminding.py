"""What is waited for after an instruction, over which channels it goes, and when who has not is reminded. From the policy file.

An instruction carries the rules it was sent under, so that an edit of the file never changes it while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST: Final = 10  # reminders by policy
_Demand = Literal["delivered", "read", "accepted", "done"]


@dataclass(frozen=True, slots=True)
class Reminding:
    """`demand` is the receipt that is waited for, unless the sender asks for another; `after` are seconds since it was sent."""

    demand: str
    channels: tuple[str, ...]
    after: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InstructionRules:
    """The rules of ordinary and of urgent instructions."""

    ordinary: Reminding
    urgent: Reminding


class RemindingTable(BaseModel):
    """The rules of one urgency in a policy file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    demand: _Demand
    channels: Annotated[tuple[Literal["sms", "voice", "log"], ...], Field(min_length=1)]
    remind_s: Annotated[tuple[Annotated[float, Field(strict=True, gt=0)], ...], Field(max_length=MOST)] = ()

    @model_validator(mode="after")
    def _in_order(self) -> RemindingTable:
        if list(self.remind_s) != sorted(set(self.remind_s)):
            raise ValueError(
                f"remind_s must grow, got {list(self.remind_s)}; sort the times and keep each of them once"
            )
        return self

    def value(self) -> Reminding:
        return Reminding(self.demand, self.channels, self.remind_s)


class InstructionsTable(BaseModel):
    """`[instructions]` of a policy file. What it leaves out is as shipped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ordinary: RemindingTable = RemindingTable(
        demand="read", channels=("sms",), remind_s=(14_400.0, 86_400.0, 172_800.0)
    )
    urgent: RemindingTable = RemindingTable(
        demand="accepted", channels=("sms", "voice"), remind_s=(600.0, 1_800.0, 3_600.0)
    )

    def value(self) -> InstructionRules:
        return InstructionRules(self.ordinary.value(), self.urgent.value())


SHIPPED: Final = InstructionsTable().value()
