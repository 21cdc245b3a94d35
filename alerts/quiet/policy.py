"""The `[quiet]` section of a policy file, strict: an unknown key is an error that names it."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alerts.quiet.budgets import REMEMBERED, Budget
from alerts.quiet.flapping import Limits
from alerts.quiet.grouping import By, Timing
from alerts.quiet.hours import Daytime, Hours, daytime
from alerts.quiet.inhibition import Label, Rule, Side
from alerts.quiet.terms import Lengths
from alerts.quiet.verdict import QuietPolicy
from streams.signal import Level

_Seconds = Annotated[float, Field(strict=True, gt=0)]
_Share = Annotated[float, Field(strict=True, gt=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Flapping(_Table):
    high: _Share = 0.5
    low: _Share = 0.25
    slot_s: _Seconds = 60.0

    @model_validator(mode="after")
    def _hysteresis(self) -> _Flapping:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}; lower it")
        return self


class _Side(_Table):
    kinds: tuple[str, ...] = ()
    at_least: Level = Level.BLUE
    at_most: Level = Level.RED


class _Inhibit(_Table):
    name: Annotated[str, Field(min_length=1)]
    source: _Side
    target: _Side = _Side()
    equal: Annotated[tuple[Label, ...], Field(min_length=1)]


class _Group(_Table):
    by: tuple[By, ...] = (By.GRID, By.KIND)
    wait_s: Annotated[float, Field(strict=True, ge=0)]
    interval_s: _Seconds = 300.0
    repeat_s: Annotated[float, Field(strict=True, ge=0)] = 14400.0

    def value(self) -> Timing:
        wait, interval, repeat = (timedelta(seconds=s) for s in (self.wait_s, self.interval_s, self.repeat_s))
        return Timing(wait, interval, repeat, self.by)


_Count = Annotated[int, Field(ge=1, le=REMEMBERED)]
_Minutes = Annotated[int, Field(ge=1, le=1440)]


class _Budget(_Table):
    channel: Literal["sms", "voice", "log"]
    prefix: Annotated[str, Field(pattern=r"^(\+[0-9]*)?$")] = ""
    most: dict[_Minutes, _Count] = {}
    identical: Annotated[int, Field(strict=True, ge=0, le=REMEMBERED)] = 0

    @model_validator(mode="after")
    def _says_something(self) -> _Budget:
        if not self.most and not self.identical:
            raise ValueError(
                "a budget needs most (minutes = messages) or identical (the same words in a day); write one"
            )
        return self

    def value(self) -> Budget:
        most = tuple((timedelta(minutes=within), count) for within, count in sorted(self.most.items()))
        return Budget(self.channel, most, self.prefix, self.identical)


class _Hours(_Table):
    everybody: str = ""
    people: dict[str, str] = {}

    @field_validator("everybody")
    @classmethod
    def _one(cls, text: str) -> str:
        _daytime(text)
        return text

    @field_validator("people")
    @classmethod
    def _each(cls, people: dict[str, str]) -> dict[str, str]:
        for text in people.values():
            _daytime(text)
        return people


class QuietTable(_Table):
    """When not to ring. Everything has a default: a file without this section is quiet only where somebody says so."""

    life_safety: tuple[str, ...] = ()
    longest_s: _Seconds = 7200.0
    longest_approved_s: _Seconds = 604800.0
    longest_drill_s: _Seconds = 14400.0
    longest_recurring_s: _Seconds = 31622400.0
    warn_before_s: _Seconds = 600.0
    recheck_s: _Seconds = 120.0
    flapping: _Flapping = _Flapping()
    inhibit: tuple[_Inhibit, ...] = ()
    groups: dict[Level, _Group] = {}
    budgets: tuple[_Budget, ...] = ()
    hours: _Hours = _Hours()

    @model_validator(mode="after")
    def _red_does_not_wait(self) -> QuietTable:
        if Level.RED in self.groups:
            raise ValueError("groups.red: red never waits for others; take it out")
        if self.longest_approved_s < self.longest_s:
            raise ValueError("longest_approved_s must not be shorter than longest_s; raise it")
        return self

    def value(self) -> QuietPolicy:
        """The section as values."""
        lengths = Lengths(
            longest=timedelta(seconds=self.longest_s),
            longest_approved=timedelta(seconds=self.longest_approved_s),
            longest_drill=timedelta(seconds=self.longest_drill_s),
            longest_recurring=timedelta(seconds=self.longest_recurring_s),
            warn_before=timedelta(seconds=self.warn_before_s),
            life_safety=frozenset(self.life_safety),
        )
        groups = {level: one.value() for level, one in self.groups.items()}
        people = {person: _daytime(text) for person, text in self.hours.people.items()}
        return QuietPolicy(
            lengths,
            Limits(self.flapping.high, self.flapping.low, timedelta(seconds=self.flapping.slot_s)),
            tuple(_rule(one) for one in self.inhibit),
            timedelta(seconds=self.recheck_s),
            MappingProxyType(groups),
            Hours(_daytime(self.hours.everybody), MappingProxyType(people)),
            tuple(one.value() for one in self.budgets),
        )


def _daytime(text: str) -> Daytime | None:
    return daytime(text) if text else None


def _rule(table: _Inhibit) -> Rule:
    source, target = (Side(side.kinds, side.at_least, side.at_most) for side in (table.source, table.target))
    return Rule(table.name, source, target, table.equal)
