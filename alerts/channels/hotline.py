"""Writing back to a hotline platform over HTTP: one signed POST per report, in the platform's own field names and words.

At least once: a report whose answer was lost is posted again under the same `Idempotency-Key`, which is its own for ever, with the same
body. The signature is over the instant and the body (`X-Tocsin-Signature: t=UNIX,v1=HEX`, HMAC-SHA256 of "UNIX.BODY" under the shared
secret), so that whoever receives it can tell ours from another's, and an old one from a new one.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import orjson

from alerts.alert import Notice
from alerts.channels.contract import Answer, Refused, Retry, Sent
from alerts.orders.settings import HotlinePlatform
from alerts.people.roster import Person
from alerts.words import load_words

KEY: Final = "Idempotency-Key"
SIGNATURE: Final = "X-Tocsin-Signature"
PAUSE: Final = 5.0  # seconds, where the platform does not say how long
LONGEST_PAUSE: Final = 900.0
# What is refused for how we ask, and not for what we say: somebody will set it right, and then it is taken.
_OURS: Final = frozenset({401, 403, 404, 407, 408, 421, 423, 425, 429})
_TAKEN: Final = 409  # it has this key already


class HotlineDoor:
    """One platform. Its client is kept open; it may be called from several threads."""

    def __init__(self, platform: HotlinePlatform, now: Callable[[], float] = time.time) -> None:
        self._platform, self._now = platform, now
        self._secret = platform.key().encode()
        self._client = httpx.Client(timeout=platform.timeout, trust_env=False)
        words = load_words()
        self._words = {r: words.text("zh", "written_back", r) for r in words.tables["zh"]["written_back"]}
        self._words |= {report.value: word for report, word in platform.words.items()}

    def send(self, notice: Notice, person: Person) -> Answer:  # noqa: ARG002  the platform is all there is to tell
        """One post. A platform that took it may say so by its status alone, or in a field of its answer."""
        body = orjson.dumps(self._said(orjson.loads(notice.text)))
        headers = {
            "Content-Type": "application/json",
            KEY: notice.key,
            SIGNATURE: signature(self._secret, body, self._now()),
        }
        try:
            answer = self._client.post(self._platform.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return Retry(PAUSE, f"{self._platform.name} does not answer: {type(error).__name__}")
        return self._read(answer, notice.key)

    def find(self, notice: Notice, person: Person) -> Sequence[str]:  # noqa: ARG002
        """Nothing: a second post under the same key does no harm."""
        return ()

    def _said(self, report: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**report, "status": self._words.get(str(report["report"]), report["report"])}
        names = self._platform.fields
        return {names[name]: value for name, value in whole.items() if name in names} if names else whole

    def _read(self, answer: httpx.Response, key: str) -> Answer:
        code, name = answer.status_code, self._platform.name
        if code == _TAKEN or (answer.is_success and self._agrees(answer)):
            return Sent(key)
        if answer.is_success:
            return Retry(PAUSE, f"{name} answered {code}, and its {self._platform.ok_field} does not say yes")
        if answer.is_server_error or answer.is_redirect or code in _OURS:
            return Retry(_pause(answer), f"{name} answered {code}", fault=answer.is_server_error)
        return Refused(f"{name} answered {code}: it will not take this report")

    def _agrees(self, answer: httpx.Response) -> bool:
        if not self._platform.ok_field:
            return True
        try:
            said = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            return False
        return isinstance(said, dict) and str(said.get(self._platform.ok_field)) in self._platform.ok_values


def signature(secret: bytes, body: bytes, at: float) -> str:
    """What proves that a body is ours and of when it is."""
    stamp = str(int(at))
    made = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={made}"


def _pause(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), LONGEST_PAUSE) if said.isdecimal() else PAUSE
