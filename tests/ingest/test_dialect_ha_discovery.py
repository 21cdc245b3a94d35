"""Home Assistant's discovery: configurations make a map, and the map reads the states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects import ha_discovery
from ingest.dialects.ha_discovery import HomeAssistant, fits
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CONFIG = "homeassistant/binary_sensor/DC4F22_fire/config"


def message(topic: str, body: Any) -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW)


def read(decoder: HomeAssistant, topic: str, body: Any) -> Decoding:
    return decode_safely(decoder, message(topic, body))


def told(*configs: tuple[str, Any]) -> HomeAssistant:
    decoder = HomeAssistant()
    for topic, body in configs:
        assert read(decoder, topic, body).verdict is Verdict.ACCEPTED
    return decoder


def said(decoding: Decoding) -> list[tuple[Kind, str, str, Any, str]]:
    return [(o.kind, o.device, o.metric, o.value, o.unit) for o in decoding.observations]


SMOKE = {"name": "Fire", "state_topic": "stat/panel/FIRE", "device_class": "smoke", "unique_id": "x_fire", "device": {"connections": [["mac", "DC4F22"]]}}  # fmt: skip


def test_a_configuration_registers_and_its_state_rings() -> None:
    decoder = HomeAssistant()
    (one,) = read(decoder, CONFIG, SMOKE).observations
    assert (one.kind, one.device, one.metric) == (Kind.REGISTER, "DC4F22", "fire_alarm")
    assert one.attributes == {
        "component": "binary_sensor", "device_class": "smoke", "name": "Fire", "unique_id": "x_fire", "state_topic": "stat/panel/FIRE",
    }  # fmt: skip
    assert decoder.knows(message("stat/panel/FIRE", b"ON"))
    assert said(read(decoder, "stat/panel/FIRE", b"ON")) == [(Kind.ALARM, "DC4F22", "fire_alarm", True, "")]
    assert said(read(decoder, "stat/panel/FIRE", b"OFF")) == [(Kind.CLEAR, "DC4F22", "fire_alarm", False, "")]
    assert read(decoder, "stat/panel/FIRE", b"maybe").reason.startswith("bad_value")


def test_an_empty_payload_removes_the_entity() -> None:
    decoder = told((CONFIG, SMOKE))
    assert read(decoder, CONFIG, b"").reason == "an entity was removed"
    assert not decoder.knows(message("stat/panel/FIRE", b"ON"))
    assert read(decoder, "stat/panel/FIRE", b"ON").reason.startswith("unknown_topic")
    assert read(decoder, CONFIG, b"").verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "component", "config", "payload", "expected"),
    [
        ("abbreviations and a base topic", "sensor", {"~": "home/x", "stat_t": "~/state", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t }}"},
         {"t": 21.5}, [(Kind.TELEMETRY, "n", "temperature", 21.5, "°C")]),
        ("a way of several steps", "sensor", {"stat_t": "home/x/state", "val_tpl": "{{value_json['a'][1].b}}"}, {"a": [0, {"b": 7}]}, [(Kind.TELEMETRY, "n", "o", 7, "")]),
        ("the value itself as a text", "sensor", {"stat_t": "home/x/state", "val_tpl": "{{ value }}", "dev_cla": "humidity", "unit_of_meas": "%"}, b"40.25", [(Kind.TELEMETRY, "n", "humidity", 40.25, "%")]),
        ("Fahrenheit comes as Celsius", "sensor", {"stat_t": "home/x/state", "dev_cla": "temperature", "unit_of_meas": "°F"}, b"68", [(Kind.TELEMETRY, "n", "temperature", 20, "°C")]),
        ("a boolean of JSON against a boolean word", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "gas", "pl_on": True, "pl_off": False, "val_tpl": "{{ value_json.gas }}"},
         {"gas": True}, [(Kind.ALARM, "n", "gas_alarm", True, "")]),
        ("own words", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "moisture", "pl_on": "wet", "pl_off": "dry"}, b"dry", [(Kind.CLEAR, "n", "water_alarm", False, "")]),
        ("heat is fire", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "heat"}, b"ON", [(Kind.ALARM, "n", "fire_alarm", True, "")]),
        ("carbon monoxide", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "carbon_monoxide"}, b"ON", [(Kind.ALARM, "n", "gas_alarm", True, "")]),
        ("tamper is a fault", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "tamper"}, b"ON", [(Kind.FAULT, "n", "tamper", True, "")]),
        ("no problem is a state", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "problem"}, b"OFF", [(Kind.STATE, "n", "problem", False, "")]),
        ("connectivity", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "connectivity"}, b"OFF", [(Kind.OFFLINE, "n", "", None, "")]),
        ("a door is a state", "binary_sensor", {"stat_t": "home/x/state", "dev_cla": "door"}, b"ON", [(Kind.STATE, "n", "door", True, "")]),
        ("gas in cubic metres is no concentration", "sensor", {"stat_t": "home/x/state", "dev_cla": "gas", "unit_of_meas": "m³"}, b"12.5", [(Kind.TELEMETRY, "n", "o", 12.5, "m³")]),
        ("a sensor of smoke without class is its own metric", "sensor", {"stat_t": "home/x/state"}, b"quiet", [(Kind.STATE, "n", "o", "quiet", "")]),
        ("an event", "event", {"stat_t": "home/x/state"}, {"event_type": "press"}, [(Kind.NOTICE, "n", "o", "press", "")]),
    ],
)  # fmt: skip
def test_states(why: str, component: str, config: dict[str, Any], payload: Any, expected: list[Any]) -> None:
    decoder = told((f"homeassistant/{component}/n/o/config", config))
    assert said(read(decoder, "home/x/state", payload)) == expected, why


@pytest.mark.parametrize(
    "template",
    ["{{ value_json.t | float }}", "{% if value %}ON{% endif %}", "{{ 7*7 }}", "{{ value_json.t }}{{ value }}", "{{ states('x') }}", "{{ value_json.__class__() }}", 7],
)  # fmt: skip
def test_a_template_that_would_have_to_be_evaluated_is_not(template: Any) -> None:
    decoder = HomeAssistant()
    (one,) = read(decoder, "homeassistant/sensor/o/config", {"stat_t": "x", "val_tpl": template}).observations
    assert one.warnings == ("template_unsupported",)
    assert read(decoder, "x", b'{"t":1}').verdict is Verdict.IGNORED


def test_a_bundle_of_a_device() -> None:
    topic = "homeassistant/device/0AFFD2/config"
    bundle = {
        "dev": {"ids": "ea334450", "name": "Kitchen", "mf": "M"}, "o": {"name": "x"}, "stat_t": "k/state", "avty_t": "k/up",
        "cmps": {
            "smoke1": {"p": "binary_sensor", "dev_cla": "smoke", "val_tpl": "{{ value_json.smoke }}", "uniq_id": "s1"},
            "temp1": {"p": "sensor", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t1 }}", "uniq_id": "t1"},
            "temp2": {"p": "sensor", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t2 }}", "uniq_id": "t2"},
        },
    }  # fmt: skip
    decoder = told((topic, bundle))
    assert said(read(decoder, "k/state", {"smoke": "ON", "t1": 20, "t2": 60})) == [
        (Kind.ALARM, "ea334450", "fire_alarm", True, ""),
        (Kind.TELEMETRY, "ea334450", "temperature", 20, "°C"),
        (Kind.TELEMETRY, "ea334450", "temp2", 60, "°C"),
    ]
    assert said(read(decoder, "k/up", b"offline")) == [(Kind.OFFLINE, "ea334450", "", None, "")]
    bundle["cmps"] = {"smoke1": {"p": "binary_sensor"}, "temp1": bundle["cmps"]["temp1"]}  # type: ignore[index]
    assert len(read(decoder, topic, bundle).observations) == 1
    assert said(read(decoder, "k/state", {"smoke": "ON", "t1": 20})) == [
        (Kind.TELEMETRY, "ea334450", "temperature", 20, "°C")
    ]


def test_one_missing_value_does_not_cost_the_others() -> None:
    decoder = told(
        ("homeassistant/sensor/a/config", {"stat_t": "x", "val_tpl": "{{ value_json.a }}"}),
        ("homeassistant/sensor/b/config", {"stat_t": "x", "val_tpl": "{{ value_json.b }}"}),
    )
    assert said(read(decoder, "x", {"b": 2})) == [(Kind.TELEMETRY, "b", "b", 2, "")]
    assert read(decoder, "x", {"c": 2}).reason.startswith("missing_field")


@pytest.mark.parametrize(
    ("why", "mode", "heard", "expected"),
    [
        ("all: one is away", "all", [("up/1", "online"), ("up/2", "offline")], [[], [Kind.OFFLINE]]),
        ("all: both are there", "all", [("up/1", "online"), ("up/2", "online")], [[], [Kind.ONLINE]]),
        ("any: one is enough", "any", [("up/1", "offline"), ("up/2", "online")], [[], [Kind.ONLINE]]),
        ("latest", "latest", [("up/1", "online"), ("up/2", "offline")], [[Kind.ONLINE], [Kind.OFFLINE]]),
    ],
)
def test_availability(why: str, mode: str, heard: list[tuple[str, str]], expected: list[list[Kind]]) -> None:
    config = {"stat_t": "x", "avty": [{"t": "up/1"}, {"topic": "up/2", "val_tpl": "{{ value_json.state }}"}], "avty_mode": mode}  # fmt: skip
    decoder = told(("homeassistant/sensor/a/config", config))
    found = [
        read(decoder, topic, orjson.dumps({"state": word}) if topic == "up/2" else word.encode())
        for topic, word in heard
    ]
    assert [[o.kind for o in decoding.observations] for decoding in found] == expected, why


@pytest.mark.parametrize(
    ("why", "topic", "payload", "verdict", "reason"),
    [
        ("its birth", "homeassistant/status", b"online", Verdict.IGNORED, "itself"),
        ("an entity without a state", "homeassistant/button/x/config", {"command_topic": "x"}, Verdict.IGNORED, "without a state"),
        ("not JSON", CONFIG, b"{", Verdict.REJECTED, "bad_json"),
        ("not an object", CONFIG, b"[]", Verdict.REJECTED, "bad_json"),
        ("a state before its configuration", "stat/panel/FIRE", b"ON", Verdict.REJECTED, "unknown_topic"),
        ("a device with no name that can be one", "homeassistant/sensor/x/config", {"stat_t": "x", "dev": {"ids": ["a\nb"]}}, Verdict.REJECTED, "no_device"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_cannot_be_used(why: str, topic: str, payload: Any, verdict: Verdict, reason: str) -> None:
    decoding = read(HomeAssistant(), topic, payload)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, why


def test_a_configuration_without_its_topic_is_found_and_read() -> None:
    assert fits(message("", SMOKE)) is Fit.MARKED
    (one,) = read(HomeAssistant(), "", SMOKE).observations
    assert (one.kind, one.metric) == (Kind.REGISTER, "fire_alarm")


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_discovery, "MOST_ENTITIES", 3)
    decoder = told(*((f"homeassistant/sensor/o{n}/config", {"stat_t": f"x{n}", "avty_t": "up"}) for n in range(9)))
    assert [n for n in range(9) if decoder.knows(message(f"x{n}", b""))] == [6, 7, 8]
    assert len(decoder._entities) == len(decoder._states) == len(decoder._taken) == 3


@pytest.mark.parametrize(
    ("topic", "body", "fit"),
    [
        (CONFIG, b"", Fit.TOPIC),
        ("ha/binary_sensor/x/config", SMOKE, Fit.TOPIC),
        ("ha/binary_sensor/x/config", {"a": 1}, Fit.CONTENT),
        ("x/y/config", SMOKE, Fit.NO),
        ("stat/panel/FIRE", b"ON", Fit.NO),
    ],
)
def test_fits(topic: str, body: Any, fit: Fit) -> None:
    assert fits(message(topic, body)) is fit


KEYS = ["~", "stat_t", "state_topic", "val_tpl", "dev", "ids", "cns", "cmps", "p", "avty", "avty_t", "t", "dev_cla", "pl_on", "unit_of_meas", "uniq_id", "a"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.sampled_from(["x", "up", "~/x", "{{ value_json.a }}", "smoke", "temperature", "binary_sensor", "sensor", "online", "ON"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(["", CONFIG, "homeassistant/device/d/config", "homeassistant/sensor/n/o/config", "x", "up"]), VALUES | st.binary(max_size=40)), max_size=6)
)  # fmt: skip
def test_nothing_that_is_sent_is_a_fault_of_ours(sent: list[tuple[str, Any]]) -> None:
    decoder = HomeAssistant()
    for topic, body in sent:
        one = message(topic, body)
        assert fits(one) in Fit
        decoding = read(decoder, topic, one.payload)
        assert not decoding.reason.startswith("fault"), decoding
