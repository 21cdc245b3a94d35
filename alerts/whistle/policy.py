"""Which matters are standard and whom a whistle calls for them, from a strict table: the section `[whistle]` of a policy file.

A whistle takes its units and times with it when they are called, so that an edit of the file does not move them; who is on duty in
a unit is asked for each time it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.whistle.whistle import LONGEST, UNITS, Unit, WhistleRefused

NAME: Final = r"^[a-z][a-z0-9_]{0,31}$"
MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Matter:
    """A standard matter: its name, the units that are called (the first leads), and its times in seconds."""

    key: str
    name: str
    units: tuple[Unit, ...]
    attend_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class WhistlePolicy:
    """Everything a whistle is blown by. Times are seconds."""

    county: str = "duty_officer"
    name_s: float = 30 * MINUTE
    attend_s: float = 30 * MINUTE
    deadline_s: float = 24 * HOUR
    channels: tuple[str, ...] = ("sms",)
    departments: Mapping[str, Unit] = field(default_factory=lambda: MappingProxyType({}))
    matters: Mapping[str, Matter] = field(default_factory=lambda: MappingProxyType({}))

    def units(self, idents: Sequence[str]) -> tuple[Unit, ...]:
        """Departments by id, each once. Raises `WhistleRefused`, which names those there are."""
        unknown = [ident for ident in idents if ident not in self.departments]
        if unknown:
            known = ", ".join(self.departments) or "none: list them under [whistle.departments] of the policy file"
            raise WhistleRefused(f"no department is called {unknown[0]!r}; there are {known}")
        return tuple(self.departments[ident] for ident in dict.fromkeys(idents))


SHIPPED: Final = WhistlePolicy()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Minutes = Annotated[float, Field(strict=True, gt=0, le=7 * 24 * 60)]
_Hours = Annotated[float, Field(strict=True, gt=0, le=366 * 24)]
_Name = Annotated[str, Field(min_length=1, max_length=40)]
_Key = Annotated[str, Field(pattern=NAME)]


class DepartmentTable(_Table):
    """One department: who has duty there, people by their ids on the roster, roles as the roster has them."""

    name: _Name
    people: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    roles: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @model_validator(mode="after")
    def _somebody(self) -> DepartmentTable:
        if not self.people and not self.roles:
            raise ValueError("a department needs people or roles, else a whistle would reach nobody there; name one")
        return self


class MatterTable(_Table):
    """One standard matter. The first department leads, unless `lead` names another of them."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    departments: Annotated[tuple[_Key, ...], Field(min_length=1, max_length=UNITS)]
    lead: str = ""
    attend_min: _Minutes | None = None
    deadline_h: _Hours | None = None

    @model_validator(mode="after")
    def _led(self) -> MatterTable:
        if len(set(self.departments)) != len(self.departments):
            raise ValueError(f"departments names one twice: {', '.join(self.departments)}; keep each of them once")
        if self.lead and self.lead not in self.departments:
            raise ValueError(f"lead = {self.lead!r} is not among the departments; add it, or choose one of them")
        return self

    @property
    def in_order(self) -> tuple[str, ...]:
        """The departments, the lead first."""
        return tuple(dict.fromkeys([*([self.lead] if self.lead else []), *self.departments]))


class WhistleTable(_Table):
    """The section `[whistle]`."""

    county: Annotated[str, Field(min_length=1)] = SHIPPED.county
    name_min: _Minutes = SHIPPED.name_s / MINUTE
    attend_min: _Minutes = SHIPPED.attend_s / MINUTE
    deadline_h: _Hours = SHIPPED.deadline_s / HOUR
    channels: Annotated[tuple[Literal["sms", "voice", "log"], ...], Field(min_length=1)] = ("sms",)
    departments: dict[_Key, DepartmentTable] = {}
    matters: dict[_Key, MatterTable] = {}

    @model_validator(mode="after")
    def _known(self) -> WhistleTable:
        for key, matter in self.matters.items():
            unknown = [ident for ident in matter.departments if ident not in self.departments]
            if unknown:
                raise ValueError(
                    f"matters.{key}.departments names {unknown[0]!r}, and there is no departments.{unknown[0]}; add it"
                )
        return self

    def value(self) -> WhistlePolicy:
        """The policy of whistles."""
        departments = {k: Unit(k, t.name, t.people, t.roles) for k, t in self.departments.items()}
        matters = {
            key: Matter(
                key,
                table.name,
                tuple(departments[ident] for ident in table.in_order),
                (table.attend_min or self.attend_min) * MINUTE,
                (table.deadline_h or self.deadline_h) * HOUR,
            )
            for key, table in self.matters.items()
        }
        times = (self.name_min * MINUTE, self.attend_min * MINUTE, self.deadline_h * HOUR)
        kept = (MappingProxyType(departments), MappingProxyType(matters))
        return WhistlePolicy(self.county, *times, self.channels, *kept)
