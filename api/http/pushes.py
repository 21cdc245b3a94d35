"""The doors of platforms that push over HTTP. 200 means that the log has it, whether it could be understood or not: what is kept need not
come again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.http.desk import TheDesk, answer
from api.http.problems import Problem
from api.pushes import Knock, Pushed, Refused
from ingest.dialects.observation import Decoding

router = APIRouter(prefix="/api/v1", tags=["push"])
_BEARER: Final = "bearer "
# Names under which platforms ask whether we are there, and want the same value back (OneNET and its kin).
_ECHOED: Final = ("msg", "echostr", "challenge")
_KINDS: Final = {b"<": "application/xml", b"{": "application/json", b"[": "application/json"}


@router.get(
    "/push/{door}", summary="平台验证地址 · A platform asks whether this address is ours; what it sent comes back"
)
async def verify(door: str, request: Request, desk: TheDesk) -> Response:
    del door  # the same for every name: whether there is such a door is not given away
    if desk.pushes is None:
        raise Problem("no_such_thing", what="push door")
    said = next((request.query_params[name] for name in _ECHOED if name in request.query_params), "")
    return Response(said[:256], media_type="text/plain")


@router.post("/push/{door}", summary="平台推送 · Take what a platform pushes; 200 means that the log has it")
async def push(door: str, request: Request, desk: TheDesk) -> Response:
    if desk.pushes is None:
        raise Problem("push_unknown", why="no push door is open here")
    peer = request.client.host if request.client else ""
    try:
        largest = desk.pushes.admit(Knock(door, peer, token_of(request)))
    except Refused as refused:
        raise Problem(refused.code, why=str(refused)) from refused
    body = await body_of(request, largest)
    headers = dict(request.headers)
    pushed = Pushed(door, request.url.path, body, peer, headers.get("content-type", ""), headers)
    try:
        decoding = await desk.pushes.take(pushed)
    except (OSError, RuntimeError) as error:  # whatever the log's client raises, it was not taken
        raise Problem("push_not_taken", why=str(error) or "it does not answer") from error
    return _answer(decoding)


def _answer(decoding: Decoding) -> Response:
    """What the dialect makes us answer, or what became of it."""
    if decoding.reply is not None:
        return Response(decoding.reply, media_type=_KINDS.get(decoding.reply.lstrip()[:1], "application/octet-stream"))
    said: Mapping[str, Any] = {
        "verdict": decoding.verdict, "reason": decoding.reason or None, "observations": len(decoding.observations),
    }  # fmt: skip
    return answer(said)


def token_of(request: Request) -> str:
    """What a request shows to get in: a bearer token, `X-Tocsin-Token`, or `?token=`."""
    said = request.headers.get("authorization", "")
    if said.lower().startswith(_BEARER):
        return said[len(_BEARER) :].strip()
    return request.headers.get("x-tocsin-token") or request.query_params.get("token", "")


async def body_of(request: Request, largest: int) -> bytes:
    """The body, never more of it than the door reads. Raises `Problem`."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > largest:
            raise Problem("push_too_big", why=f"at most {largest} bytes are read")
    return bytes(found)
