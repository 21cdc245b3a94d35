"""By what people are recommended for a case: the section `[dispatch]` of a policy file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True, slots=True)
class DispatchRules:
    """Seconds and metres.

    Somebody with `busy_at` cases that are not handled is busy. `radius` is how far somebody of another grid may be; people of the place
    and of the levels above it answer for it wherever they are. Where somebody was seen counts for `seen_for`, and who handled a red or an
    orange case rests for `rest`, which is a reason to ask others first.
    """

    busy_at: int = 3
    radius: float = 5000.0
    seen_for: float = 1800.0
    rest: float = 1800.0


SHIPPED: Final = DispatchRules()


class DispatchTable(BaseModel):
    """The section `[dispatch]`. What it leaves out is as shipped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    busy_at: Annotated[int, Field(strict=True, ge=1, le=100)] = SHIPPED.busy_at
    radius_m: Annotated[float, Field(strict=True, gt=0, le=200_000)] = SHIPPED.radius
    seen_for_s: Annotated[float, Field(strict=True, gt=0, le=86_400)] = SHIPPED.seen_for
    rest_s: Annotated[float, Field(strict=True, ge=0, le=86_400)] = SHIPPED.rest

    def value(self) -> DispatchRules:
        return DispatchRules(self.busy_at, self.radius_m, self.seen_for_s, self.rest_s)
