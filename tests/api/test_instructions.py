"""Downward instructions over real HTTP, on the page behind a text's address, and from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.instructions.instruction import Receipt, subject
from alerts.ledger import open_ledger
from api.command.verbs import app
from api.http import live
from api.slips import Slips
from tests.alerts.test_receipts import signed
from tests.api.served import GRIDS, PEOPLE, PUBLIC, SLIPS, Served

SENT: dict[str, Any] = {"by": "试验县", "text": "今晚暴雨，请巡查 <低洼> 院落", "to": [{"areas": ["99"]}]}
ROOT = "/api/v1/instructions"


def key(word: str) -> dict[str, str]:
    return {"Idempotency-Key": word}


def send(desk: Served, word: str = "k1", **but: Any) -> dict[str, Any]:
    answer = desk.http.post(ROOT, json=SENT | but, headers=key(word))
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def notices(desk: Served, ident: str, person: str = "p-1") -> list[Any]:
    return desk.ledger.outbox(alert=subject(ident, person))


def test_an_instruction_is_sent_once_however_often_it_is_posted(desk: Served) -> None:
    first = desk.http.post(ROOT, json=SENT, headers=key("k1"))
    again = desk.http.post(ROOT, json=SENT, headers=key("k1"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    made = first.json()
    assert (made["people"], made["owing"], made["demanded"], made["standing"]) == (2, 2, "read", "open")
    assert first.headers["location"] == f"{ROOT}/{made['id']}"
    assert [n.channel for n in notices(desk, made["id"])] == ["sms"]
    assert len(desk.ledger.outbox()) == 2


@pytest.mark.parametrize(
    ("says", "but", "headers", "status", "code"),
    [
        ("without a key a repeat could tell everybody twice", {}, {}, 400, "key_missing"),
        ("an empty key is none", {}, key(""), 400, "key_missing"),
        ("a key stands for one instruction", {"text": "另一件"}, key("taken"), 422, "key_used"),
        ("an unknown grid", {"to": [{"areas": ["98"]}]}, key("k"), 422, "nobody_meant"),
        ("a target that names nothing", {"to": [{}]}, key("k"), 422, "nobody_meant"),
        ("no target", {"to": []}, key("k"), 422, "invalid"),
        ("a level that does not exist", {"to": [{"levels": ["planet"]}]}, key("k"), 422, "invalid"),
        ("a field nobody knows", {"colour": "red"}, key("k"), 422, "invalid"),
        ("a text without end", {"text": "长" * 501}, key("k"), 422, "invalid"),
        ("a text of blanks", {"text": "   "}, key("k"), 422, "nobody_meant"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_a_problem_and_tells_nobody(desk: Served, says, but, headers, status, code) -> None:
    send(desk, "taken")
    answer = desk.http.post(ROOT, json=SENT | but, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), says
    assert len(desk.ledger.outbox()) == 2


def test_a_preview_says_whom_and_why_and_sends_nothing(desk: Served) -> None:
    found = desk.http.post(f"{ROOT}/preview", json=SENT | {"to": [{"areas": ["9901"], "levels": ["grid"]}]}).json()
    assert [(p["person"], p["because"]) for p in found["people"]] == [
        ("p-1", [{"target": 1, "area": "9901", "level": "grid"}])
    ]
    assert found["missed"] == [{"why": "vacant", "what": "990102"}]
    assert desk.ledger.outbox() == []


def test_the_table_says_who_has_not(desk: Served) -> None:
    made = send(desk)
    said = {"person": "p-1", "receipt": "read", "by": "值班员01", "note": "电话告知"}
    part = desk.http.post(f"{ROOT}/{made['id']}/receipts", json=said).json()
    assert (part["receipt"], part["owes"], part["via"], part["note"]) == ("read", False, "desk", "电话告知")
    whole = desk.http.get(f"{ROOT}/{made['id']}", params={"owing": True}).json()
    assert [p["person"] for p in whole["people"]] == ["p-2"]
    assert whole["townships"] == [{"code": "9901", "name": "试验镇", "people": 2, "owing": 1}]
    assert whole["instruction"]["receipts"] == {"waiting": 1, "delivered": 0, "read": 1, "accepted": 0, "done": 0}
    assert [p["person"] for p in desk.http.get(f"{ROOT}/{made['id']}").json()["people"]] == ["p-1", "p-2"]
    first = desk.http.get(f"{ROOT}/{made['id']}", params={"limit": 1}).json()
    rest = desk.http.get(f"{ROOT}/{made['id']}", params={"limit": 5, "after": first["after"]}).json()
    assert ([p["person"] for p in rest["people"]], rest["after"]) == (["p-2"], "")
    one = desk.http.get(f"{ROOT}/{made['id']}/people/p-1").json()
    assert [(e["what"], e["by"]) for e in one["timeline"]] == [("read", "值班员01")]
    assert "+86" not in json.dumps(whole) + json.dumps(one)


def test_the_list_has_the_newest_first_and_goes_on(desk: Served) -> None:
    made = [send(desk, f"k{n}", text=f"第{n}条")["id"] for n in range(3)]
    first = desk.http.get(ROOT, params={"limit": 2}).json()
    rest = desk.http.get(ROOT, params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [i["id"] for i in first["instructions"] + rest["instructions"]] == made[::-1]
    assert desk.http.get(ROOT, params={"cursor": "x"}).status_code == 422
    desk.http.post(f"{ROOT}/{made[0]}/end", json={"by": "县"})
    assert len(desk.http.get(ROOT, params={"open": True}).json()["instructions"]) == 2


def test_a_reminder_goes_to_who_has_not_once_a_key(desk: Served) -> None:
    made = send(desk)
    for notice in desk.ledger.outbox():
        provider(desk, notice.key, "delivered")
    desk.http.post(f"{ROOT}/{made['id']}/receipts", json={"person": "p-2", "receipt": "done", "by": "县"})
    told = [
        desk.http.post(f"{ROOT}/{made['id']}/remind", json={"by": "县"}, headers=key("r1")).json()["told"]
        for _ in range(2)
    ]
    assert told == [1, 0]
    assert [n.reason.value for n in notices(desk, made["id"])] == ["instruction", "repeat"]
    assert desk.http.post(f"{ROOT}/{made['id']}/remind", json={"by": "县"}).json()["code"] == "key_missing"


@pytest.mark.parametrize(("verb", "standing"), [("withdraw", "withdrawn"), ("end", "ended")])
def test_the_end_is_told_to_who_was_told(desk: Served, verb: str, standing: str) -> None:
    made = send(desk)
    provider(desk, notices(desk, made["id"])[0].key, "delivered")
    for _ in range(2):
        over = desk.http.post(f"{ROOT}/{made['id']}/{verb}", json={"by": "县", "why": "雨停了"}).json()
    assert (over["standing"], over["over_why"]) == (standing, "雨停了")
    assert [n.reason.value for n in notices(desk, made["id"])] == ["instruction", "resolved"]
    assert [n.state.value for n in notices(desk, made["id"], "p-2")] == ["cancelled"]
    other = "end" if verb == "withdraw" else "withdraw"
    assert desk.http.post(f"{ROOT}/{made['id']}/{other}", json={"by": "县"}).json()["code"] == "instruction_over"
    said = {"person": "p-1", "receipt": "done", "by": "县"}
    assert desk.http.post(f"{ROOT}/{made['id']}/receipts", json=said).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/x"), ("get", "/x/people/p-1"), ("post", "/x/end"), ("post", "/x/remind"), ("post", "/x/receipts")],
)
def test_an_instruction_that_is_not_there_is_a_404(desk: Served, method: str, path: str) -> None:
    body = {"by": "县"} | ({"person": "p-1", "receipt": "read"} if path.endswith("receipts") else {})
    sent = {"json": body, "headers": key("k")} if method == "post" else {}
    assert desk.http.request(method, ROOT + path, **sent).status_code == 404


def test_the_live_stream_tells_of_an_instruction_and_not_of_each_of_its_thousands(desk: Served) -> None:
    made = send(desk)
    desk.http.post(f"{ROOT}/{made['id']}/receipts", json={"person": "p-1", "receipt": "read", "by": "县"})
    messages = live.renderer(desk.app.state.desk)(desk.ledger.entries_after(0))
    assert [bool(m.wire) for m in messages] == [True, False]
    assert b"instructed" in messages[0].wire
    assert [m.seq for m in messages] == [e.seq for e in desk.ledger.entries_after(0)]


# What the provider says -----------------------------------------------------------------------------------------------


def provider(desk: Served, notice: str, state: str, path: str = "status", **form: str) -> int:
    url, said = f"/provider/twilio/{path}/{notice}", {"MessageSid": "SM1", "MessageStatus": state, **form}
    headers = {"X-Twilio-Signature": signed(PUBLIC + url, said, "only-for-tests")}
    return desk.http.post(url, data=said, headers=headers).status_code


def test_a_providers_receipt_and_a_pressed_key_reach_the_instruction(desk: Served) -> None:
    made = send(desk, urgent=True)
    by_channel = {n.channel: n for n in notices(desk, made["id"])}
    assert provider(desk, by_channel["sms"].key, "delivered") == 204
    person = f"{ROOT}/{made['id']}/people/p-1"
    assert desk.http.get(person).json()["person"]["receipt"] == "delivered"
    assert provider(desk, by_channel["voice"].key, "", "digits", Digits="1") == 200
    part = desk.http.get(person).json()["person"]
    assert (part["receipt"], part["via"], part["owes"]) == ("accepted", "voice", False)
    assert provider(desk, by_channel["sms"].key, "failed") == 204  # late: changes nothing
    assert desk.http.get(person).json()["person"]["receipt"] == "accepted"


# The page behind a text's address -------------------------------------------------------------------------------------


def page_of(desk: Served, ident: str, person: str = "p-1") -> str:
    found = re.search(r"https://\S+", notices(desk, ident, person)[0].text)
    assert found is not None
    return found.group().removeprefix(PUBLIC)


def test_a_text_carries_the_address_of_a_page_on_which_its_person_answers(desk: Served) -> None:
    made = send(desk, demanded="done")
    page = page_of(desk, made["id"])
    looked = desk.http.get(page)
    assert looked.status_code == 200
    assert "今晚暴雨，请巡查 &lt;低洼&gt; 院落" in looked.text
    assert "甲，您好" in looked.text
    assert desk.ledger.instructions.recipient(made["id"], "p-1").receipt == "waiting", "looking says nothing"
    for said in ("read", "accepted", "done"):
        assert f'value="{said}"' in looked.text
        looked = desk.http.post(page, data={"receipt": said, "note": "<b>已巡查</b>"})
        assert looked.status_code == 200
        assert desk.ledger.instructions.recipient(made["id"], "p-1").receipt == said
        assert f'value="{said}"' not in looked.text
    part = desk.http.get(f"{ROOT}/{made['id']}/people/p-1").json()["person"]
    assert (part["via"], part["owes"]) == ("page", False)


def test_a_page_speaks_its_persons_language_and_runs_nothing(desk: Served) -> None:
    made = send(desk)
    english = desk.http.get(page_of(desk, made["id"], "p-2"))
    assert "I have read it" in english.text
    assert 'lang="en"' in english.text
    assert "<script" not in english.text
    assert english.headers["referrer-policy"] == "same-origin", "else a browser sends the form from nowhere"
    assert english.headers["cache-control"] == "no-store"
    assert desk.http.get("/slip.css").status_code == 200


@pytest.mark.parametrize(
    ("says", "change"),
    [
        ("another person's name in it", lambda page: page.replace("/p-1/", "/p-2/")),
        ("a signature of our own making", lambda page: page[:-4] + "AAAA"),
        ("signed with another secret", lambda page: Slips("another", PUBLIC).link(page.split("/")[2], "p-1").removeprefix(PUBLIC)),
        ("an instruction that is not there", lambda _: SLIPS.link("none", "p-1").removeprefix(PUBLIC)),
    ],
)  # fmt: skip
def test_an_address_that_we_did_not_make_answers_for_nobody(
    desk: Served, says: str, change: Callable[[str], str]
) -> None:
    made = send(desk)
    page = change(page_of(desk, made["id"]))
    assert desk.http.get(page).status_code == 404, says
    assert desk.http.post(page, data={"receipt": "done"}).status_code == 404, says
    assert {p["receipt"] for p in desk.http.get(f"{ROOT}/{made['id']}").json()["people"]} == {"waiting"}


@pytest.mark.parametrize("said", ["", "delivered", "waiting", "anything"])
def test_a_button_that_the_page_does_not_have_says_nothing(desk: Served, said: str) -> None:
    made = send(desk)
    assert desk.http.post(page_of(desk, made["id"]), data={"receipt": said}).status_code == 404
    assert desk.ledger.instructions.recipient(made["id"], "p-1").receipt == "waiting"


def test_a_page_of_what_is_withdrawn_says_so_and_takes_nothing(desk: Served) -> None:
    made = send(desk)
    page = page_of(desk, made["id"])
    desk.http.post(f"{ROOT}/{made['id']}/withdraw", json={"by": "县"})
    answer = desk.http.post(page, data={"receipt": "done"})
    assert "已撤回" in answer.text
    assert "<button" not in answer.text
    assert desk.ledger.instructions.recipient(made["id"], "p-1").receipt == "waiting"


def test_without_a_secret_there_are_no_addresses() -> None:
    assert Slips("", PUBLIC).link("i", "p") == ""
    assert Slips("secret", "").link("i", "p") == ""
    assert not Slips("").genuine("i", "p", Slips("", PUBLIC).link("i", "p"))
    assert not Slips("").genuine("i", "p", "")


# The command line -----------------------------------------------------------------------------------------------------

Run = Callable[..., Any]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    settings = f'secret = "s"\n[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n[notify]\npublic_url = "{PUBLIC}"\n'
    Path("tocsin.toml").write_text(settings, encoding="utf-8")
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.replace_place(GRIDS, [], PEOPLE)
    ledger.close()
    return lambda *arguments: CliRunner().invoke(app, ["instruct", *arguments], env={"COLUMNS": "250"})


def told(tmp_path: Path) -> int:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    try:
        return len(ledger.outbox())
    finally:
        ledger.close()


def test_a_command_that_is_given_again_sends_once(office: Run, tmp_path: Path) -> None:
    given = ("send", "请巡查", "--by", "县", "--area", "9901", "--level", "grid", "--level", "township", "--json")
    first, again = (json.loads(office(*given).stdout) for _ in range(2))
    assert (first["new"], again["new"], first["people"]) == (True, False, 2)
    assert first["id"] == again["id"]
    assert told(tmp_path) == 2
    assert json.loads(office(*given, "--key", "once more").stdout)["new"]
    listed = json.loads(office("list", "--json").stdout)["instructions"]
    assert [(i["people"], i["owing"]) for i in listed] == [(2, 2), (2, 2)]
    assert "请巡查" in office("list").stdout


def test_a_dry_run_says_whom_and_why_and_sends_nothing(office: Run, tmp_path: Path) -> None:
    shown = office("send", "请巡查", "--by", "县", "--area", "99", "--role", "grid_leader", "--dry-run")
    assert shown.exit_code == 0
    assert "p-1" in shown.stdout
    assert "area=99, role=grid_leader" in shown.stdout
    assert "p-2" not in shown.stdout
    assert told(tmp_path) == 0


def test_who_has_not_is_an_exit_code_too(office: Run, tmp_path: Path) -> None:
    made = json.loads(office("send", "请巡查", "--by", "县", "--person", "p-1", "--demand", "done", "--json").stdout)
    shown = office("who-has-not", made["id"], "--links")
    assert shown.exit_code == 1
    assert f"p-1 {Slips('s', PUBLIC).link(made['id'], 'p-1')}" in shown.stdout
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    with ledger.transaction() as tx:
        part = tx.instructions.recipient(made["id"], "p-1")
        assert part is not None
        tx.instructions.receive(made["id"], replace(part, receipt=Receipt.DONE))
    ledger.close()
    assert office("who-has-not", made["id"]).exit_code == 0
    assert json.loads(office("who-has-not", made["id"], "--json").stdout)["owing"] == []


@pytest.mark.parametrize(
    ("says", "arguments", "code", "words"),
    [
        ("a grid that is not there", ("send", "t", "--by", "县", "--area", "98"), 1, "no grid '98'"),
        ("nothing named", ("send", "t", "--by", "县"), 1, "names nothing"),
        ("a level that does not exist", ("send", "t", "--by", "县", "--level", "planet"), 2, "planet"),
        ("a receipt that is none", ("send", "t", "--by", "县", "--area", "99", "--demand", "waiting"), 1, "no receipt"),
        ("an instruction that is not there", ("who-has-not", "x"), 2, "no instruction x"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_code(office: Run, tmp_path: Path, says, arguments, code, words) -> None:
    answer = office(*arguments)
    assert answer.exit_code == code, says
    assert words in answer.stderr
    assert told(tmp_path) == 0
