"""The page: served whole from the package, in two languages, and safe with whatever the world says."""

import json
import re
from pathlib import Path

import pytest

from alerts.alert import Handling, NoticeState, Reason
from alerts.instructions.instruction import Receipt
from alerts.instructions.instruction import Standing as Sent
from alerts.outcome import Why
from alerts.quiet.terms import Standing as Quiet
from alerts.whistle.whistle import Standing as Blown
from alerts.whistle.whistle import TaskState
from alerts.words import load_words
from api.http.commands import Verb
from ingest.registry import GridLevel
from streams.signal import Level, Origin
from tests.api.served import Served

PAGE = Path(__file__).parents[2] / "api" / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))


def words() -> dict[str, dict[str, str]]:
    found = {}
    for language in ("zh", "en"):
        text = (PAGE / f"words-{language}.js").read_text(encoding="utf-8")
        found[language] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


def test_both_languages_have_the_same_words_and_the_same_placeholders() -> None:
    zh, en = words()["zh"], words()["en"]
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"{\w+}", zh[key])) == set(re.findall(r"{\w+}", en[key])), key


@pytest.mark.parametrize(
    ("claim", "prefix", "values"),
    [
        ("every level has a word", "level", Level),
        ("every sense has a word", "origin", Origin),
        ("every handling has a word", "handling", Handling),
        ("every reason has a word", "reason", Reason),
        ("every state of a notice has a word", "state", NoticeState),
        ("every verb has a word", "act", Verb),
        ("every level of the tree has a word", "grid", GridLevel),
        ("every reason on the timeline has a word", "why", Why),
        ("every line of the timeline has a word", "what", load_words().tables["zh"]["what"]),
        ("every why of the timeline has a word", "why", load_words().tables["zh"]["why"]),
        ("every kind that a notice can name has a word", "kind", load_words().tables["zh"]["kind"]),
    ],
)
def test_what_the_server_can_say_the_page_has_words_for(claim: str, prefix: str, values: object) -> None:
    known = words()["zh"]
    assert [v for v in values if f"{prefix}.{v}" not in known] == [], claim


def test_every_word_that_is_asked_for_exists() -> None:
    known = words()["zh"]
    asked = {
        key for script in SCRIPTS for key in re.findall(r'\bt\("([\w.-]+)"[,)]', script.read_text(encoding="utf-8"))
    }
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    asked |= set(re.findall(r'data-(?:say|label)="([^"]+)"', html))
    assert asked - known.keys() == set()


def test_every_set_of_words_that_is_asked_for_by_a_value_has_some() -> None:
    known = words()["zh"]
    asked = {
        p for script in SCRIPTS for p in re.findall(r'\bt\("([\w.-]+[._])" \+', script.read_text(encoding="utf-8"))
    }
    assert {"quiet.do.", "whistle.do.", "receipt."} <= asked
    assert [prefix for prefix in asked if not any(key.startswith(prefix) for key in known)] == []


@pytest.mark.parametrize(
    ("claim", "prefix", "values"),
    [
        ("every standing of a whistle", "whistle", Blown),
        ("every state of a unit", "task", TaskState),
        ("every receipt", "receipt", Receipt),
        ("every standing of an instruction", "order.standing", Sent),
        ("every group of silences", "quiet.group", Quiet),
        ("every matter of a clock", "matter", ("urgent", "hard", "big")),
    ],
)
def test_the_registers_have_words_for_what_the_server_says(claim: str, prefix: str, values: object) -> None:
    known = words()["zh"]
    assert [v for v in values if f"{prefix}.{v}" not in known] == [], claim


def test_the_forms_are_told_what_they_say_beforehand(desk: Served) -> None:
    limits = desk.http.get("/api/v1/silences").json()["limits"]
    assert limits == {"silence_s": 7200, "approved_s": 604800, "drill_s": 14400, "recurring_s": 366 * 86400}
    times = desk.http.get("/api/v1/whistles/matters").json()
    assert (times["name_s"], times["attend_s"], times["deadline_s"]) == (1800, 1800, 86400)
    grids = desk.http.get("/api/v1/grids?geometry=false").json()["features"]
    people = [one for grid in grids for one in grid["properties"]["people"]]
    assert [(one["id"], one["name"]) for one in people] == [("p-2", "乙"), ("p-1", "甲")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_turns_text_into_markup_or_code(script: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
        script.read_text(encoding="utf-8"),
    )


@pytest.mark.parametrize(
    "file", [*SCRIPTS, PAGE / "index.html", PAGE / "page.css", PAGE / "bell.svg"], ids=lambda path: path.name
)
def test_nothing_is_fetched_from_elsewhere(file: Path) -> None:
    found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"']*", file.read_text(encoding="utf-8"))
    assert [url for url in found if "www.w3.org/2000/svg" not in url] == []


def test_the_page_and_everything_it_names_is_served_under_a_strict_policy(desk: Served) -> None:
    html = desk.http.get("/")
    assert "default-src 'self'" in html.headers["content-security-policy"]
    assert html.headers["cache-control"] == "no-cache"
    named = set(re.findall(r'(?:href|src)="([\w.-]+)"', html.text))
    for script in SCRIPTS:
        named |= {m.removeprefix("./") for m in re.findall(r'from "(\./[\w.-]+)"', script.read_text(encoding="utf-8"))}
    assert {"page.js", "page.css", "stream.js"} <= named
    for name in named | {"live-worker.js"}:
        assert desk.http.get("/" + name).status_code == 200, name
    for name in ("__init__.py", "../settings.py", "%2e%2e/settings.py", "__pycache__"):
        assert desk.http.get("/" + name).status_code == 404, name


def test_no_inline_script_or_style_needs_a_weaker_policy() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)
