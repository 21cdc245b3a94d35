"""Open311 GeoReport v2 (https://wiki.open311.org/GeoReport_v2): services, new requests, and how they stand. XML and JSON.

Asking is open to whoever reaches this API, as the standard has it; a new request wants the key of the push door named `open311`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from alerts.alert import Alert
from alerts.ledger.port import Filter, LedgerUnavailable
from api.http.desk import Desk, TheDesk
from api.http.problems import Problem
from api.http.pushes import body_of, token_of
from api.open311 import MOST, SPAN, Asked, Wrong, asked, call_of, offer, requests_of, wants_timeline
from api.pushes import Knock, Refused
from ingest.dialects.claims import LARGEST, Unreadable
from ingest.dialects.open311 import read_form
from ingest.dialects.open311_answers import (
    Format,
    ServiceRequest,
    render_errors,
    render_post,
    render_requests,
    render_services,
)

router = APIRouter(prefix="/api/open311/v2", tags=["open311"])
DOOR: Final = "open311"
_PAGE: Final = 500
_OPEN_BEFORE: Final = timedelta(days=7)
_LOOKED_AT: Final = 10_000  # alerts that one question may go through
_KEY: Final = "the api_key is missing or not the one this door wants 缺少 api_key 或不正确"
_AWAY: Final = "the log has not said yes and nothing was taken; send it again 未受理，请稍后原样重发"


@router.get("/services.{form}", summary="Open311：可受理的诉求 · What can be reported")
async def services(form: str) -> Response:
    spoken = _format(form)
    return _said(render_services(offer().services.values(), spoken), spoken)


@router.get("/services/{code}.{form}", summary="Open311：诉求的附加字段 · No service has fields of its own")
async def service(code: str, form: str) -> Response:
    found = offer().services.get(code)
    why = (
        "service_code was not found 没有这项服务" if found is None else "this service has no further fields 无附加字段"
    )
    return _wrong(404, why, _format(form))


@router.get("/requests.{form}", summary="Open311：诉求列表 · Requests that became a case, newest first")
def requests(form: str, request: Request, desk: TheDesk) -> Response:
    """At most 1,000 of at most 90 days. `service_request_id`, `service_code` and `status` may be several, with commas."""
    spoken = _format(form)
    try:
        wanted = asked(request.query_params, desk.clock.now())
    except Wrong as wrong:
        return _wrong(wrong.code, str(wrong), spoken)
    return _answered(desk, wanted, spoken)


@router.get("/requests/{ident:path}.{form}", summary="Open311：一件诉求 · One request")
def one(ident: str, form: str, desk: TheDesk) -> Response:
    return _answered(desk, Asked((ident,)), _format(form), single=True)


@router.post("/requests.{form}", summary="Open311：提交诉求 · A new request, taken like a hotline call")
async def post(form: str, request: Request, desk: TheDesk) -> Response:
    """The number in the answer is the call's; 201 means that the log has it."""
    spoken = _format(form)
    try:
        body = await body_of(request, LARGEST)
    except Problem as problem:
        return _wrong(413, str(problem.values.get("why", problem)), spoken)
    try:
        _admit(desk, request, body)
    except Refused as refused:
        return _wrong(429, str(refused), spoken) if refused.code == "push_too_many" else _wrong(403, _KEY, spoken)
    try:
        said = call_of(body, desk.clock.now())
        if desk.publish_call is None:
            return _wrong(503, _AWAY, spoken)
        taken = await desk.publish_call(said)
    except Wrong as wrong:
        return _wrong(wrong.code, str(wrong), spoken)
    except ValueError as error:
        return _wrong(400, str(error), spoken)
    except (OSError, RuntimeError):  # whatever the log's client raises, it was not taken
        return _wrong(503, _AWAY, spoken)
    return _said(render_post(spoken, ident=taken.ident, notice=offer().notice), spoken, 201)


def _admit(desk: Desk, request: Request, body: bytes) -> None:
    if desk.pushes is None:
        raise Refused("push_unknown", "no push door is open")
    desk.pushes.admit(Knock(DOOR, request.client.host if request.client else "", _key(request, body)))


def _key(request: Request, body: bytes) -> str:
    """The standard's `api_key`, in the form or the address; else the token as at any push door."""
    try:
        said = read_form(body).get("api_key", "")
    except Unreadable:
        said = ""
    return said or request.query_params.get("api_key", "") or token_of(request)


def _answered(desk: Desk, wanted: Asked, spoken: Format, *, single: bool = False) -> Response:
    try:
        found = list(_found(desk, wanted))
    except LedgerUnavailable as error:
        return _wrong(503, str(error), spoken)
    if single and not found:
        return _wrong(404, "service_request_id was not found 没有这件诉求，或它未形成警情", spoken)
    found.sort(key=lambda r: r.requested_datetime.timestamp() if r.requested_datetime else 0.0, reverse=True)
    return _said(render_requests(found[:MOST], spoken), spoken)


def _found(desk: Desk, wanted: Asked) -> Iterator[ServiceRequest]:
    registry = desk.registry()
    seen: set[str] = set()
    for alert in _alerts(desk, wanted):
        timeline = desk.ledger.timeline(alert.id) if wants_timeline(alert) else ()
        for request in requests_of(alert, timeline, registry):
            if request.service_request_id not in seen and wanted.fits(request):
                seen.add(request.service_request_id)
                yield request


def _alerts(desk: Desk, wanted: Asked) -> Iterator[Alert]:
    """Those that may have one of them: by id, or raised since a while before the time that is asked for, for a call may join a case."""
    if wanted.idents:
        for ident in wanted.idents[:100]:
            yield from desk.ledger.page(Filter(subject=ident), limit=_PAGE).alerts
        return
    cursor, looked = "", 0
    since = (wanted.start or desk.clock.now() - SPAN) - _OPEN_BEFORE
    while looked < _LOOKED_AT:
        page = desk.ledger.page(Filter(since=since, open_only=wanted.statuses == ("open",)), limit=_PAGE, cursor=cursor)
        yield from page.alerts
        looked, cursor = looked + len(page.alerts), page.cursor
        if not cursor:
            return


def _format(form: str) -> Format:
    try:
        return Format(form)
    except ValueError as error:
        raise Problem("no_such_thing", what=f".{form[:20]}; .json .xml") from error


def _said(body: bytes, spoken: Format, status: int = 200) -> Response:
    headers = {503: {"Retry-After": "2"}, 429: {"Retry-After": "300"}}.get(status)
    return Response(body, status, headers, media_type=spoken.content_type)


def _wrong(code: int, why: str, spoken: Format) -> Response:
    return _said(render_errors([(code, why)], spoken), spoken, code)
