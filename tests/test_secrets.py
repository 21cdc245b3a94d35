"""deploy/secrets makes what is missing, leaves what is there, and Mosquitto believes it."""

from __future__ import annotations

import stat
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import serving
from tests.deployed import run, script
from tests.live.servers import Mosquitto

NAMES = {*script("secrets").MADE, script("secrets").USERS}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("options", "expected"), [((), 0o400), (("--readable",), 0o444)])
def test_each_secret_is_a_file_that_few_can_read(tmp_path: Path, options: tuple[str, ...], expected: int) -> None:
    folder = tmp_path / "secrets"
    assert run("secrets", folder, *options).returncode == 0
    assert mode(folder) == 0o700, "whoever cannot enter the folder reads none of them"
    assert {file.name: mode(file) for file in folder.iterdir()} == dict.fromkeys(NAMES, expected)
    values = [file.read_text(encoding="utf-8") for file in folder.iterdir()]
    assert len(set(values)) == len(values)


def test_what_is_there_stays(tmp_path: Path) -> None:
    run("secrets", tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "series_token").unlink()
    done = run("secrets", tmp_path)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"series_token"}
    assert done.stderr == f"made {tmp_path / 'series_token'}\n"


@pytest.mark.parametrize("name", ["a b", "a:b", "a/b", "", "tocsin-gateway", "x" * 65, "a\nb"])
def test_a_name_that_would_break_the_file_or_take_ours_is_refused(tmp_path: Path, name: str) -> None:
    done = run("secrets", tmp_path, "--gateway", name)
    assert done.returncode == 2
    assert not (tmp_path / "mosquitto_passwords").exists()


class WithSecrets(Mosquitto):
    """Mosquitto with the password file that deploy/secrets made."""

    def _enrol(self, *names: str) -> None:
        self._users.update(names)

    @property
    def _passwords(self) -> Path:
        return self.folder / "secrets" / "mosquitto_passwords"


def enters(port: int, user: str, password: str) -> bool:
    """Whether the broker lets a user in."""
    said: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, password)
    client.on_connect = lambda _c, _u, _f, reason, _p: said.append(not reason.is_failure)
    client.connect("127.0.0.1", port)
    while not said:
        client.loop(0.1)
    client.disconnect()
    return said[0]


@pytest.mark.server
def test_mosquitto_lets_in_whom_the_script_made(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = run("secrets", folder, "--gateway", "gw-1").stdout.split()
    node = (folder / "mosquitto_passwords").stat().st_ino
    name, password = run("secrets", folder, "--gateway", "gw-1").stdout.split()
    assert name == first[0] == "gw-1"
    assert (folder / "mosquitto_passwords").stat().st_ino == node, "a container has this very file mounted"
    server = WithSecrets(tmp_path)
    with serving(server):
        assert enters(server.port, "tocsin-gateway", (folder / "mqtt_password").read_text(encoding="utf-8").strip())
        assert enters(server.port, "gw-1", password)
        assert not enters(server.port, "gw-1", first[1]), "a new password ends the old one"
        assert not enters(server.port, "gw-2", password)
