"""The live stream over HTTP: server-sent events with resume, and a heartbeat that pages can see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from alerts.alert import Alert, Entry, Notice
from alerts.instructions.instruction import part_of
from api.http import rows
from api.http.alerts import unseen
from api.http.desk import Desk, TheDesk
from api.live import Live, Message, event
from ingest.clock import Clock
from streams.canary import KIND as CANARY

router = APIRouter(prefix="/api/v1", tags=["live"])
HEARTBEAT: Final = 5.0  # seconds; a page that hears nothing for two of them says that its data is old
PATIENCE: Final = 10.0  # seconds a write may wait for a reader's socket


class EventStream(Response):
    """Writes chunks as they come until the reader leaves, is let go, or does not read for `PATIENCE` seconds."""

    def __init__(self, chunks: Callable[[], AsyncGenerator[bytes]]) -> None:
        super().__init__(media_type="text/event-stream")
        self.raw_headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ]
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the shape of ASGI
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            raise error

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with contextlib.aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                if not chunk:
                    continue
                try:
                    async with asyncio.timeout(PATIENCE):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/stream",
    summary="实时流 · Server-sent events: `entry` (a timeline line and its alert), `heartbeat`, `hello`, `reset`",
    response_class=Response,
    responses={
        200: {
            "description": "`entry` data: {entry, alert}, id = seq. `hello` and `heartbeat` data: {at, seq}. "
            "`reset`: what is missing is too much to tell; read the list anew.",
            "content": {"text/event-stream": {"example": 'event: heartbeat\ndata: {"at":"…","seq":812}\n\n'}},
        },
    },
)
async def stream(
    request: Request,
    desk: TheDesk,
    since: Annotated[int | None, Query(ge=0, description="Tell what came after this seq first")] = None,
    last_event_id: Annotated[str, Header(description="Sent by a browser that reconnects; wins over `since`")] = "",
) -> Response:
    live: Live = request.app.state.live
    position = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else since
    return EventStream(lambda: _chunks(live, desk.clock, position))


async def _chunks(live: Live, clock: Clock, since: int | None) -> AsyncGenerator[bytes]:
    async with live.reading(since) as (reader, before):
        # Only a reader that starts here takes its position from the greeting: one that resumes keeps its own
        # until it has been told what it missed.
        start = reader.after
        yield b"retry: 2000\n\n" + event(
            "hello", {"at": clock.now(), "seq": start}, seq=start if since is None else None
        )
        async for chunk in before:
            yield chunk
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT
        while not reader.ended:
            chunk = await reader.chunk(max(beat - loop.time(), 0.0))
            if loop.time() >= beat:
                beat = loop.time() + HEARTBEAT
                chunk += event("heartbeat", {"at": clock.now(), "seq": live.seq})
            yield chunk


def renderer(desk: Desk) -> Callable[[Sequence[Entry]], list[Message]]:
    """Turns entries into messages: each carries its alert as it is now, so that a page can show it without asking."""

    def render(entries: Sequence[Entry]) -> list[Message]:
        idents = dict.fromkeys(e.alert for e in entries if not part_of(e.alert)[0])
        alerts = {alert.id: alert for alert in desk.ledger.alerts(list(idents))}
        notices = desk.ledger.notices_of(list(alerts))
        encoded = {ident: _row(desk, alert, notices[ident]) for ident, alert in alerts.items()}
        return [_message(entry, alerts.get(entry.alert), encoded.get(entry.alert)) for entry in entries]

    return render


def _row(desk: Desk, alert: Alert, notices: Sequence[Notice]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(rows.alert_row(alert, desk.registry(), notices, now=desk.clock.now())))


def _message(entry: Entry, alert: Alert | None, row: orjson.Fragment | None) -> Message:
    canary = alert is not None and alert.kind == CANARY
    if canary or part_of(entry.alert)[1]:  # one person's part in an instruction: there may be thousands of them
        return Message(entry.seq, b"")  # the position moves on, and nothing is said
    wire = event("entry", {"entry": rows.entry_row(entry), "alert": row}, seq=entry.seq)
    return Message(entry.seq, wire, alert.id if alert is not None and unseen(alert) else "")
