"""The doors of platforms that push over HTTP. 200 means that the log has it, whether it could be understood or not: what is kept need not
come again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.http.desk import TheDesk, answer
from api.http.problems import Problem
from api.pushes import Pushed, Refused
from ingest.dialects.observation import Decoding

router = APIRouter(prefix="/api/v1", tags=["push"])
_BEARER: Final = "bearer "
# Names under which platforms ask whether we are there, and want the same value back (OneNET and its kin).
_ECHOED: Final = ("msg", "echostr", "challenge")


@router.get(
    "/push/{door}", summary="平台验证地址 · A platform asks whether this address is ours; what it sent comes back"
)
async def verify(door: str, request: Request, desk: TheDesk) -> Response:
    if desk.pushes is None or not desk.pushes.largest(door):
        raise Problem("no_such_thing", what="push door")
    said = next((request.query_params[name] for name in _ECHOED if name in request.query_params), "")
    return Response(said[:256], media_type="text/plain")


@router.post("/push/{door}", summary="平台推送 · Take what a platform pushes; 200 means that the log has it")
async def push(door: str, request: Request, desk: TheDesk) -> Response:
    if desk.pushes is None:
        raise Problem("push_unknown", why="no push door is open here")
    body = await _body(request, desk.pushes.largest(door) or 1024)
    pushed = Pushed(
        door, request.url.path, body, request.client.host if request.client else "", _token(request),
        request.headers.get("content-type", ""), dict(request.headers),
    )  # fmt: skip
    try:
        decoding = await desk.pushes.take(pushed)
    except Refused as refused:
        raise Problem(refused.code, why=str(refused)) from refused
    except (
        OSError,
        RuntimeError,
    ) as error:  # whatever the log's client raises, it was not taken: the platform sends it again
        raise Problem("log_away", why=str(error) or type(error).__name__) from error
    return _answer(decoding)


def _answer(decoding: Decoding) -> Response:
    """What the dialect makes us answer, or what became of it."""
    if decoding.reply is not None:
        text = decoding.reply.lstrip()[:1] == b"<"
        return Response(decoding.reply, media_type="application/xml" if text else "application/octet-stream")
    said: Mapping[str, Any] = {
        "verdict": decoding.verdict, "reason": decoding.reason or None, "observations": len(decoding.observations),
    }  # fmt: skip
    return answer(said)


def _token(request: Request) -> str:
    said = request.headers.get("authorization", "")
    if said.lower().startswith(_BEARER):
        return said[len(_BEARER) :].strip()
    return request.headers.get("x-tocsin-token") or request.query_params.get("token", "")


async def _body(request: Request, largest: int) -> bytes:
    """The body, never more of it than the door reads."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > largest:
            raise Problem("push_too_big", why=f"at most {largest} bytes are read")
    return bytes(found)
