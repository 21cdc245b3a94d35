"""Errors as RFC 9457 problems: what happened, why, and what to do, in the reader's language first and in both always."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final
from uuid import uuid4

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from alerts.ledger.port import Conflict, LedgerUnavailable
from streams.series.port import SeriesUnavailable

log = logging.getLogger(__name__)
MEDIA_TYPE: Final = "application/problem+json"
LANGUAGES: Final = ("zh", "en")
_RETRY_AFTER: Final = {503: "2", 429: "300"}  # seconds; whoever is put out of a door stays out for five minutes


class Problem(Exception):
    """Raised by a route; `code` is a row of `problems.toml`, `values` fill its placeholders."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("api.http").joinpath("problems.toml").read_text(encoding="utf-8"))


def language_of(request: Request) -> str:
    """The language to answer in: Chinese, unless English is asked for first."""
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


def problem(request: Request, code: str, *, errors: Sequence[Mapping[str, str]] = (), **values: Any) -> Response:
    """The response for a row of `problems.toml`."""
    row = _table()[code]
    said = {tongue: {part: text.format_map(values) for part, text in row[tongue].items()} for tongue in LANGUAGES}
    first = said[language_of(request)]
    body: dict[str, Any] = {
        "type": f"urn:tocsin:problem:{code}",
        "title": first["what"],
        "status": row["status"],
        "detail": f"{first['why']} {first['todo']}",
        "instance": request.url.path,
        "code": code,
        **said,
    }
    if errors:
        body["errors"] = list(errors)
    headers = {"Retry-After": _RETRY_AFTER[row["status"]]} if row["status"] in _RETRY_AFTER else None
    return Response(orjson.dumps(body), row["status"], headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the app a problem, FastAPI's own included."""
    app.add_exception_handler(Problem, _raised)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(LedgerUnavailable, _as("ledger_away"))
    app.add_exception_handler(Conflict, _as("changed_meanwhile"))
    app.add_exception_handler(SeriesUnavailable, _as("series_away"))
    app.add_exception_handler(Exception, _broken)


async def _raised(request: Request, error: Exception) -> Response:
    return problem(request, error.code, **error.values) if isinstance(error, Problem) else await _broken(request, error)


def _as(code: str) -> Any:
    async def handle(request: Request, error: Exception) -> Response:
        return problem(request, code, why=str(error))

    return handle


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return problem(request, "no_such_thing", what=request.url.path)
    code = "method_not_allowed" if status == 405 else "bad_request"
    return problem(request, code, why=str(getattr(error, "detail", error)))


async def _validation(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [{"pointer": "/" + "/".join(map(str, item["loc"])), "why": str(item["msg"])} for item in found]
    return problem(request, "invalid", errors=errors, why="; ".join(f"{e['pointer']}: {e['why']}" for e in errors))


async def _broken(request: Request, error: Exception) -> Response:
    ident = uuid4().hex[:12]
    log.error("%s %s failed (%s)", request.method, request.url.path, ident, exc_info=error)
    return problem(request, "broken", id=ident)
