"""Sending somebody, in a real browser: the recommendation fills in a dispatch, answers raise a level, bands say how long it has been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from alerts.alert import Alert
from alerts.commands import Dispatch
from alerts.dispatch.scene_commands import Arrive
from ingest.events import Place, Point
from streams.signal import Level, Origin, Signal, signal_key
from tests.alerts.deadline import until
from tests.api.browser import Browser, Page
from tests.api.contrast import faint
from tests.api.served import SLIPS, Served
from tests.api.test_desk import nameless

pytestmark = pytest.mark.server
Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, desk: Served) -> Iterator[Opened]:
    """Open the desk at a case, or another path; afterwards nothing may have gone wrong in it."""
    pages: list[Page] = []

    def open_at(alert: Alert, *, language: str = "zh", shade: str = "light", path: str = "") -> Page:
        page = browser.open(f"{desk.http.base_url}{path or f'/?lang={language}&shade={shade}#{alert.id}'}")
        pages.append(page)
        page.until(
            "document.readyState === 'complete' && document.querySelector('main form')"
            if path
            else "document.querySelector('#case .title')"
        )
        return page

    yield open_at
    for page in pages:
        assert page.failures == []
        page.close()


def ago(desk: Served, minutes: float, level: Level = Level.RED, kind: str = "fire") -> Alert:
    """A case that was raised a while ago."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    place = Place("990101", "9901", Point(30.05, 103.05), "registry")
    key = signal_key("rule", f"{kind}-1", at)
    return desk.conductor.signals(
        [Signal(key, kind, level, Origin.SENSOR, f"{kind}-1", "rule", at, at, at, place)], at
    )[-1]


def chips(page: Page, where: str) -> list[tuple[str, str]]:
    """The bands that are seen there, each with its word; every one of them must have a drawing too."""
    found = page.js(
        f"[...document.querySelectorAll('{where} .band')].filter((one) => one.checkVisibility())"
        ".map((one) => [one.dataset.band, one.innerText.trim(), one.querySelectorAll('svg path').length])"
    )
    assert all(drawn == 1 for _, _, drawn in found), found
    return [(band, word) for band, word, _ in found]


def test_one_click_fills_in_who_is_recommended_and_another_sends_them(desk: Served, opened: Opened) -> None:
    alert = desk.signal(level=Level.ORANGE)
    page = opened(alert)
    page.until("document.querySelector('.sending [data-fill]')")
    assert page.text(".sending .suggested li").startswith("甲")
    assert "本网格在岗" in page.text(".sending .grounds")
    page.click(".sending [data-fill='p-1']")
    assert page.js("document.querySelector('form.ask select').value") == "p-1"
    assert desk.ledger.alert(alert.id).assignee == "", "it is filled in, and nothing is sent"
    page.click("form.ask button.primary")
    page.until("document.querySelector('.timeline').innerText.includes('派发')")
    assert desk.ledger.alert(alert.id).assignee == "p-1"
    page.click("[data-verb=arrive]")
    page.until("document.querySelector('form.ask select[name=company]')")
    page.js("document.querySelector('form.ask select').value = 'true'")
    page.click("form.ask button.primary")
    page.until("!document.querySelector('.scene').hidden")
    assert "甲等人在现场" in page.text(".scene")
    assert desk.ledger.alert(alert.id).work.scene.company


def test_where_nobody_is_left_the_desk_says_why(desk: Served, opened: Opened) -> None:
    other, alert = desk.signal("gas", subject="gas-1"), desk.signal()
    for number, person in enumerate(("p-1", "p-2")):
        case = desk.signal("tilt", subject=f"t-{number}", grid="990102")
        desk.conductor.command(case.id, Dispatch("甲", person), datetime.now(UTC))
        desk.conductor.command(case.id, Arrive("甲"), datetime.now(UTC))
    page = opened(alert, language="en")
    page.until("document.querySelector('.shortfall')")
    assert "Nobody can be sent" in page.text(".shortfall")
    assert "at another scene: 2" in page.text(".shortfall")
    assert other.id != alert.id


def test_the_questions_are_answered_on_a_form_and_raise_the_level(desk: Served, opened: Opened) -> None:
    alert = desk.signal(level=Level.YELLOW)
    page = opened(alert)
    page.click("[data-verb=triage]")
    page.until("document.querySelector('form.big .choice')")
    assert page.text("form.big .choice legend") == "里面还有人吗？"
    assert page.js("document.querySelector('form.big button.primary').disabled"), "nothing was answered yet"
    page.click("form.big input[value=yes]")
    assert "6分 · 达到一级" in page.text("form.big .outcome")
    assert (nameless(page), faint(page)) == ([], [])
    page.click("form.big button.primary")
    page.until("!document.querySelector('form.big')")
    page.until("document.querySelector('#case').dataset.level === 'red'")
    page.until("document.querySelector('.timeline').innerText.includes('里面还有人吗？ 有')")
    assert desk.ledger.alert(alert.id).work.triage.answers == (("inside", "yes"),)


def test_the_answers_given_before_are_chosen_already(desk: Served, opened: Opened) -> None:
    alert = desk.signal(level=Level.RED)
    desk.http.post(f"/api/v1/alerts/{alert.id}/triage", json={"by": "甲", "answers": {"seen": "flames"}})
    page = opened(alert, language="en", shade="dark")
    page.click("[data-verb=triage]")
    page.until("document.querySelector('form.big input[value=flames]')")
    assert page.js("document.querySelector('form.big input[value=flames]').checked")
    assert "Last: 甲" in page.text("form.big")
    assert (nameless(page), faint(page)) == ([], [])


@pytest.mark.parametrize(
    ("says", "minutes", "shade", "queue", "case"),
    [
        ("in time it is quiet on the queue", 5, "dark", [], [("green", "用时正常")]),
        ("late after half an hour", 31, "light", [("warn", "用时偏长")], [("warn", "用时偏长")]),
        ("too late after an hour", 61, "dark", [("critical", "用时过长")], [("critical", "用时过长")]),
    ],
)
def test_how_long_a_red_case_waits_is_a_colour_a_drawing_and_a_word(
    desk: Served, opened: Opened, says: str, minutes: float, shade: str, queue: list, case: list
) -> None:
    page = opened(ago(desk, minutes), shade=shade)
    page.until("document.querySelector('#case .title .band b')")
    assert chips(page, "#queue .row") == queue, says
    assert chips(page, "#case .title") == case, says
    assert faint(page) == []
    # The next band comes by itself: nothing is asked for it, and nothing else is drawn.
    painted = """import('./bands.js').then(({band, paint}) => {
      const bands = [{band: 'green', at: '2026-03-01T08:00:00Z'}, {band: 'warn', at: '2026-03-01T08:30:00Z'}];
      const box = document.createElement('p');
      box.append(band('band', bands));
      return ['07:59:59', '08:29:59', '08:30:00'].map((at) => (paint(Date.parse(`2026-03-01T${at}Z`), box), box.textContent));
    })"""
    assert page.js(painted) == ["", "用时正常", "用时偏长"]


def test_no_word_from_a_scene_is_seen_on_the_row_and_the_case_until_one_comes(desk: Served, opened: Opened) -> None:
    alert = ago(desk, 40)
    then = datetime.now(UTC) - timedelta(minutes=35)
    desk.conductor.command(alert.id, Dispatch("值班员", "p-1"), then)
    desk.conductor.command(alert.id, Arrive("甲"), then)
    page = opened(alert)
    page.until("document.querySelector('.scene .band b')")
    assert chips(page, ".scene") == [("critical", "现场失联")]
    assert ("critical", "现场失联") in chips(page, "#queue .row")
    page.until("document.querySelector('.scene').innerText.includes('甲')")
    page.click("[data-verb=check-in]")
    page.until("document.querySelector('.scene .band').dataset.band === 'green'")
    assert ("critical", "现场失联") not in chips(page, "#queue .row")


def test_the_buttons_of_the_page_of_a_text_work_in_a_browser(desk: Served, opened: Opened) -> None:
    alert = desk.signal(level=Level.RED)
    desk.conductor.command(alert.id, Dispatch("值班员", "p-1"), datetime.now(UTC))
    page = opened(alert, path=SLIPS.link(alert.id, "p-1").removeprefix("https://desk.example"))
    assert (nameless(page), faint(page)) == ([], [])
    page.click("button[value=arrive]")
    until(lambda: desk.ledger.alert(alert.id).handling == "on_scene")
