"""The desk in a real browser over the real API: every form is filled in and sent as an operator does it, mostly by keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.alert import Alert
from api.http.clock_rows import clock_rows
from ingest.events import Place
from streams.signal import Level, Origin, Signal, signal_key
from tests.api.browser import Browser, Page
from tests.api.contrast import faint
from tests.api.served import Served

pytestmark = pytest.mark.server
FORM = "form.big"
Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, desk: Served) -> Iterator[Opened]:
    """Open the desk at a case; afterwards nothing may have gone wrong in it, and nothing may have been asked of another host."""
    pages: list[Page] = []

    def open_at(alert: Alert | None = None, *, language: str = "zh", shade: str = "light") -> Page:
        page = browser.open(f"{desk.http.base_url}/?lang={language}&shade={shade}#{alert.id if alert else ''}")
        pages.append(page)
        if alert is not None:
            page.until("document.querySelector('#case .title') && document.querySelector('#map svg')")
        return page

    yield open_at
    for page in pages:
        assert page.failures == []
        assert [url for url in page.asked if not url.startswith((str(desk.http.base_url), "data:"))] == []
        page.close()


def into(page: Page, label: str, text: str, form: str = FORM) -> None:
    """Write into the field that has a label."""
    found = f"[...document.querySelectorAll('{form} label')].find((one) => one.innerText === {label!r})"
    page.until(found)
    page.js(f"document.getElementById({found}.htmlFor).select?.(), document.getElementById({found}.htmlFor).focus()")
    page.write(text)


def pick(page: Page, words: str, form: str = FORM) -> None:
    """Choose what is so called among the choices of a form."""
    page.js(
        f"[...document.querySelectorAll('{form} .choice label')].find((one) => one.innerText.includes({words!r})).click()"
    )


def confirm(page: Page, form: str = FORM) -> None:
    """Press the button that says what it does, and wait until the form is put away."""
    page.until(f"document.querySelector('{form} .primary:not(:disabled)')")
    page.press("Enter")
    page.until(f"!document.querySelector('{form}')")


def clock(desk: Served, alert: Alert, name: str = "close") -> dict[str, Any]:
    found = desk.ledger.alert(alert.id)
    assert found is not None
    return dict(next(row for row in clock_rows(found, datetime.now(UTC)) if row["name"] == name))


def test_a_clock_is_paused_extended_and_agreed_on_with_a_reason_and_the_approval_of_somebody_else(desk: Served, opened: Opened) -> None:  # fmt: skip
    case = desk.signal("water", subject="w-1", level=Level.YELLOW)
    before = clock(desk, case)["due"]
    page = opened(case)
    page.until("document.querySelector('.clock-verbs button')")
    page.press("y")
    into(page, "延长多少", "3")
    into(page, "原因", "需协调多部门")
    into(page, "批准人", "值班员01")
    assert page.js(f"document.querySelector('{FORM} .primary').disabled"), "nobody approves what they ask for"
    into(page, "批准人", "李主任")
    assert "新时限" in page.text(f"{FORM} .outcome")
    confirm(page)
    assert clock(desk, case)["due"] == before + timedelta(hours=3)
    page.press("p")
    page.until(f"document.querySelector('{FORM}')")
    page.js(f"document.querySelector('{FORM} .quick-word').click()")
    into(page, "原因", "等待配件")
    into(page, "批准人", "李主任")
    confirm(page)
    assert clock(desk, case)["state"] == "paused"
    page.click(".clock-verbs [data-focus=resume]")
    page.until("document.querySelector('.clock-verbs [data-focus=agree]')")
    assert clock(desk, case)["state"] == "running"
    page.click(".clock-verbs [data-focus=agree]")
    date = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    page.fill(f"{FORM} input[type=date]", date)
    into(page, "原因", "与居民约定")
    into(page, "批准人", "李主任")
    confirm(page)
    assert (clock(desk, case)["matter"], clock(desk, case)["due"].date().isoformat()) == ("big", date)


def test_a_silence_is_made_from_a_case_by_one_key_and_a_reason_gone_on_with_and_ended(
    desk: Served, opened: Opened
) -> None:
    case = desk.signal("water", subject="w-1", level=Level.YELLOW)
    desk.signal("water", subject="w-2", level=Level.YELLOW, grid="990102")
    page = opened(case)
    page.press("s")
    page.until("document.activeElement.closest('form.big') && document.querySelector('.preview b')")
    assert "1 起" in page.text(".preview"), "what it would keep shut is told before it does"
    page.write("设备检修")
    confirm(page)
    (made,) = desk.http.get("/api/v1/silences").json()["silences"]
    assert (made["about"]["subjects"], made["about"]["kinds"]) == (["w-1"], ["water"])
    assert (made["reason"], made["by"], made["standing"]) == ("设备检修", "值班员01", "active")
    page.click(".group.active [data-focus=longer]")
    confirm(page)
    first, longer = sorted(desk.http.get("/api/v1/silences").json()["silences"], key=lambda one: one["until"])
    assert (first["id"], longer["about"], longer["until"] > first["until"]) == (made["id"], made["about"], True)
    desk.http.post(f"/api/v1/silences/{longer['id']}/end", json={"by": "另一人"})
    page.until("document.querySelectorAll('.group.active .rule').length === 1")
    page.click(".group.active [data-focus=end]")
    page.until("document.querySelector('.rule form.big .preview b')")
    page.press("Enter")
    page.until("!document.querySelector('.group.active')")
    assert desk.http.get(f"/api/v1/silences/{made['id']}").json()["rule"]["ended_by"] == "值班员01"


def test_a_long_silence_counts_for_two_hours_until_somebody_else_approves_it(desk: Served, opened: Opened) -> None:
    page = opened(desk.signal("water", subject="w-1", level=Level.YELLOW))
    page.press("s")
    page.until("document.querySelector('form.big .quick-word')")
    page.js("[...document.querySelectorAll('form.big .quick-word')].find((one) => one.innerText === '1天').click()")
    page.until("document.querySelector('form.big .outcome').innerText.includes('他人批准前')")
    into(page, "原因", "更换管网")
    confirm(page)
    page.click(".group.unapproved [data-focus=approve]")
    into(page, "批准人", "值班员01", ".rule form.big")
    assert page.js("document.querySelector('.rule form.big .primary').disabled")
    into(page, "批准人", "李主任", ".rule form.big")
    confirm(page, ".rule form.big")
    page.until("document.querySelector('.group.active')")
    (made,) = desk.http.get("/api/v1/silences").json()["silences"]
    assert (made["approved_by"], made["until"]) == ("李主任", made["ends_at"])


def test_a_window_names_kinds_and_hours_and_a_drill_counts_once_two_others_have_approved_it(
    desk: Served, opened: Opened
) -> None:
    page = opened(desk.signal("water", subject="w-1", level=Level.YELLOW))
    page.press("g", "s")
    page.click(".sheet-bar button:nth-child(2)")
    into(page, "类型", "水浸")
    page.press("Enter")
    pick(page, "周二")
    into(page, "原因", "月检")
    confirm(page)
    (made,) = desk.http.get("/api/v1/silences").json()["maintenance"]
    assert (made["days"], made["daytime"], made["reason"]) == (["tue"], "22:00-02:00", "月检")
    assert len(made["about"]["kinds"]) == 1
    page.click(".sheet-bar button:nth-child(3)")
    into(page, "网格", "第一网格")
    page.press("Enter")
    into(page, "参演人员", "甲")
    page.press("Enter")
    into(page, "演练名称", "消防演练")
    confirm(page)
    for approver, standing in (("李主任", "unapproved"), ("王主任", "waiting")):
        page.click(".group.unapproved [data-focus=approve]")
        into(page, "批准人", approver, ".rule form.big")
        confirm(page, ".rule form.big")
        (made,) = desk.http.get("/api/v1/silences").json()["drills"]
        assert made["standing"] == standing
        page.until("document.querySelector('.rule:not(:has(form))')")
    assert (made["about"]["grids"], made["people"], made["approved_by"]) == (["990101"], ["p-1"], ["李主任", "王主任"])


def test_a_whistle_is_blown_and_every_unit_attends_reports_and_is_judged(desk: Served, opened: Opened) -> None:
    case = desk.signal("water", subject="w-1", level=Level.YELLOW)
    page = opened(case)
    page.press("w")
    page.until(f"document.querySelector('{FORM}')")
    assert page.js(f"document.querySelector('{FORM} .primary').disabled"), "no matter is chosen for anybody"
    pick(page, "占道经营")
    page.until(f"document.querySelector('{FORM} .outcome').innerText.includes('牵头')")
    page.js(f"document.querySelector('{FORM} .primary').focus()")
    confirm(page)
    units = [task["unit"] for task in whistle(desk, case)["tasks"]]
    for unit in units:
        page.click(f"[data-focus='attend{unit}']")
        confirm(page)
        page.click(f"[data-focus='report{unit}']")
        into(page, "回报内容", "已清理")
        page.js(f"document.querySelector('{FORM} .primary').focus()")
        confirm(page)
        page.click(f"[data-focus='accept{unit}']")
        confirm(page)
    done = whistle(desk, case)
    assert done["standing"] == "done"
    assert {task["accepted_by"] for task in done["tasks"]} == {"值班员01"}
    assert all(task["reported_by"].endswith("（值班员01代录）") for task in done["tasks"])


def test_the_county_centre_names_units_reminds_them_and_calls_off(desk: Served, opened: Opened) -> None:
    case = desk.signal("water", subject="w-1", level=Level.YELLOW)
    page = opened(case)
    page.press("w")
    page.until(f"document.querySelector('{FORM}')")
    pick(page, "其他事项")
    into(page, "要做什么", "危桥封闭")
    confirm(page)
    page.click(".whistle [data-focus=name]")
    pick(page, "公安")
    pick(page, "应急")
    page.js(f"document.querySelector('{FORM} .primary').focus()")
    confirm(page)
    assert [t["unit"] for t in whistle(desk, case)["tasks"]] == ["police", "emergency"]
    page.click(".whistle [data-focus=remind]")
    page.js(f"document.querySelector('{FORM} .primary').focus()")
    confirm(page)
    assert [t["reminded"] for t in whistle(desk, case)["tasks"]] == [1, 1]
    page.press("g", "w")
    page.until("document.querySelector('.whistle-list tbody tr')")
    assert "公安" in page.text(".whistle-list")
    page.click(".whistle-list .link-like")
    page.click(".whistle [data-focus=off]")
    into(page, "原因", "已自行恢复")
    confirm(page)
    assert whistle(desk, case)["standing"] == "called_off"


def whistle(desk: Served, case: Alert) -> dict[str, Any]:
    found: dict[str, Any] = desk.http.get(f"/api/v1/whistles/{case.id}").json()["whistles"][-1]
    return found


def test_an_instruction_tells_how_many_it_goes_to_before_it_goes_and_who_has_not(desk: Served, opened: Opened) -> None:
    page = opened(desk.signal("water", subject="w-1", level=Level.YELLOW))
    page.press("i")
    into(page, "内容", "今晚有暴雨，请巡查低洼院落")
    into(page, "区域", "试验县")
    page.press("Enter")
    page.until("document.querySelector('.preview b')")
    assert page.text(f"{FORM} .primary") == "发给 2 人"
    into(page, "除外", "p-2")
    page.until(f"document.querySelector('{FORM} .primary').innerText === '发给 1 人'")
    page.js(f"document.querySelector('{FORM} .primary').focus()")
    confirm(page)
    page.until("document.querySelector('.order-whole tbody tr')")
    (made,) = desk.http.get("/api/v1/instructions").json()["instructions"]
    assert (made["people"], made["owing"], made["but"]) == (1, 1, ["p-2"])
    page.click(".order-whole [data-focus=remind]")
    confirm(page)
    page.until("document.getElementById('toasts').innerText.includes('已催办')")
    page.click(".order-whole tbody button")
    confirm(page)
    page.until("!document.querySelector('.order-whole tbody tr')")
    assert desk.http.get(f"/api/v1/instructions/{made['id']}").json()["people"][0]["receipt"] == "read"
    page.click(".order-whole [data-focus=end]")
    into(page, "原因", "雨停")
    confirm(page)
    assert desk.http.get(f"/api/v1/instructions/{made['id']}").json()["instruction"]["standing"] == "ended"


@pytest.mark.parametrize(("language", "shade"), [("zh", "light"), ("en", "dark")])
def test_every_form_can_be_read_and_every_control_has_a_name(language: str, shade: str, desk: Served, opened: Opened) -> None:  # fmt: skip
    for kind, level in (("fire", Level.RED), ("gas", Level.ORANGE), ("battery", Level.BLUE)):
        desk.signal(kind, subject=kind, level=level)
    page = opened(desk.signal("water", subject="w-1", level=Level.YELLOW), language=language, shade=shade)
    page.until("document.querySelector('.clock-verbs button')")
    forms = (
        "y", "p", "w", "s", "i", "gs1", "gs2", "gs3", "gw", "gi",
    )  # fmt: skip
    for keys in forms:
        page.press(*(key for key in keys if not key.isdigit()))
        if keys[-1].isdigit():
            page.click(f".sheet-bar button:nth-child({keys[-1]})")
        if keys not in {"gw", "gi"}:
            page.until(f"document.querySelector('{FORM}')")
        read = page.js("document.body.innerText")
        assert not re.findall(r"\b(?:quiet|whistles?|order|outcome|field|form|preview|about|samples|clock|receipt|task|day|sheet|keys)\.[a-z_.]+", read), keys  # fmt: skip
        if language == "en":
            said = page.js(
                f"[...document.querySelectorAll('{FORM} *, .sheet-body *')].flatMap((one) => [...one.childNodes]).filter((one) => one.nodeType === 3).map((one) => one.data)"
            )
            assert {word for words in said for word in re.findall(r"[一-鿿]+", words)} <= PROPER, keys
        assert (nameless(page), faint(page)) == ([], []), keys
        page.press("Escape", "Escape")
        page.until(f"!document.querySelector('{FORM}, .sheet-body')")


# Names of places, people, departments and matters are data, in the language of whoever wrote them.
PROPER = {"试验县", "试验镇", "第一网格", "第二网格", "燃气隐患", "消防隐患", "林野用火", "违法建设", "占道经营", "露天焚烧", "河道险情"}  # fmt: skip


def nameless(page: Page) -> list[str]:
    """Controls of which a screen reader could not say what they are."""
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = {
        "button",
        "textbox",
        "combobox",
        "checkbox",
        "radio",
        "link",
        "spinbutton",
        "Date",
        "DateTime",
        "InputTime",
    }
    return [
        node["role"]["value"]
        for node in tree
        if not node.get("ignored")
        and node.get("role", {}).get("value") in roles
        and not node.get("name", {}).get("value")
    ]


def test_letters_are_keys_only_outside_of_fields_and_can_be_switched_off(desk: Served, opened: Opened) -> None:
    case = desk.signal("water", subject="w-1", level=Level.YELLOW)
    page = opened(case)
    page.press("n")
    page.press("a", "s", "d")
    assert page.js("document.querySelector('#case .note').value") == "asd"
    page.js("document.querySelector('#case .note').blur()")
    page.js("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', keyCode: 229, bubbles: true}))")
    page.press("?")
    page.click("dialog .check input")
    page.press("Escape")
    page.until("!document.querySelector('dialog')")
    page.press("a")
    found = desk.ledger.alert(case.id)
    assert found is not None
    assert found.handling == "new", "no key has acknowledged"
    page.click("#help")
    page.click("dialog .check input")
    page.press("Escape")
    page.until("!document.querySelector('dialog')")
    page.js("document.activeElement.blur()")
    page.press("a")
    page.until("document.querySelector('#case .chip').innerText === '已确认'")


def test_a_long_queue_is_one_tab_stop_and_does_not_move_under_the_eye(desk: Served, opened: Opened) -> None:
    many(desk, 230, "battery", Level.BLUE)
    page = opened()
    page.until("document.querySelectorAll('#queue .row').length === 230", seconds=60)
    assert page.js("[...document.querySelectorAll('#queue button')].filter((one) => one.tabIndex >= 0).length") == 2
    page.js("document.getElementById('queue').scrollTop = 9000")
    page.until("document.getElementById('queue').scrollTop >= 8000")
    at = "(() => { const box = document.getElementById('queue').getBoundingClientRect(); return document.elementFromPoint(box.left + 40, box.top + 200).closest('.row'); })()"
    page.painted()
    page.js(f"window.seen = {at}.dataset.key; window.top0 = {at}.getBoundingClientRect().top; 0")
    many(desk, 3, "flood", Level.ORANGE)
    page.until("document.querySelector('#pill button')")
    page.painted()  # the browser anchors a scrolled list when it lays out the next picture
    moved = page.js("document.querySelector(`[data-key='${window.seen}']`).getBoundingClientRect().top - window.top0")
    assert abs(moved) <= 2
    page.click("#pill button")
    page.until("document.getElementById('queue').scrollTop === 0 && document.getElementById('pill').hidden")


def many(desk: Served, count: int, kind: str, level: Level) -> None:
    """So many cases at once, each of its own grid-less device, so that none is folded into another."""
    now = datetime.now(UTC)
    nowhere = Place("990102", "9901", None, "registry")
    desk.conductor.signals(
        [
            Signal(signal_key(f"r-{kind}-{n}", f"{kind}-{n}", now), kind, level, Origin.SENSOR, f"{kind}-{n}", f"r-{kind}-{n}", now, now, now, nowhere)
            for n in range(count)
        ],
        now,
    )  # fmt: skip
