"""A telephone call through Twilio that reads the notice out and takes a key press as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twilio.twiml.voice_response import Gather, VoiceResponse

from alerts.alert import Notice
from alerts.channels.contract import Answer, Retry
from alerts.channels.receipts import digits_url, status_url
from alerts.channels.twilio_client import attempt, client_of, earlier
from alerts.people.roster import Person
from alerts.settings import TwilioSettings

_LISTED: Final = 20
_RINGING: Final = 25  # seconds: longer, and a mailbox answers
_THINKING: Final = 8  # seconds for the key after the text
_LANGUAGES: Final = {"zh": "zh-CN", "en": "en-US"}
_TOLD_OF: Final = ("initiated", "ringing", "answered", "completed")


class TwilioVoice:
    """A picked-up telephone is not an answer; a pressed key is."""

    def __init__(self, settings: TwilioSettings, public_url: str) -> None:
        self._settings = settings
        self._public_url = public_url
        self._client = client_of(settings)

    def send(self, notice: Notice, person: Person) -> Answer:
        return attempt(
            lambda: self._client.calls.create(
                to=person.phone,
                from_=self._settings.sender,
                twiml=asking(notice.text, person.language, digits_url(self._public_url, notice.key)),
                status_callback=status_url(self._public_url, notice.key),
                status_callback_event=list(_TOLD_OF),
                timeout=_RINGING,
            )
        )

    def find(self, notice: Notice, person: Person) -> Sequence[str] | Retry:
        # A call carries no mark of ours: any call to this telephone since the notice was made may be it, unless
        # another notice is known to have made it (the sender asks the ledger).
        def ours(call: Any) -> bool:
            return str(call.to or person.phone) == person.phone

        return earlier(notice, lambda: self._client.calls.list(to=person.phone, limit=_LISTED), ours=ours)


def asking(text: str, language: str, answer_to: str) -> str:
    """TwiML that reads a text twice and waits for one key, which is posted to `answer_to`."""
    spoken = VoiceResponse()
    gather = Gather(num_digits=1, timeout=_THINKING, action=answer_to, method="POST")
    for _ in range(2):
        gather.say(text, language=_LANGUAGES.get(language, language))
        gather.pause(length=1)
    spoken.append(gather)
    return str(spoken)


def saying(text: str, language: str) -> str:
    """TwiML that says a text and hangs up."""
    spoken = VoiceResponse()
    spoken.say(text, language=_LANGUAGES.get(language, language))
    spoken.hangup()
    return str(spoken)
