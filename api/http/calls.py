"""The hotline's HTTP door: a call is accepted once the log has it (law 1), through the same dialect as over MQTT."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.http.desk import TheDesk, answer
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["calls"])


class HotlineCall(BaseModel):
    """A resident spoke. The caller's number is sealed on arrival and shown masked only (law 14)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{
                "id": "12345-20260501-0817", "text": "三楼冒黑烟，有烧焦味", "category": "fire", "address": "柳溪镇东街 8 号",
                "lat": 30.1, "lon": 103.2, "datum": "gcj02", "caller": "+8610000000001", "at": "2026-05-01T16:00:05+08:00",
            }],
        },
    )  # fmt: skip

    id: str = Field(min_length=1, max_length=128, description="The work order's number: sending it twice does no harm")
    text: str = Field(max_length=4000)
    category: str = Field("", max_length=64)
    address: str = Field("", max_length=400)
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    datum: str = Field("wgs84", pattern="^(wgs84|gcj02|bd09|cgcs2000)$")
    caller: str = Field("", max_length=32, description="Telephone number, E.164")
    at: AwareDatetime | None = Field(None, description="When it was said; now, when left out")
    channel: str = Field("phone", max_length=32, description="phone, web, app, wechat …")


@router.post("/calls", status_code=202, summary="热线来电 · Take a hotline call; 202 means that the log has it")
async def take_call(call: HotlineCall, desk: TheDesk) -> Response:
    if desk.publish_call is None:
        raise Problem("no_hotline")
    said: dict[str, Any] = call.model_dump(mode="json", exclude_none=True)
    try:
        taken = await desk.publish_call(said)
    except ValueError as error:
        raise Problem("invalid", why=str(error)) from error
    except (OSError, RuntimeError) as error:  # whatever the log's client raises, the call was not taken
        raise Problem("log_away", why=str(error) or type(error).__name__) from error
    return answer(
        {
            "id": taken.ident,
            "grid": taken.place.grid,
            "township": taken.place.township,
            "placed_by": taken.place.why,
            "caller": taken.caller_masked,
            "received_at": taken.received_at,
        },
        202,
    )
