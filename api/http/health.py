"""Whether this API lives, whether it can do its work, and its figures for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.ledger.port import LedgerUnavailable
from api.http.desk import Desk, TheDesk, answer
from api.live import Live
from api.selfwatch.board import figures, row
from api.selfwatch.parts import Grade

log = logging.getLogger(__name__)
router = APIRouter(tags=["health"])


async def _live(request: Request) -> Live:
    found: Live = request.app.state.live
    return found


@router.get("/health/live", summary="存活 · The process answers")
async def alive() -> Response:
    return answer({"alive": True})


@router.get("/health/ready", summary="就绪 · Every part answers; 503 names the one that does not")
def ready(desk: TheDesk) -> Response:
    parts = {"ledger": _said(lambda: _ask(desk)), **{name: _said(check) for name, check in desk.checks.items()}}
    well = not any(parts.values())
    told = {name: {"well": not said, "said": said} for name, said in parts.items()}
    return answer({"ready": well, "parts": told, "at": desk.clock.now()}, 200 if well else 503)


@router.get(
    "/health/system", summary="系统自检 · What the watch over the whole path has found; 503 while a part has stopped"
)
async def system(desk: TheDesk) -> Response:
    """From memory, so that it is answered whatever is away. `watching` is false where the watch is turned off."""
    now = desk.clock.now()
    found = desk.board.now(now)
    stopped = any(trouble.grade is Grade.STOPPED for trouble in found.troubles)
    return answer(row(found, now), 503 if stopped else 200)


@router.get("/metrics", summary="Prometheus", include_in_schema=False)
def metrics(desk: TheDesk, live: Annotated[Live, Depends(_live)]) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(desk, live))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """Read anew at each scrape; no label has more values than there are levels and states."""

    def __init__(self, desk: Desk, live: Live) -> None:
        self._desk = desk
        self._live = live

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._desk.clock.now()
        for name, what, label, values in figures(self._desk.board.now(now), now):
            yield _gauge(name, what, values, label)
        yield _gauge("live_readers", "Open live streams", {"": self._live.readers})
        try:
            seq, counts = self._desk.ledger.last_seq(), self._desk.ledger.counts()
        except LedgerUnavailable as error:  # the other figures are what tells of it
            log.warning("there are no figures of the ledger: %s", error)
        else:
            yield _gauge("timeline_seq", "Position of the timeline", {"": seq})
            yield _gauge("ledger", "What the ledger counts: open alerts per level, notices per state", counts)
        if self._desk.counts is not None:
            yield _gauge("flow", "What the other processes count", self._desk.counts())


def _gauge(name: str, what: str, values: Mapping[str, float], label: str = "of") -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tocsin_{name}", what, labels=[label] if "" not in values else [])
    for of, value in values.items():
        family.add_metric([of] if of else [], float(value))
    return family


def _ask(desk: Desk) -> str:
    desk.ledger.last_seq()
    return ""


def _said(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # health reports whatever is wrong with a part, it never fails itself
        log.debug("a health check failed", exc_info=True)
        return str(error) or type(error).__name__
