"""The provider's official client, bounded in time, and what its errors mean for a notice."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from urllib3.connection import HTTPConnection

from alerts.alert import Notice
from alerts.channels.contract import Answer, Refused, Retry, Sent
from alerts.settings import TwilioSettings

_HOME: Final = "https://api.twilio.com"
_BUSY: Final = frozenset({20429, 21611, 30001})  # too many requests; our queue there is full; its queue overflowed
_AFTER_BUSY: Final = 1.0
_AFTER_SILENCE: Final = 2.0  # seconds until what was taken over without an answer is surely in the provider's list
_CLOCKS_APART: Final = timedelta(minutes=1)


class _Abrupt(HTTPAdapter):
    """Resets a connection that is given up instead of closing it.

    The system goes on sending what a closed connection still holds, for minutes: where the network loses packets for a while, a text that
    was given up and looked for in vain would still arrive, after it was sent again.
    """

    def init_poolmanager(self, *rest: Any, **options: Any) -> None:
        at_once = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        super().init_poolmanager(*rest, socket_options=[*HTTPConnection.default_socket_options, at_once], **options)


class _Elsewhere(TwilioHttpClient):
    """Sends every request to another provider of the same interface."""

    def __init__(self, base_url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._base_url = base_url.rstrip("/")
        self.session.trust_env = False  # an office's proxy has no way to a network on this machine
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, _Abrupt())

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        return super().request(method, url.replace(_HOME, self._base_url, 1), *rest, **options)


def client_of(settings: TwilioSettings) -> Client:
    """The official client. It has no timeout of its own accord: here every request ends within `settings.timeout`."""
    http = _Elsewhere(settings.base_url or _HOME, settings.timeout)
    if not settings.base_url:
        http.session.trust_env = True
    return Client(settings.account_sid, settings.auth_token.get_secret_value(), http_client=http)


def attempt(create: Callable[[], Any]) -> Answer:
    """Ask the provider to take something over; its errors become answers."""
    try:
        return Sent(str(create().sid))
    except TwilioRestException as error:
        return _answer(error)
    except requests.ConnectTimeout as error:
        return Retry(0.0, f"the provider could not be reached: {error}")
    except (requests.RequestException, TwilioException) as error:
        return Retry(_AFTER_SILENCE, f"no clear answer from the provider, it may have been taken over: {error}")


def _answer(error: TwilioRestException) -> Answer:
    why = f"{error.code or error.status}: {error.msg}"
    if error.status == 429 or error.code in _BUSY:
        return Retry(_AFTER_BUSY, why, fault=False)
    if error.status >= 500:
        return Retry(_AFTER_SILENCE, why)
    return Refused(why)


class Taken(Protocol):
    """What the provider lists: a message or a call."""

    sid: str
    date_created: datetime | None


def earlier(
    notice: Notice, listed: Callable[[], Iterable[Taken]], *, ours: Callable[[Any], bool]
) -> Sequence[str] | Retry:
    """The names of listed things that are `ours` and not older than the notice, oldest first."""
    since = notice.created_at - _CLOCKS_APART
    try:
        found = [item for item in listed() if ours(item) and (item.date_created is None or item.date_created >= since)]
    except (requests.RequestException, TwilioException) as error:
        return Retry(_AFTER_SILENCE, f"the provider cannot say whether it has this already: {error}")
    return [str(item.sid) for item in reversed(found)]  # the provider lists the newest first
