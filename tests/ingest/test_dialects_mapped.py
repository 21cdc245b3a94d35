"""Profiles: other makers' JSON becomes the same claims, and a profile that cannot be used says where and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.dialects import open_dialects
from ingest.dialects.claims import Fault, Measured, Reason, Stood, TimeForm, Unreadable, instant, read_json
from ingest.dialects.mapped import Mapped, Profile, ProfileError, load_profiles
from ingest.events import Mark, Standing

EXAMPLE = Path(__file__).parents[2] / "docs" / "profiles.example.toml"
PROFILES = {p.name: Mapped(p) for p in load_profiles(EXAMPLE)}


def read(profile: str, topic: str, body: Any) -> tuple[Any, ...]:
    return PROFILES[profile].read(topic, body if isinstance(body, bytes) else orjson.dumps(body))


@pytest.mark.parametrize(
    ("why", "profile", "topic", "body", "device", "values", "at"),
    [
        ("a Zigbee smoke detector without a time", "zigbee2mqtt", "zigbee2mqtt/kitchen", {"smoke": True, "battery": 90, "tamper": False},
         "kitchen", {"alarm": 1.0, "battery": 90.0, "tamper": 0.0}, None),
        ("Zigbee with an ISO time, and a voltage in millivolts", "zigbee2mqtt", "zigbee2mqtt/a b", {"voltage": 3000, "last_seen": "2026-03-01T08:00:00+00:00"},
         "a b", {"voltage": 3.0}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("Zigbee with milliseconds", "zigbee2mqtt", "zigbee2mqtt/x", {"temperature": 21, "last_seen": 1772352000000},
         "x", {"temperature": 21.0}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("Tasmota writes local time without an offset", "tasmota", "tele/boiler/SENSOR", {"Time": "2026-03-01T16:00:00", "AM2301": {"Temperature": 21.5, "Humidity": 40}},
         "boiler", {"temperature": 21.5, "humidity": 40.0}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("Tasmota with words for a switch", "tasmota", "tele/door/SENSOR", {"Switch1": "ON"}, "door", {"switch1": 1.0}, None),
    ],
)  # fmt: skip
def test_the_example_s_profiles_read(
    why: str, profile: str, topic: str, body: Any, device: str, values: dict[str, float], at: datetime | None
) -> None:
    (claim,) = read(profile, topic, body)
    assert isinstance(claim, Measured), why
    assert (claim.device, dict(claim.values), claim.at, claim.gateway) == (device, values, at, profile), why


def test_a_test_alarm_is_marked() -> None:
    (claim,) = read("zigbee2mqtt", "zigbee2mqtt/kitchen", {"smoke": True, "test": True})
    assert claim.marks == Mark.TEST


@pytest.mark.parametrize(
    ("profile", "topic", "payload", "standing"),
    [
        ("zigbee2mqtt", "zigbee2mqtt/kitchen/availability", b"offline", Standing.OFFLINE),
        ("zigbee2mqtt", "zigbee2mqtt/kitchen/availability", b'{"state":"online"}', Standing.ONLINE),
        ("tasmota", "tele/kitchen/LWT", b"Offline", Standing.OFFLINE),
    ],
)
def test_presence_in_words_or_json(profile: str, topic: str, payload: bytes, standing: Standing) -> None:
    assert read(profile, topic, payload) == (Stood("kitchen", standing, profile),)


def test_what_says_nothing_is_understood() -> None:
    assert read("zigbee2mqtt", "zigbee2mqtt/bridge/state", b"whatever") == ()
    assert read("tasmota", "tele/x/STATE", b"{") == ()
    assert read("zigbee2mqtt", "zigbee2mqtt/remote", {"action": "on"}) == ()


def test_a_value_of_the_wrong_kind_is_a_fault_and_the_rest_is_kept() -> None:
    measured, fault = read("zigbee2mqtt", "zigbee2mqtt/x", {"temperature": "hot", "humidity": 40})
    assert dict(measured.values) == {"humidity": 40.0}
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.BAD_VALUE
    assert "/temperature is 'hot'" in fault.detail


def test_topics_of_others_are_left_alone() -> None:
    assert PROFILES["tasmota"].source("tele/x/y/SENSOR") is None
    assert PROFILES["zigbee2mqtt"].source("tocsin/gw/d/telemetry") is None
    assert PROFILES["tasmota"].source("tele/x/SENSOR\n") is None


OWN = """
[[profile]]
name = "plant"
topic = "plant/{gateway}/+/{device}/data"
time = { pointer = "/ts/0", forms = ["epoch_s"] }
metrics = [
  { pointer = "/v/1", metric = "temperature", scale = 0.1, offset = -40, unit = "°C" },
  { pointer = "/door~1state", metric = "contact", words = { open = 1, shut = 0 } },
]

[[profile]]
name = "tasmota"
topic = "custom/{device}"
metrics = [{ pointer = "/x", metric = "x" }]
"""


def test_profiles_are_asked_in_their_order_after_tocsin_s_own(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(OWN, encoding="utf-8")
    assert [p.name for p in load_profiles(file)] == ["plant", "tasmota"]
    plant = Mapped(load_profiles(file)[0])
    (claim,) = plant.read("plant/gw7/hall/pump/data", b'{"ts":[1772352000.5],"v":[0,615],"door/state":"open"}')
    assert isinstance(claim, Measured)
    assert (claim.device, claim.gateway, dict(claim.values)) == ("pump", "gw7", {"temperature": 21.5, "contact": 1.0})
    assert claim.at == datetime(2026, 3, 1, 8, 0, 0, 500_000, tzinfo=UTC)
    assert len(open_dialects(file)) == 3


@pytest.mark.parametrize(
    ("why", "text", "said"),
    [
        ("an unknown key", '[[profile]]\nname="a"\ntopic="a/{device}"\nmetrik=[]', "profile.0.metrik"),
        ("no device in the topic", '[[profile]]\nname="a"\ntopic="a/b"\nmetrics=[{pointer="/x",metric="x"}]', "needs {device} exactly once"),
        ("nothing to say", '[[profile]]\nname="a"\ntopic="a/{device}"', "needs metrics or presence"),
        ("a pointer without its slash", '[[profile]]\nname="a"\ntopic="a/{device}"\nmetrics=[{pointer="x",metric="x"}]', "metrics.0.pointer"),
        ("an unknown form of time", '[[profile]]\nname="a"\ntopic="a/{device}"\ntime={pointer="/t",forms=["soon"]}\nmetrics=[{pointer="/x",metric="x"}]', "time.forms.0"),
        ("two of one name", '[[profile]]\nname="a"\ntopic="a/{device}"\nmetrics=[{pointer="/x",metric="x"}]\n' * 2, "same name"),
        ("not TOML", "[[profile", "not TOML"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_used_names_file_and_key(why: str, text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profiles(file)
    assert said in str(caught.value), why
    assert str(file) in str(caught.value), why


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read"):
        load_profiles(tmp_path / "none.toml")


AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("why", "value", "form", "expected"),
    [
        ("seconds", 1772352000, TimeForm.EPOCH_S, AT),
        ("milliseconds", 1772352000000, TimeForm.EPOCH_MS, AT),
        ("naive UTC", "2026-03-01T08:00:00", TimeForm.NAIVE_UTC, AT),
        ("naive China Standard Time", "2026-03-01 16:00:00", TimeForm.NAIVE_CST, AT),
        ("a compact ISO time", "20260301T080000Z", TimeForm.ISO, AT),
        ("no form: never a time", "2026-03-01T08:00:00", TimeForm.NONE, None),
        ("absent", None, TimeForm.ISO, None),
        ("a clock that was never set", 12, TimeForm.EPOCH_S, None),
    ],
)
def test_every_form_of_time(why: str, value: object, form: TimeForm, expected: datetime | None) -> None:
    assert instant(value, form) == expected, why


@pytest.mark.parametrize(
    "value", ["2026-03-01T08:00:00", "soon", 1772352000, True, [1], {"a": 1}, float("inf"), "9999-99-99"]
)
def test_a_time_in_no_given_form_is_not_guessed(value: object) -> None:
    with pytest.raises(Unreadable, match="bad_time"):
        instant(value, TimeForm.ISO)


def test_the_example_profile_needs_only_what_it_uses() -> None:
    profile = Profile.model_validate(
        {"name": "x", "topic": "x/{device}", "metrics": [{"pointer": "/a", "metric": "a"}]}
    )
    assert Mapped(profile).read("x/1", b'{"a":2}') == (Measured("1", (("a", 2.0),), "x"),)


@pytest.mark.parametrize(
    ("sentence", "payload", "reason"),
    [
        ("32 levels are read", b'{"a":' * 31 + b"[1]" + b"}" * 31, None),
        ("one more is too deep", b'{"a":' * 32 + b"[1]" + b"}" * 32, Reason.TOO_DEEP),
        ("many brackets side by side are not deep", b"[" + b"[],".join([b""] * 500) + b"[]]", None),
    ],
)
def test_how_deep_json_is_read(sentence: str, payload: bytes, reason: Reason | None) -> None:
    try:
        read_json(payload)
        found = None
    except Unreadable as error:
        found = error.reason
    assert found is reason, sentence
