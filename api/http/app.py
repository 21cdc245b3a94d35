"""The FastAPI application: routes, live stream and page, on the parts it is handed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts import commands
from alerts.policy import load_policies
from alerts.quieting import Quieting
from api.http import (
    alerts,
    callbacks,
    calls,
    dispatch,
    grids,
    health,
    instructions,
    live,
    metrics,
    notices,
    open311,
    orders,
    pushes,
    report_pages,
    report_poster,
    reports,
    route,
    silences,
    slips,
    whistles,
)
from api.http.desk import Desk
from api.http.problems import install, problem
from api.live import Live

PAGE: Final = Path(str(resources.files("api.page")))
SERVED: Final = ("", ".html", ".js", ".css", ".svg")
SECURITY: Final = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def create_app(**parts: Any) -> FastAPI:
    """The application. `parts` are the fields of `api.http.desk.Desk`, by keyword.

    Before stopping the server, call `app.state.close_streams()` (from any thread): an open stream would hold it until
    its grace period ends.
    """
    desk = Desk(**parts)
    app = FastAPI(
        title="Tocsin",
        version="1",
        summary="网格化城市的警铃 · The alarm bell of a city governed by grids",
        docs_url=None,  # FastAPI's own pages load from a public CDN, which a county's intranet does not reach
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.desk = desk
    policies = load_policies(desk.notify.policies)
    app.state.policies = policies
    app.state.targets = policies.targets
    app.state.whistles = policies.whistle
    app.state.quieting = Quieting(desk.ledger, desk.conductor, desk.registry, policies.quiet)
    install(app)
    routes = (
        dispatch,  # before what takes any word after an alert's id
        alerts,
        notices,
        calls,
        pushes,
        open311,
        orders,
        grids,
        live,
        metrics,
        health,
        callbacks,
        instructions,
        report_poster,
        reports,
        report_pages,
        route,
        silences,
        slips,
        whistles,
    )
    for part in routes:
        app.include_router(part.router)
    app.mount("/", PageFiles(directory=PAGE, html=True), name="page")
    app.add_middleware(Guarded)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    desk: Desk = app.state.desk
    loop = asyncio.get_running_loop()

    def shown(ids: list[str]) -> None:
        desk.conductor.bulk(ids, commands.Shown(), desk.clock.now())

    stream = Live(desk.ledger, live.renderer(desk), shown)
    app.state.live = stream
    app.state.saw = lambda ids: loop.call_soon_threadsafe(stream.saw, ids)
    app.state.close_streams = lambda: loop.call_soon_threadsafe(stream.close)
    polling = asyncio.create_task(stream.run())
    try:
        yield
    finally:
        stream.close()
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


class PageFiles(StaticFiles):
    """The page's own files and nothing else of its package."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if Path(path).suffix not in SERVED:
            raise HTTPException(404)
        return await super().get_response(path, scope)


class Guarded:
    """Refuses changes asked for by another site's page, and adds the headers that keep our own page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        origin = request.headers.get("origin", "")
        if (
            request.method not in ("GET", "HEAD", "OPTIONS")
            and origin
            and _host(origin) != request.headers.get("host", "")
        ):
            await problem(request, "foreign_origin", origin=origin)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self.app(scope, receive, guarded)


def _host(origin: str) -> str:
    return urlsplit(origin).netloc
