"""Work orders over HTTP and on the command line: a case by its number, and the closing rate per level."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from alerts.commands import Accept
from alerts.orders.settings import HotlinePlatform
from alerts.settings import NotifySettings
from api.command.check import problems_of
from api.command.verbs import app
from api.settings import Settings
from ingest.events import Place
from ingest.settings import GatewaySettings
from streams.calls import Calls, load_keywords
from streams.settings import WorkerSettings
from tests.api.browser import Browser
from tests.api.served import Served
from tests.scenarios.ordering import made


@pytest.fixture
def ordered(desk: Served) -> Served:
    now = datetime.now(UTC)
    call = made(
        "260301000123456789",
        "dispatched",
        now,
        place=Place("990101", "9901"),
        unit="甲局",
        title="楼下堆物",
        due_at=now,
    )
    desk.conductor.signals(Calls(load_keywords()).update(call), now)
    return desk


def test_a_case_is_found_by_the_number_of_its_order_and_shows_it(ordered: Served) -> None:
    (row,) = ordered.http.get("/api/v1/alerts", params={"subject": "260301000123456789"}).json()["alerts"]
    (order,) = row["orders"]
    assert (order["platform"], order["number"], order["title"], order["told"]) == (
        "12345",
        "260301000123456789",
        "楼下堆物",
        [],
    )
    assert [(s["unit"], s["state"]) for s in order["stands"]] == [("甲局", "dispatched")]
    ordered.conductor.command(row["id"], Accept("leader"), datetime.now(UTC))
    shown = ordered.http.get(f"/api/v1/alerts/{row['id']}").json()
    assert shown["alert"]["orders"][0]["told"] == ["accepted"]
    assert "order_report" in {line["what"] for line in shown["timeline"]}


def test_open311_shows_how_it_stands(ordered: Served) -> None:
    asked = {"service_request_id": "260301000123456789"}
    (row,) = ordered.http.get("/api/open311/v2/requests.json", params=asked).json()
    assert (row["service_request_id"], row["status"]) == ("260301000123456789", "open")


def test_the_closing_rate_is_counted_per_level(ordered: Served) -> None:
    found = ordered.http.get("/api/v1/orders/summary").json()
    assert list(found["levels"]) == ["county", "township", "village"]
    assert found["whole"] == {"linked": 1, "closed": 0, "late": 1, "rate": 0.0}
    before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert ordered.http.get("/api/v1/orders/summary", params={"until": before}).json()["whole"]["linked"] == 0
    wrong = ordered.http.get(
        "/api/v1/orders/summary", params={"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    )
    assert wrong.status_code == 400


def test_the_command_prints_the_same_table(ordered: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_LEDGER__URL", str(ordered.ledger._database.engine.url))
    shown = CliRunner().invoke(app, ["orders", "summary"])
    assert shown.exit_code == 0, shown.output
    assert "0.00 %" in shown.output
    said = orjson.loads(CliRunner().invoke(app, ["orders", "summary", "--json"]).stdout)
    assert said["whole"]["linked"] == 1
    refused = CliRunner().invoke(app, ["orders", "summary", "--since", "yesterday"])
    assert refused.exit_code != 0


def test_check_names_every_file_of_orders_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "orders.toml").write_text("otherwise = 1", encoding="utf-8")
    (tmp_path / "hotlines.toml").write_text("= 1", encoding="utf-8")
    one = HotlinePlatform(name="12345", url="https://p/", secret_file=tmp_path / "none")
    wrong = Settings(
        worker=WorkerSettings(orders=tmp_path / "orders.toml"),
        gateway=GatewaySettings(hotlines=tmp_path / "hotlines.toml"),
        notify=NotifySettings(platforms=(one,)),
    )
    said = problems_of(wrong)
    for key, what in (
        ("worker.orders", "otherwise"),
        ("gateway.hotlines", "hotlines.toml"),
        ("notify.platforms", "12345"),
    ):
        assert any(line.startswith(key) and what in line for line in said), (key, said)


@pytest.mark.server
def test_an_operator_finds_a_case_by_the_number_a_caller_says(ordered: Served, browser: Browser) -> None:
    page = browser.open(f"{ordered.http.base_url}/?lang=zh")
    page.until("document.querySelector('#queue li .open')")
    page.js("document.querySelector('#find').focus()")
    page.write("260301")
    page.press("Enter")
    page.until("document.querySelector('#find').validationMessage === '没有编号为 260301 的警情'")
    page.write("000123456789")
    page.press("Enter")
    page.until("document.querySelector('.orders')?.innerText.includes('260301000123456789')")
    assert "楼下堆物" in page.text(".orders")
    assert page.failures == []
    page.close()
