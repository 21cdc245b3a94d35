"""What the telephone provider calls back: what became of a notice, and which key was pressed. Only signed ones count."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from alerts.channels.receipts import SIGNATURE, digit_of, genuine, receipt_of
from alerts.channels.twilio_voice import saying
from alerts.conduct import ACCEPT_DIGIT
from alerts.returns import UnknownNotice
from api.http.desk import Desk, TheDesk
from api.http.problems import Problem
from api.selfwatch.claims import OWN

router = APIRouter(prefix="/provider/twilio", include_in_schema=False)
Key = Annotated[str, Path(max_length=200)]
BODY_LIMIT: Final = 64 * 1024  # bytes; a callback has about forty short fields


@router.post("/status/{key}")
async def status(key: Key, request: Request, desk: TheDesk) -> Response:
    receipt = receipt_of(key, await _signed(request, desk))
    if receipt is not None and not key.startswith(OWN):
        await run_in_threadpool(
            _or_unknown,
            lambda: desk.conductor.receipt(
                receipt.key, receipt.state, desk.clock.now(), provider_id=receipt.provider_id, error=receipt.error
            ),
        )
    return Response(status_code=204)


@router.post("/digits/{key}")
async def digits(key: Key, request: Request, desk: TheDesk) -> Response:
    """A key press: 1 takes the alert. The answer is what the person hears."""
    form = await _signed(request, desk)
    digit = digit_of(form)
    if digit and not key.startswith(OWN):
        await run_in_threadpool(_or_unknown, lambda: desk.conductor.answered(key, desk.clock.now(), digit))
    language = await run_in_threadpool(_language, desk, form.get("CallSid", ""))
    heard = _spoken()[language]["accepted" if digit == ACCEPT_DIGIT else "other"]
    return Response(saying(heard, language), media_type="application/xml")


async def _signed(request: Request, desk: Desk) -> dict[str, str]:
    """The form of a callback that the provider signed for our public address; anything else is a 403."""
    if int(request.headers.get("content-length") or BODY_LIMIT + 1) > BODY_LIMIT:
        raise Problem("bad_signature")
    async with request.form(max_fields=200, max_files=0) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace").split("?")[0]
    query = f"?{request.url.query}" if request.url.query else ""
    url = desk.notify.public_url.rstrip("/") + path + query
    token = desk.notify.twilio.auth_token.get_secret_value()
    if not genuine(token, url, fields, request.headers.get(SIGNATURE, "")):
        raise Problem("bad_signature")
    return fields


def _or_unknown(act: Any) -> None:
    try:
        act()
    except UnknownNotice as error:
        raise Problem("no_such_thing", what=str(error)) from error


def _language(desk: Desk, provider_id: str) -> str:
    notice = desk.ledger.notice_by_provider_id(provider_id) if provider_id else None
    person = desk.roster().person(notice.person) if notice else None
    language = person.language if person else desk.notify.language
    return language if language in _spoken() else "zh"


@cache
def _spoken() -> dict[str, Any]:
    return tomllib.loads(resources.files("api.http").joinpath("spoken.toml").read_text(encoding="utf-8"))
