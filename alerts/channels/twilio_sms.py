"""A text message through Twilio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from alerts.alert import Notice
from alerts.channels.contract import Answer, Retry
from alerts.channels.receipts import status_url
from alerts.channels.twilio_client import attempt, client_of, earlier
from alerts.people.roster import Person
from alerts.settings import TwilioSettings

_LISTED: Final = 20
_MARK: Final = 6  # characters of the notice's key that a text carries


class TwilioSms:
    """A text ends with the first characters of its notice's key, so that it can be found again at the provider."""

    def __init__(self, settings: TwilioSettings, public_url: str) -> None:
        self._settings = settings
        self._public_url = public_url
        self._client = client_of(settings)

    def send(self, notice: Notice, person: Person) -> Answer:
        sender = self._settings.sender
        by = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        return attempt(
            lambda: self._client.messages.create(
                to=person.phone,
                body=f"{notice.text} {mark(notice)}",
                status_callback=status_url(self._public_url, notice.key),
                validity_period=self._settings.validity,
                **by,
            )
        )

    def find(self, notice: Notice, person: Person) -> Sequence[str] | Retry:
        def ours(message: Any) -> bool:
            return str(message.body or "").rstrip().endswith(mark(notice))

        return earlier(notice, lambda: self._client.messages.list(to=person.phone, limit=_LISTED), ours=ours)


def mark(notice: Notice) -> str:
    """What a text carries to be told from others: `[1a2b3c]`."""
    return f"[{notice.key[:_MARK]}]"
