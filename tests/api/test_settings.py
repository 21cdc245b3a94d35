"""Settings are strict, and an error names file and key."""

from pathlib import Path

import pytest

from api.settings import SettingsError, load, variables


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


def secret_file(folder: Path, text: str) -> Path:
    file = folder / "secret"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_secret_may_be_kept_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[series]\nstore = "influx"\nurl = "http://s:8086"\ntoken = "old"\n', encoding="utf-8")
    monkeypatch.setenv("TOCSIN_SERIES__TOKEN_FILE", str(secret_file(tmp_path, "new \n")))
    monkeypatch.setenv("TOCSIN_SECRET_FILE", str(secret_file(tmp_path, "new \n")))
    loaded = load(file)
    assert loaded.series.token.get_secret_value() == "new ", "one line end is the editor's, the rest is the secret's"
    assert loaded.secret.get_secret_value() == "new "
    assert loaded.series.url == "http://s:8086", "the section's other keys come from where they stand"


WRONG_FILES = [
    ("a file that is not there", None, "series.token, cannot be read: No such file"),
    ("a file with nothing in it", "\n", "is empty; it should hold series.token"),
]


@pytest.mark.parametrize(("_sentence", "text", "said"), WRONG_FILES, ids=[row[0] for row in WRONG_FILES])
def test_a_secret_that_cannot_be_read_is_said_with_variable_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _sentence: str, text: str | None, said: str
) -> None:
    file = tmp_path / "absent" if text is None else secret_file(tmp_path, text)
    monkeypatch.setenv("TOCSIN_SERIES__TOKEN_FILE", str(file))
    with pytest.raises(SettingsError) as caught:
        load()
    (problem,) = caught.value.problems
    assert problem.startswith("environment: TOCSIN_SERIES__TOKEN_FILE: ")
    assert str(file) in problem
    assert said in problem.replace("which should hold ", "")


def test_a_secret_said_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SECRET", "a")
    monkeypatch.setenv("TOCSIN_SECRET_FILE", str(secret_file(tmp_path, "b")))
    with pytest.raises(SettingsError, match="TOCSIN_SECRET is set as well"):
        load()


@pytest.mark.parametrize("name", ["TOCSIN_MQTT__HOST_FILE", "TOCSIN_SERIES__TOKEN_FILES", "TOCSIN_FILE"])
def test_only_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/etc/hostname")
    with pytest.raises(SettingsError, match=name):
        load()


def test_every_key_has_a_variable_and_every_secret_two() -> None:
    names = [name for name, _ in variables()]
    assert {
        "TOCSIN_MQTT__PORT",
        "TOCSIN_SECRET",
        "TOCSIN_SECRET_FILE",
        "TOCSIN_NOTIFY__TWILIO__AUTH_TOKEN_FILE",
    } <= set(names)
    assert len(names) == len(set(names))


ADDRESSES = [
    ("a password of its own is put into the address", "postgresql+psycopg://t@db:5432/t?sslmode=require", "p@/ ü",
     "postgresql+psycopg://t:p%40%2F%20%C3%BC@db:5432/t?sslmode=require"),
    ("an address that has its password stays", "postgresql+psycopg://t:x@db/t", "", "postgresql+psycopg://t:x@db/t"),
    ("a file needs none", "sqlite:////var/lib/l.db", "", "sqlite:////var/lib/l.db"),
]  # fmt: skip


@pytest.mark.parametrize(("_sentence", "url", "password", "address"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_the_ledger_s_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _sentence: str, url: str, password: str, address: str
) -> None:
    monkeypatch.setenv("TOCSIN_LEDGER__URL", url)
    if password:
        monkeypatch.setenv("TOCSIN_LEDGER__PASSWORD_FILE", str(secret_file(tmp_path, password)))
    ledger = load().ledger
    assert ledger.address == address
    assert ledger.url == url, "what is shown has no password that was kept apart"


@pytest.mark.parametrize("url", ["sqlite:///l.db", "postgresql+psycopg://db/t", "postgresql+psycopg://t:x@db/t"])
def test_a_password_with_nobody_to_take_it_is_an_error(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TOCSIN_LEDGER__URL", url)
    monkeypatch.setenv("TOCSIN_LEDGER__PASSWORD", "p")
    with pytest.raises(SettingsError, match="names a user and no password"):
        load()
