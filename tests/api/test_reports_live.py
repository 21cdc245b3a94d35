"""A report's whole way on the parts that run in a county: the page, the API process, the log, the worker, the ledger, and the page again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from alerts.alert import Alert, Reason
from alerts.ledger import open_ledger
from alerts.ledger.port import Filter, Ledger
from api.child import free_ports
from api.compose import api as composed
from api.compose.parts import open_parts
from api.embedded import LogBroker
from api.heartbeat import Heart
from api.settings import Settings
from api.slips import ReportLinks, Spot
from ingest.settings import LogSettings
from streams.rules import RulesFile
from streams.worker import run_worker
from tests.api.served import DEVICES, GRIDS, PEOPLE, PUBLIC
from tests.ingest.test_pictures import PIXEL

SECRET = "only-for-tests"
LINKS = ReportLinks(SECRET, PUBLIC)
WITHIN = 90.0  # seconds for a machine that is busy with other things; a quiet one needs three
PLACE = {"lat": "30.05", "lon": "103.05", "accuracy": "9"}


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(what):
            await asyncio.sleep(0.05)


def cases(ledger: Ledger) -> list[Alert]:
    return list(ledger.page(Filter()).alerts)


def settings_of(tmp_path: Path, broker: LogBroker) -> Settings:
    return Settings(  # type: ignore[call-arg]
        log=LogSettings(brokers=broker.address, partitions=2, idempotent=False),
        ledger={"url": f"sqlite:///{tmp_path}/ledger.db"}, series={"path": tmp_path / "series.db"},
        notify={"channels": ("log",), "public_url": PUBLIC}, api={"port": free_ports(1)[0]}, selfwatch={"every": 0}, secret=SECRET,
    )  # fmt: skip


async def told(http: httpx.AsyncClient, page: str, key: str, **words: str) -> str:
    """Send the page's form; the address of the report's own page."""
    form: Any = [(name, (None, value)) for name, value in {"key": key, "kind": "garbage", **PLACE, **words}.items()]
    answer = await http.post(page, files=[*form, ("pictures", ("a.jpg", PIXEL))])
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def story(settings: Settings, ledger: Ledger) -> None:
    patrol = LINKS.patrol("p-1", datetime.now(UTC)).removeprefix(PUBLIC)
    poster = LINKS.place(Spot("990101")).removeprefix(PUBLIC)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.api.port}", timeout=30, trust_env=False, headers={"connection": "close"}
    ) as http:
        seen = await told(http, poster, "r" * 16, text="垃圾堆了一周")
        assert await told(http, poster, "r" * 16, text="垃圾堆了一周") == seen, "a retry"
        found = await told(http, patrol, "p" * 16, text="垃圾点满溢")
        await until(lambda: [len(c.work.callers) for c in cases(ledger)] == [2])
        (case,) = cases(ledger)
        assert (set(case.origins), case.kind, case.place.grid, case.count) == (
            {"resident", "patrol"},
            "garbage",
            "990101",
            2,
        )
        whole = (await http.get(f"/api/v1/alerts/{case.id}")).json()
        assert {(r["origin"], len(r["pictures"])) for r in whole["reports"]} == {("resident", 1), ("patrol", 1)}
        for verb in ("acknowledge", "handle", "close"):
            done = await http.post(f"/api/v1/alerts/{case.id}/{verb}", json={"by": "值班员01", "note": "已清运"})
            assert done.status_code == 200, done.text
        assert [n.person for n in ledger.outbox(alert=case.id) if n.reason is Reason.REPORTED] == ["p-1"]
        for page in (seen, found):
            assert "已办结" in (await http.get(page)).text
        assert "已清运" in (await http.get(found)).text
        await told(http, poster, "f" * 16, text="垃圾堆着火了，浓烟")
        await until(lambda: [c.kind for c in cases(ledger) if not c.handling.over] == ["fire"])


def test_a_report_goes_from_the_page_through_the_log_to_a_case_and_its_result_back(tmp_path: Path) -> None:
    broker, left = LogBroker(tmp_path), list[int]()
    settings = settings_of(tmp_path, broker.start())
    ledger = open_ledger(settings.ledger.address)
    ledger.replace_place(GRIDS, DEVICES, PEOPLE)
    parts = open_parts(settings)

    async def run() -> None:
        stop, up = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        with Heart(on_ready=lambda: loop.call_soon_threadsafe(up.set)) as heart:
            working = asyncio.create_task(run_worker(
                settings.log, settings.worker, rules=RulesFile(None), registry=parts.book.registry, series=parts.series,
                conduct=parts.conductor.signals, clock=parts.clock, stop=stop, leave=left.append,
            ))  # fmt: skip
            serving = asyncio.create_task(composed.run(settings, stop, heart))
            await asyncio.wait_for(up.wait(), WITHIN)
            try:
                await story(settings, ledger)
            finally:
                stop.set()
                await asyncio.gather(working, serving)

    try:
        asyncio.run(run())
    finally:
        parts.close()
        ledger.close()
        broker.stop()
    assert left == []
