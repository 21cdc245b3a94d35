"""Mosquitto as a plain process, from deploy/mosquitto."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ingest.settings import MqttSettings
from tests.live.process import DEPLOY, HOST, Server, ServerMissing, substituted

PASSWORD = "long-enough-1"
GATEWAY = "tocsin-gateway"  # the user that deploy/mosquitto/acl lets read everything
_BESIDE_THE_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


class Mosquitto(Server):
    """One broker. Users are made with `user`; each may do what deploy/mosquitto/acl says."""

    NAME = "mosquitto"

    def _prepare(self) -> None:
        if shutil.which("mosquitto", path=_BESIDE_THE_PATH) is None or shutil.which("mosquitto_passwd") is None:
            raise ServerMissing("mosquitto is not installed (Debian: apt-get install mosquitto)")
        (self.folder / "data").mkdir(exist_ok=True)
        self._users: set[str] = set()
        self._enrol(GATEWAY)

    def _command(self) -> Sequence[str]:
        text = substituted(
            (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8"),
            {
                "\nlistener 1883\n": f"\nlistener {self.port} {HOST}\n",
                "\npersistence_location /mosquitto/data/\n": f"\npersistence_location {self.folder / 'data'}/\n",
                "\npassword_file /run/secrets/mosquitto_passwords\n": f"\npassword_file {self._passwords}\n",
                "\nacl_file /mosquitto/config/acl\n": f"\nacl_file {self._rules}\n",
            },
        )
        rules = (DEPLOY / "mosquitto" / "acl").read_text(encoding="utf-8")
        self._rules.write_text(rules, encoding="utf-8")
        # as root it would become another user, which may not enter a test's folder
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"user root\n{text}" if os.getuid() == 0 else text, encoding="utf-8")
        return [str(shutil.which("mosquitto", path=_BESIDE_THE_PATH)), "-c", str(conf)]

    @property
    def _passwords(self) -> Path:
        return self.folder / "passwords"

    @property
    def _rules(self) -> Path:
        return self.folder / "acl"

    def _enrol(self, *names: str) -> None:
        self._passwords.touch(0o600)
        for name in set(names) - self._users:
            subprocess.run(["mosquitto_passwd", "-b", self._passwords, name, PASSWORD], check=True, timeout=20)
            self._users.add(name)

    def user(self, *names: str) -> str:
        """The broker knows these users (and what they may do) when they connect after this; their password."""
        before = len(self._users)
        self._enrol(*names)
        if self.pid and len(self._users) > before:
            self.program.tell(signal.SIGHUP)  # reads its password file again, before it reads anything from a socket
        return PASSWORD

    def settings(self, **over: object) -> MqttSettings:
        """Settings of the gateway process that find this broker."""
        own = {"host": HOST, "port": self.port, "username": GATEWAY, "password": PASSWORD}
        return MqttSettings.model_validate({**own, **over})
