"""Names and values: what counts as an alarm, what as a number, and what says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.claims import Reason, TimeForm, Unreadable
from ingest.dialects.named_values import fingerprint, ident, kept, moment, place, read_named
from ingest.dialects.observation import Kind, Quality
from ingest.dialects.value_names import known, measured, truth
from ingest.events import Mark, Point


@pytest.mark.parametrize(
    ("why", "values", "expected"),
    [
        ("spellings of one thing", {"Battery_Level": 9, "CurrentTemperature": 3, "co2": 5}, [(Kind.TELEMETRY, "battery", 9), (Kind.TELEMETRY, "temperature", 3), (Kind.TELEMETRY, "co2", 5)]),
        ("an alarm in a word", {"leakage_status": "leak", "gas_status": "normal"}, [(Kind.ALARM, "water_alarm", True), (Kind.CLEAR, "gas_alarm", False)]),
        ("a word that is neither", {"leakage_status": "unknown"}, [(Kind.STATE, "leakage_status", "unknown")]),
        ("anything that ends in alarm", {"temperature_alarm": "threshold_alarm", "x_alarm": "threshold_alarm_release"}, [(Kind.ALARM, "temperature_alarm", True), (Kind.CLEAR, "x_alarm", False)]),
        ("a fault", {"fault": True, "low_battery": 0}, [(Kind.FAULT, "fault", True), (Kind.CLEAR, "battery_low", False)]),
        ("a low battery's alarm is a fault", {"low_battery_alarm": 1}, [(Kind.FAULT, "battery_low", True)]),
        ("a switch rings nobody", {"state": "ON", "open": True}, [(Kind.STATE, "state", "ON"), (Kind.STATE, "open", True)]),
        ("an alarm inside a structure", {"a": {"smoke": 1, "b": 2}}, [(Kind.ALARM, "fire_alarm", True), (Kind.TELEMETRY, "a.b", 2)]),
        ("one name twice", {"a": {"temperature": 1}, "b": {"temperature": 2}}, [(Kind.TELEMETRY, "temperature", 1), (Kind.TELEMETRY, "b.temperature", 2)]),
        ("what is well does not end its neighbour's alarm", {"gas_state": 1, "co_alarm": 0}, [(Kind.ALARM, "gas_alarm", True), (Kind.STATE, "co_alarm", False)]),
        ("nor one further down", {"smoke": 1, "a": {"smoke": 0}}, [(Kind.ALARM, "fire_alarm", True), (Kind.CLEAR, "a.smoke", False)]),
        ("a setting of an alarm", {"enable_alarm": 1, "mute_alarm": 1}, [(Kind.TELEMETRY, "enable_alarm", 1), (Kind.TELEMETRY, "mute_alarm", 1)]),
        ("lists and nothing are left out", {"a": [1, 2], "b": None}, []),
        ("a number that is none", {"temperature": float("inf")}, [(Kind.TELEMETRY, "temperature", None)]),
    ],
)  # fmt: skip
def test_names(why: str, values: dict[str, Any], expected: list[tuple[Kind, str, Any]]) -> None:
    assert [(one.kind, one.metric, one.value) for one in read_named(values)] == expected, why


@pytest.mark.parametrize("name", ["test", "self_test", "TestMode"])
def test_a_test_is_all_of_it(name: str) -> None:
    assert [one.marks for one in read_named({"smoke": True, name: 1})] == [Mark.TEST, Mark.TEST]
    assert [one.marks for one in read_named({"smoke": True, name: 0})] == [Mark.NONE, Mark.NONE]


@pytest.mark.parametrize(
    ("value", "said"),
    [(1, True), (0.0, False), ("Alarm", True), ("正常", False), (2, None), ("?", None), (float("nan"), None)],
)
def test_yes_and_no(value: Any, said: bool | None) -> None:
    assert truth(value) is said


def test_what_stands_for_nothing() -> None:
    assert [known(one) for one in ("undefined", "", None, -1, "x", 0, -2)] == [
        False,
        False,
        False,
        False,
        True,
        True,
        True,
    ]
    assert (measured("temperature", -1), measured("battery", -1), measured("smoke", -1), measured("x", -1)) == (
        True,
        False,
        False,
        True,
    )


def test_positions() -> None:
    assert place(30.5, 114.25) == Point(30.5, 114.25)
    assert [place(*one) for one in ((0, 0), (91, 0), ("1", 2), (True, 1))] == [None] * 4  # type: ignore[arg-type]


def test_times_cost_nothing() -> None:
    assert moment("1795593598123", TimeForm.EPOCH_MS) == moment(1795593598123, TimeForm.EPOCH_MS)
    assert moment("x", TimeForm.ISO) == (None, ("bad_time",))
    assert moment([], TimeForm.ISO) == (None, ("zero_time",))
    assert moment(12, TimeForm.EPOCH_MS) == (None, ("zero_time",))


@pytest.mark.parametrize("value", ["", "a\n", "x" * 129, None, True, 1.5, []])
def test_what_is_no_name(value: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        ident(value, "it")
    assert caught.value.reason is Reason.NO_DEVICE


def test_too_many_and_too_deep() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = {"a": deep}
    for values, reason in (
        ({str(n): n for n in range(2000)}, Reason.TOO_BIG),
        (deep, Reason.TOO_DEEP),
        ({"history": [{}] * 2000}, Reason.TOO_BIG),
    ):
        with pytest.raises(Unreadable) as caught:
            read_named(values)
        assert caught.value.reason is reason


def test_kept_bytes_say_how_many_they_were() -> None:
    one = kept("payload", b"\x01\x02", "no_codec")
    assert (one.quality, one.attributes) == (Quality.BAD, {"payload_hex": "0102", "payload_bytes": 2})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=90), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=90) | st.sampled_from(["history", "smoke", "test", "position"]), _JSON, max_size=5)
)
def test_every_map_is_read(values: dict[str, Any]) -> None:
    for one in read_named(values):
        assert len(one.metric) <= 128
        assert one.metric.isprintable()


@given(st.dictionaries(st.text(max_size=5), st.integers(-5, 5), max_size=5))
def test_the_order_of_names_makes_no_difference(values: dict[str, int]) -> None:
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))
