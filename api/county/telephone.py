"""A local telephone network: a provider of the same interface as Twilio on loopback, so that a demo and the tests ring real code.

It takes messages and calls over, moves them on as time passes, tells the status callbacks (signed), and lets people pick up and press
keys as planned. Nothing leaves this machine. It can be told to be in trouble.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import logging
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

import orjson
from twilio.request_validator import RequestValidator

from api.county.lines import ERRORS, VERSION, Fault, Kind, Line, course, listed, receipt, shown, spoken

log = logging.getLogger(__name__)
Answers = Callable[[str, int], str | None]
_CALLBACK_TIMEOUT: Final = 5.0
_LONGEST_SILENCE: Final = 60.0
_SILENT: Final = frozenset({Fault.SILENT, Fault.CUT})
_UNTOLD: Final = frozenset({"sending"})  # statuses the provider calls nobody back for


def nobody_answers(to: str, nth: int) -> str | None:  # noqa: ARG001
    """The plan in which no telephone is ever picked up."""
    return None


class TelephoneNetwork:
    """`answers(number, nth)` is the key pressed at the nth call to a number ("" picks up only, None does not pick up).

    `pace` stretches (above 1) or shortens every wait. `faults[kind]` holds troubles for the next requests, first in, first out.
    """

    def __init__(
        self, account_sid: str, auth_token: str, *, answers: Answers = nobody_answers, pace: float = 1.0, port: int = 0
    ) -> None:
        self._account = account_sid
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._validator = RequestValidator(auth_token)
        self._answers = answers
        self._pace = pace
        self.faults: dict[Kind, deque[Fault]] = {kind: deque() for kind in Kind}
        self._lines: dict[str, Line] = {}
        self._due: list[tuple[float, int, str, tuple[tuple[str, float], ...]]] = []
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self.ended = threading.Event()
        network = self

        class Handler(_Handler):
            exchange = network

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="telephone-http", daemon=True),
            threading.Thread(target=self._run, name="telephone-lines", daemon=True),
        ]
        # Callbacks wait for our own API; they must not hold up the other lines.
        self._pool = ThreadPoolExecutor(8, "telephone-callback")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(10)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def lines(self, kind: Kind | None = None, to: str = "") -> list[Line]:
        """Everything that was taken over, oldest first."""
        with self._changed:
            return [e for e in self._lines.values() if (kind is None or e.kind is kind) and to in {"", e.to}]

    def take(self, kind: Kind, form: dict[str, str]) -> Line:
        """Take a message or a call over and set it going."""
        now = datetime.now(UTC)
        text, answer_to = (form.get("Body", ""), "") if kind is Kind.MESSAGE else spoken(form["Twiml"])
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        with self._changed:
            number = next(self._numbers)
            nth = 1 + sum(e.kind is kind and e.to == form["To"] for e in self._lines.values())
            digit = self._answers(form["To"], nth) if kind is Kind.CALL else None
            line = Line(
                f"{'SM' if kind is Kind.MESSAGE else 'CA'}{number:032x}", kind, form["To"], sender, text, "queued", now,
                form.get("StatusCallback", ""), answer_to, (("queued", now),), digit or "",
            )  # fmt: skip
            self._lines[line.sid] = line
            self._plan(line.sid, course(kind, digit))
        return line

    def _plan(self, sid: str, steps: tuple[tuple[str, float], ...]) -> None:
        with self._changed:
            if steps:
                heapq.heappush(
                    self._due, (time.monotonic() + steps[0][1] * self._pace, next(self._numbers), sid, steps)
                )
            self._changed.notify_all()

    def _run(self) -> None:
        while not self.ended.is_set():
            with self._changed:
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, sid, steps = heapq.heappop(self._due)
            self._pool.submit(self._advance, sid, steps)

    def _advance(self, sid: str, steps: tuple[tuple[str, float], ...]) -> None:
        status = steps[0][0]
        try:
            if status == "digits":
                self._press(sid)
            else:
                with self._changed:
                    line = self._lines[sid] = self._lines[sid].moved(status, datetime.now(UTC))
                    self._changed.notify_all()
                if line.status_callback and status not in _UNTOLD:
                    self._tell(line.status_callback, receipt(line, self._account))
        finally:
            self._plan(sid, steps[1:])

    def _press(self, sid: str) -> None:
        line = self._lines[sid]
        if not line.answer_to:
            return
        said = self._tell(line.answer_to, {**receipt(line, self._account), "Digits": line.digit, "msg": "Gather End"})
        with self._changed:
            self._lines[sid] = replace(self._lines[sid], said=said)

    def _tell(self, url: str, form: dict[str, str]) -> str:
        """Call back with a signed form; what came back, empty when nobody answered there."""
        signature = self._validator.compute_signature(url, form)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=_CALLBACK_TIMEOUT) as response:
                return str(response.read(10_000), "utf-8", "replace")
        except (urllib.error.URLError, OSError) as error:
            log.warning("callback was not taken: url=%s why=%s", url, error)
            return ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("a connection ended in the middle: from=%s", client_address)


class _Handler(BaseHTTPRequestHandler):
    """The provider's interface, as far as texts and calls need it."""

    exchange: TelephoneNetwork
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()))
        kind, sid = self._resource()
        if kind is None or sid or not form.get("To"):
            self._error(*((404, 20404, "not found") if kind is None or sid else (400, 21604, "'To' is missing")))
            return
        faults = self.exchange.faults[kind]
        fault = faults.popleft() if faults else None
        if fault in ERRORS:
            self._error(*ERRORS[fault])
            return
        line = self.exchange.take(kind, form)
        if fault in _SILENT:
            if fault is Fault.SILENT:
                self.exchange.ended.wait(_LONGEST_SILENCE)
            self.close_connection = True
            return
        self._reply(201, shown(line, self.exchange._account))  # noqa: SLF001  # the other half of the network

    def do_GET(self) -> None:
        kind, sid = self._resource()
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        account = self.exchange._account  # noqa: SLF001
        lines = self.exchange.lines(kind, query.get("To", ""))
        if kind is None:
            self._error(404, 20404, "not found")
        elif not sid:
            self._reply(200, listed(lines, kind, account))
        elif found := [line for line in lines if line.sid == sid]:
            self._reply(200, shown(found[0], account))
        else:
            self._error(404, 20404, "not found")

    def _resource(self) -> tuple[Kind | None, str]:
        """What the address names: a list ("") or one of it. Nothing without the account's own credentials."""
        parts = urllib.parse.urlsplit(self.path).path.removesuffix(".json").strip("/").split("/")
        if self.headers.get("Authorization") != self.exchange._authorization:  # noqa: SLF001
            return None, ""
        if parts[:3] != [VERSION, "Accounts", self.exchange._account] or len(parts) not in {4, 5}:  # noqa: SLF001
            return None, ""
        return (Kind(parts[3]), parts[4] if len(parts) == 5 else "") if parts[3] in set(Kind) else (None, "")

    def _error(self, status: int, code: int, message: str) -> None:
        self._reply(status, {"status": status, "code": code, "message": message, "more_info": ""})

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        raw = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is given
        log.debug("%s", format % args)
