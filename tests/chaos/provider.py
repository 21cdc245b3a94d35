"""The provider at loopback: what reached it is written into the history with the instant at which it did."""

from __future__ import annotations

from typing import Any

from api.county.lines import Kind
from api.county.telephone import TelephoneNetwork, nobody_answers
from tests.chaos.history import History

SID = "ACchaos0000000000000000000000000000"
TOKEN = "chaos"


class Provider:
    """A telephone network in which nobody picks up or answers, so that every step of a policy is taken."""

    def __init__(self) -> None:
        self.network = TelephoneNetwork(SID, TOKEN, answers=nobody_answers)
        self._written = 0

    def start(self) -> Provider:
        self.network.__enter__()
        return self

    def stop(self) -> None:
        self.network.__exit__()

    @property
    def port(self) -> int:
        return int(self.network.url.rpartition(":")[2])

    def settings(self, url: str = "") -> dict[str, Any]:
        """Settings of the channel that leads here; `url` where a proxy stands in between."""
        return {"account_sid": SID, "auth_token": TOKEN, "sender": "+10000000000", "base_url": url or self.network.url}

    def numbers(self) -> set[str]:
        """Everybody who was asked for."""
        return {line.to for line in self.network.lines()}

    def write_into(self, history: History) -> None:
        """Requests since the last time."""
        lines = self.network.lines()
        for line in lines[self._written :]:
            channel = "sms" if line.kind is Kind.MESSAGE else "voice"
            at = line.created_at.timestamp()
            history.write("notice", at=at, to=line.to, channel=channel, text=line.text, ident=line.sid)
        self._written = len(lines)
