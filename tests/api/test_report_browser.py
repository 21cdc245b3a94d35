"""The pages that open on a telephone, in a real browser over the real API: pressed as people press them."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.instructions.instruction import Receipt
from alerts.notices import CHINA
from api.slips import Spot
from ingest.events import Point
from tests.api.browser import Browser, Page
from tests.api.served import LINKS, PUBLIC, SLIPS, Served
from tests.ingest.test_pictures import SECRET, exif, jpeg, segment

pytestmark = pytest.mark.server
TELEPHONE = (375, 812)
NOW = datetime.now(UTC)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Four pictures as a telephone takes them."""
    files = [tmp_path / f"{n}.jpg" for n in range(4)]
    for file in files:
        file.write_bytes(jpeg(segment(0xE1, exif(6))))
    return [str(file) for file in files]


def opened(browser: Browser, desk: Served, link: str) -> Page:
    page = browser.open(link.replace(PUBLIC, str(desk.http.base_url).rstrip("/")) + "?lang=zh", size=TELEPHONE)
    page.call("Page.bringToFront")  # what is not seen is told no position
    page.until("document.readyState === 'complete'")
    return page


def choose(page: Page, files: list[str]) -> None:
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    field = page.call("DOM.querySelector", nodeId=root, selector="[name=pictures]")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=field, files=files)


def receipt(page: Page, selector: str = ".receipt") -> str:
    """What the report's own page says, once the browser has gone there."""

    said: str = page.until(f"document.querySelector({selector!r})?.innerText")
    return said


def away(page: Page, gone: bool) -> None:
    page.call("Network.emulateNetworkConditions", offline=gone, latency=0, downloadThroughput=-1, uploadThroughput=-1)


def test_a_resident_reports_with_pictures_and_a_position_also_when_the_network_was_away(
    browser: Browser, desk: Served, pictures: list[str]
) -> None:
    page = opened(browser, desk, LINKS.place(Spot("990101")))
    page.until("document.querySelectorAll('.kinds svg').length > 10")
    assert page.js("document.documentElement.scrollWidth") <= TELEPHONE[0], "nothing is cut off"
    page.call("Browser.grantPermissions", permissions=["geolocation"], origin=str(desk.http.base_url).rstrip("/"))
    page.call("Emulation.setGeolocationOverride", latitude=30.06, longitude=103.06, accuracy=900)
    page.click(".locate")
    page.until("document.querySelector('.position').innerText.includes('太大')")
    assert page.js("document.forms[0].elements.lat.value") == "", "a coarse one is not sent"
    page.call("Emulation.setGeolocationOverride", latitude=30.06, longitude=103.06, accuracy=12)
    page.click(".locate")
    page.until("document.forms[0].elements.lat.value === '30.060000'")
    page.click(".send")
    page.painted()
    assert page.js("location.pathname").count("/") == 5, "without a kind the browser sends nothing"
    page.click(".kinds label:has([value=manhole])")
    page.click("textarea")
    page.write("东街井盖没了")
    choose(page, pictures)
    page.until("document.querySelectorAll('.previews li').length === 3")
    page.click(".previews li:first-child button")
    page.until("document.querySelectorAll('.previews li').length === 2")
    away(page, True)
    page.click(".send")
    page.until("!document.querySelector('.wrong').hidden && !document.querySelector('.send').disabled")
    assert "没有发出去" in page.text(".wrong")
    away(page, False)
    page.click(".send", times=2)
    assert "照片 2 张" in receipt(page)
    (alert,) = desk.http.get("/api/v1/alerts").json()["alerts"]
    assert (alert["count"], alert["placed_by"], alert["point"]) == (1, "coordinates", {"lat": 30.06, "lon": 103.06})
    (report,) = desk.http.get("/api/v1/reports", params={"alert": alert["id"]}).json()
    kept = desk.http.get(report["pictures"][0]).content
    assert SECRET not in kept
    page.click(".again")
    page.until("document.querySelector('.own a') && !document.querySelector('.own').hidden")
    assert report["id"] in page.text(".own"), "the telephone remembers its own"
    assert page.failures == []
    page.close()


def test_a_picture_is_drawn_upright_and_no_larger_than_it_need_be(
    browser: Browser, desk: Served, tmp_path: Path
) -> None:
    page = opened(browser, desk, LINKS.patrol("p-1", NOW))
    drawn = page.js(
        "(() => { const c = document.createElement('canvas'); [c.width, c.height] = [3200, 800];"
        " c.getContext('2d').fillRect(0, 0, 3200, 800); return c.toDataURL('image/png').split(',')[1]; })()"
    )
    large = tmp_path / "large.png"
    large.write_bytes(base64.b64decode(drawn))
    page.click(".kinds label:has([value=road])")
    choose(page, [str(large)])
    page.until("document.querySelector('.previews li')")
    page.click(".send")
    receipt(page)
    (row,) = desk.ledger.reports.last("p-1")
    found = desk.ledger.reports.picture(row.id, 1)
    assert found is not None
    frame = found.data.index(b"\xff\xc0")
    assert (found.type, struct.unpack(">HH", found.data[frame + 5 : frame + 9])) == ("image/jpeg", (400, 1600))
    assert page.failures == []
    page.close()


def test_the_buttons_of_an_instruction_s_page_arrive(browser: Browser, desk: Served) -> None:
    sent = {"by": "试验县", "text": "今晚暴雨，请巡查", "to": [{"people": ["p-1"]}], "demanded": "done"}
    made = desk.http.post(
        "/api/v1/instructions", json=sent, headers={"Idempotency-Key": f"k{NOW.astimezone(CHINA)}"}
    ).json()
    page = opened(browser, desk, SLIPS.link(made["id"], "p-1"))
    page.click("[value=accepted]")
    receipt(page, "[role=status]")
    part = desk.ledger.instructions.recipient(made["id"], "p-1")
    assert part is not None
    assert part.receipt is Receipt.ACCEPTED
    assert page.failures == []
    page.close()


def test_the_desk_shows_what_was_reported_and_reveals_a_number_with_a_line(
    browser: Browser, desk: Served, pictures: list[str]
) -> None:
    page = opened(browser, desk, LINKS.place(Spot("990101", Point(30.05, 103.05))))
    page.click(".kinds label:has([value=manhole])")
    choose(page, pictures[:2])
    page.fill("[name=phone]", "138 0000 0001")
    page.click(".send")
    receipt(page)
    page.close()
    (alert,) = desk.http.get("/api/v1/alerts").json()["alerts"]
    desk_page = browser.open(f"{desk.http.base_url}/?lang=zh#{alert['id']}")
    desk_page.until(
        "[...document.querySelectorAll('.reports img')].filter((i) => i.complete && i.naturalWidth).length === 2"
    )
    assert "群众上报" in desk_page.text(".reports li")
    assert "13800000001" not in desk_page.js("document.body.innerHTML")
    desk_page.click(".reports button")
    desk_page.until("document.querySelector('.reports a[href^=tel]')")
    assert "13800000001" in desk_page.text(".reports li")
    desk_page.until("document.querySelector('.timeline').innerText.includes('联系电话')")
    assert desk_page.failures == []
    desk_page.close()
