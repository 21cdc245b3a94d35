"""The pages behind signed addresses: whose they are, how long, what is taken on them, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.commands import Acknowledge, CallBack, Close, Handle, Verify
from api.reports import HOUR, Addresses
from api.settings import ReportSettings
from api.slips import ReportLinks, Slips, Spot
from ingest.events import Point
from tests.api.served import LINKS, PUBLIC, Served, serving
from tests.ingest.test_pictures import PIXEL, exif, jpeg, segment

NOW = datetime.now(UTC)
SPOT = Spot("990101", Point(30.05, 103.05))
WORKER = LINKS.patrol("p-1", NOW).removeprefix(PUBLIC)
POSTER = LINKS.place(SPOT).removeprefix(PUBLIC)
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One desk for what leaves nothing behind."""
    with serving(tmp_path_factory.mktemp("pages")) as served:
        yield served


def sent(desk: Served, page: str, *, files: int = 0, **words: str) -> httpx.Response:
    form = {"key": KEY, "kind": "manhole", "text": "井盖没了", **words}
    parts: Any = [(name, (None, value)) for name, value in form.items()]
    parts += [("pictures", (f"{n}", jpeg(segment(0xE1, exif(6))))) for n in range(files)]
    return desk.http.post(page, files=parts, headers={"origin": str(desk.http.base_url).rstrip("/")})


def told(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


@dataclass(frozen=True)
class Forged:
    says: str
    path: str


FORGED = [
    Forged("another's page under my signature", WORKER.replace("/p-1/", "/p-2/")),
    Forged("a later last day", re.sub(r"/(\d+)/", lambda m: f"/{int(m[1]) + 1}/", WORKER)),
    Forged("a signature that was changed", WORKER[:-1] + ("A" if WORKER[-1] != "A" else "B")),
    Forged("a page that has ended", LINKS.patrol("p-1", NOW - timedelta(days=91)).removeprefix(PUBLIC)),
    Forged("somebody who is not on the roster", LINKS.patrol("p-9", NOW).removeprefix(PUBLIC)),
    Forged("another spot under a poster's signature", POSTER.replace("103.05000", "103.06000")),
    Forged("another grid under it", POSTER.replace("990101", "990102")),
    Forged("a grid that is not there (any more)", LINKS.place(Spot("98")).removeprefix(PUBLIC)),
    Forged("an earlier edition", ReportLinks("only-for-tests", PUBLIC, edition=2).place(SPOT).removeprefix(PUBLIC)),
    Forged("another secret", ReportLinks("somebody-else-s", PUBLIC).place(SPOT).removeprefix(PUBLIC)),
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda f: f.says)
def test_an_address_that_we_did_not_make_opens_nothing(shared: Served, forged: Forged) -> None:
    for answer in (
        shared.http.get(forged.path),
        sent(shared, forged.path),
        shared.http.get(forged.path + "/R-0000000000000000"),
    ):
        assert answer.status_code == 404
        assert "<form" not in answer.text
    assert shared.http.get("/api/v1/alerts").json()["alerts"] == []


def test_a_link_is_good_to_the_end_of_its_last_day_in_china() -> None:
    links, made = ReportLinks("s", PUBLIC, days=1), datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    _, _, _, person, until, signature = links.patrol("p", made).removeprefix("https:/").split("/")[-6:]
    last = datetime(2026, 5, 2, 15, 59, tzinfo=UTC)
    assert links.is_patrol(person, until, signature, last)
    assert not links.is_patrol(person, until, signature, last + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("secret", "public", "missing"), [("", PUBLIC, "secret"), ("s", "", "notify.public_url"), ("s", PUBLIC, "")]
)
def test_without_a_secret_or_a_public_address_there_are_no_links(secret: str, public: str, missing: str) -> None:
    links = ReportLinks(secret, public)
    assert links.missing == missing
    assert bool(links.patrol("p", NOW)) is bool(links.place(SPOT)) is not bool(missing)
    assert not ReportLinks("").is_place("990101", SPOT.written, "")


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    slip = Slips("only-for-tests", PUBLIC).link("patrol", "1").rsplit("/", 1)[1]
    assert not LINKS.is_place("patrol", "1", slip)


def test_the_page_needs_nothing_but_a_telephone(shared: Served) -> None:
    page = shared.http.get(WORKER)
    assert (page.status_code, page.headers["cache-control"], page.headers["referrer-policy"]) == (
        200,
        "no-store",
        "same-origin",
    )
    assert "img-src 'self' blob:" in page.headers["content-security-policy"]
    assert page.headers["permissions-policy"] == "geolocation=(self)"
    assert '<html lang="zh-CN">' in page.text
    assert ["甲" in told(page), "矛盾纠纷" in page.text, 'name="phone"' in page.text] == [True, True, False]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page.text)
    for name in re.findall(r'(?:href|src)="(/[\w.-]+)"', page.text):
        assert shared.http.get(name).status_code == 200, name
    poster = shared.http.get(POSTER)
    assert ["矛盾纠纷" in poster.text, 'name="phone"' in poster.text, "试验镇第一网格" in poster.text] == [
        False,
        True,
        True,
    ]
    keys = {re.search(r'name="key" value="([^"]+)"', shared.http.get(POSTER).text).group(1) for _ in range(2)}  # type: ignore[union-attr]
    assert len(keys) == 2, "every form is a report of its own"


@pytest.mark.parametrize("page", [WORKER, POSTER], ids=["patrol", "poster"])
def test_it_is_all_there_in_english(shared: Served, page: str) -> None:
    for answer in (
        shared.http.get(page, params={"lang": "en"}),
        shared.http.get("/r/place/x/-/y", headers={"accept-language": "en"}),
    ):
        assert '<html lang="en">' in answer.text
        assert not re.findall(
            "[一-鿿]+", answer.text.replace("试验镇第一网格", "").replace("甲", "").replace("中文", "")
        )


def test_a_report_has_a_number_and_later_a_result_under_the_same_address(desk: Served) -> None:
    answer = sent(desk, POSTER, files=2, lat="30.06", lon="103.06", accuracy="12", phone="138 0000 0001")
    assert answer.status_code == 303
    number = answer.headers["location"].split("/")[-1].split("?")[0]
    receipt = desk.http.get(answer.headers["location"])
    assert all(word in told(receipt) for word in (number, "已立案", "照片 2 张", "回访您"))
    assert "138" not in told(receipt), "not even to whoever holds the telephone"
    case = desk.http.get(f"/api/v1/reports/{number}").json()["case"]
    alert = desk.ledger.alert(case)
    assert alert is not None
    assert (alert.place.why, alert.place.point) == ("coordinates", Point(30.06, 103.06))
    for command in (
        Acknowledge("甲"),
        Handle("乙"),
        Verify("甲"),
        CallBack("甲", number),
        Close("甲", "请王五 138 处理"),
    ):
        desk.conductor.command(case, command, NOW)
    result = told(desk.http.get(f"{POSTER}/{number}"))
    assert all(word in result for word in ("已办结", "属实"))
    assert "王五" not in result, "what an operator writes is not a resident's to read"
    assert desk.http.get(f"{WORKER}/{number}").status_code == 404, "nor is a resident's report a worker's"
    assert desk.http.get(f"{POSTER}/R-0000000000000000").status_code == 404


def test_double_taps_and_retries_are_one_report(desk: Served) -> None:
    first, again = sent(desk, POSTER), sent(desk, POSTER, text="再按一次")
    assert first.headers["location"] == again.headers["location"]
    (alert,) = desk.http.get("/api/v1/alerts").json()["alerts"]
    assert alert["count"] == 1
    other = sent(desk, WORKER)
    assert other.headers["location"].split("/")[-1] != first.headers["location"].split("/")[-1], "a key is of its page"


def test_a_worker_sees_their_own_reports_and_what_became_of_them(desk: Served) -> None:
    sent(desk, WORKER, grid="990101", kind="dispute")
    sent(desk, POSTER)
    page = desk.http.get(WORKER)
    own = page.text.split('class="own"')[1]
    assert (own.count("<li>"), "矛盾纠纷" in own, "已立案" in own) == (1, True, True)
    assert "<li>" not in desk.http.get(POSTER).text, "a poster lists nobody's"
    (row,) = desk.ledger.reports.last("p-1")
    assert (row.report.place.grid, row.report.place.why, row.report.told) == ("990101", "chosen", "notice")


@pytest.mark.parametrize(
    ("says", "page", "words", "status", "said"),
    [
        ("no kind", POSTER, {"kind": ""}, 422, "请选择类别"),
        ("a kind of another page", POSTER, {"kind": "dispute"}, 422, "请选择类别"),
        ("a form without its own number", POSTER, {"key": ""}, 422, "请选择类别"),
        ("a place of another's", WORKER, {"grid": "990102"}, 422, "请选择类别"),
        ("a position that cannot be", POSTER, {"lat": "95", "lon": "1"}, 422, "请选择类别"),
        ("the log is away", POSTER, {"text": "the log is away"}, 503, "不会重复"),
    ],
)
def test_what_is_not_taken_says_so_in_the_form(
    shared: Served, says: str, page: str, words: dict[str, str], status: int, said: str
) -> None:
    answer = sent(shared, page, **words)
    assert (answer.status_code, said in told(answer)) == (status, True), says
    assert "<form" in answer.text
    if words.get("key", KEY):
        assert f'value="{KEY}"' in answer.text, "the same form is tried again"


def test_pictures_that_cannot_be_kept_are_said_so(shared: Served) -> None:
    four = sent(shared, POSTER, files=4)
    assert four.status_code == 422
    page: Any = [("key", (None, "p" * 16)), ("kind", (None, "road")), ("pictures", ("a.jpg", b"<script>"))]
    answer = shared.http.post(POSTER, files=page)
    assert (answer.status_code, "JPEG" in told(answer)) == (422, True)


def test_another_site_cannot_send_the_form(shared: Served) -> None:
    form: Any = [("key", (None, KEY)), ("kind", (None, "road"))]
    assert shared.http.post(POSTER, files=form, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_poster_and_a_worker_have_limits_and_a_fire_is_taken_beyond_them(tmp_path: Path) -> None:
    with serving(tmp_path, reports=ReportSettings(poster_per_hour=2, worker_per_hour=1, address_per_hour=5)) as desk:
        codes = [sent(desk, POSTER, key=f"{n:016}").status_code for n in range(3)]
        assert codes == [303, 303, 429]
        assert sent(desk, POSTER, key=f"{0:016}").status_code == 303, "a retry of what was taken is not another one"
        assert sent(desk, POSTER, key="f" * 16, kind="fire").status_code == 303
        assert [sent(desk, WORKER, key=f"{n:016}").status_code for n in range(2)] == [303, 429]
        assert [sent(desk, POSTER, key=f"a{n:015}", kind="gas").status_code for n in range(2)] == [303, 429], (
            "an address has one as well"
        )


def test_addresses_are_forgotten_after_an_hour_and_are_few() -> None:
    addresses = Addresses(2)
    assert [addresses.may("a", NOW) for _ in range(3)] == [True, True, False]
    assert addresses.may("b", NOW)
    assert addresses.may("a", NOW + HOUR)
    for number in range(20_000):
        addresses.may(str(number), NOW)
    assert len(addresses._sent) == 10_000


def test_a_plain_picture_is_what_the_desk_gets(desk: Served) -> None:
    number = sent(desk, POSTER, files=1).headers["location"].split("/")[-1].split("?")[0]
    got = desk.http.get(f"/api/v1/reports/{number}/pictures/1")
    assert got.headers["content-type"] == "image/jpeg"
    assert len(got.content) == len(PIXEL) + 36, "the picture, and which side is up"
    assert desk.http.get(f"{POSTER}/{number}/pictures/1").status_code == 404, "and nobody else"
