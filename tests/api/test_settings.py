"""Settings are strict, and an error names file and key."""

from pathlib import Path

import pytest

from api.settings import SettingsError, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


BAD = [
    ("an unknown section", "[nope]\na = 1", "nope: no such key"),
    ("an unknown key", "[mqtt]\nporrt = 1", "mqtt.porrt: no such key"),
    ("a number out of range", "[mqtt]\nport = 70000", "mqtt.port: Input should be less than or equal to 65535"),
    ("text that is not TOML", "[mqtt\n", "not TOML"),
    ("InfluxDB without an address", '[series]\nstore = "influx"', 'store = "influx" needs url and token'),
    ("texts without a provider's account", '[notify]\nchannels = ["sms"]', "twilio.account_sid"),
]


@pytest.mark.parametrize(("_sentence", "text", "said"), BAD, ids=[row[0] for row in BAD])
def test_what_cannot_be_used_is_said_with_file_and_key(tmp_path: Path, _sentence: str, text: str, said: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert any(said in problem and "t.toml" in problem for problem in caught.value.problems), caught.value.problems


def test_every_problem_of_a_file_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("[mqtt]\nport = 0\nx = 1\n[log]\npartitions = 0\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert len(caught.value.problems) == 3


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.toml"
    file.write_text("[mqtt]\nport = 1884\n", encoding="utf-8")
    monkeypatch.setenv("TOCSIN_MQTT__PORT", "1885")
    assert load(file).mqtt.port == 1885


def test_a_misspelt_variable_is_an_error_not_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_MQTT__PROT", "1885")
    with pytest.raises(SettingsError, match="TOCSIN_MQTT__PROT"):
        load()


def test_a_bad_variable_is_named_as_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_MQTT__PORT", "many")
    with pytest.raises(SettingsError, match="environment: TOCSIN_MQTT__PORT"):
        load()


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load(tmp_path / "none.toml")


def test_without_any_file_the_defaults_stand() -> None:
    assert load().notify.channels == ("log",)
