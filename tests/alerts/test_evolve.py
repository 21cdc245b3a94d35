"""A changed copy is what `dataclasses.replace` would make, for the classes that it is used for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert
from alerts.clocks.clock import Clock, Span, Unit
from alerts.evolve import evolve
from alerts.work import Work
from ingest.events import Place
from streams.signal import Level

VALUES: tuple[Any, ...] = (
    Alert("a", "who", "fire", Level.RED, Place("g", "t")),
    Work(handled_by="p"),
    Clock("close", "raised_at", "closed_at", Span(3, Unit.DAYS)),
)


@given(st.sampled_from(VALUES).flatmap(
    lambda value: st.tuples(st.just(value), st.dictionaries(st.sampled_from([f.name for f in fields(value)]), st.integers()))
))  # fmt: skip
def test_any_fields_may_be_changed_and_the_others_stay(case: tuple[Any, dict[str, Any]]) -> None:
    value, changes = case
    before = replace(value)
    assert evolve(value, **changes) == replace(value, **changes)
    assert value == before


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="Alert has no field levle"):
        evolve(VALUES[0], levle=Level.BLUE)


@dataclass(frozen=True)
class _Checked:
    number: int

    def __post_init__(self) -> None:
        raise ValueError


@dataclass(frozen=True, slots=True)
class _Slotted:
    number: int


@pytest.mark.parametrize("cls", [_Checked, _Slotted])
def test_a_class_that_checks_its_values_or_has_slots_is_refused(cls: type) -> None:
    with pytest.raises(TypeError, match=r"use dataclasses\.replace"):
        evolve(object.__new__(cls), number=1)
