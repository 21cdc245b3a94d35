"""Platforms that push over HTTP: who is let in, what is kept before the answer, and what the answer is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka.errors import KafkaConnectionError

from api.pushes import Knock, Pushed, Pushes, Refused
from api.seal import Seal
from api.settings import SettingsError, load
from ingest.clock import Clock
from ingest.dialects.catalogue import Stream, entries
from ingest.events import Call, Event, Lapse, Loss, Rejected, decode
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.log import Record
from ingest.registry import Registry
from ingest.settings import GatewaySettings, PushDoor
from ingest.topics import Topic
from tests.api.served import Served, serving

KNOWN = entries()
TOKEN = "a-token-of-more-than-16"
SECRET = "only for tests"
PACK = b'[{"bn":"dev-1/","n":"temperature","v":21.5}]'
CAMERA = "34020000001320000001"
DOORS = (
    PushDoor(name="senml-a", dialect="senml", token=TOKEN),
    PushDoor(name="near", dialect="senml", allow=(ip_network("127.0.0.0/8"),)),
    PushDoor(name="far", dialect="senml", allow=(ip_network("192.0.2.0/24"),)),
    PushDoor(name="both", dialect="senml", token=TOKEN, allow=(ip_network("192.0.2.0/24"),)),
    PushDoor(name="quiet", dialect="senml", token=TOKEN, rate=0.5),
    PushDoor(name="calm", dialect="senml", token=TOKEN, rate=0.5),
    PushDoor(name="platform", dialect="gb28181", token=TOKEN),
    PushDoor(name="orders", dialect="open311", token=TOKEN),
)


@dataclass
class FakeLog:
    """Takes everything, raises, or never answers, as it is told."""

    mood: str = "well"
    records: list[Record] = field(default_factory=list)

    async def write(self, records: Sequence[Record]) -> None:
        if self.mood == "raises":
            raise KafkaConnectionError("no broker")
        if self.mood == "silent":
            await asyncio.Event().wait()
        self.records += records

    def rows(self) -> list[tuple[str, str, float]]:
        frames = [Frame.decode(r.value) for r in self.records if r.topic == Topic.READINGS]
        return [(r.device, r.metric, r.value) for frame in frames for r in frame.readings()]

    def events(self, kind: type[Event]) -> list[Any]:
        found = [decode(r.value) for r in self.records if r.topic != Topic.READINGS]
        return [event for event in found if isinstance(event, kind)]


def pushes(log: FakeLog, doors: Sequence[PushDoor] = DOORS) -> Pushes:
    def gateway(stream: Stream) -> Gateway:
        return Gateway(Registry(), lambda _: None, GatewaySettings(), (), Seal(SECRET), stream)

    return Pushes(doors, KNOWN, gateway, log, partitions=4, clock=Clock(), patience=0.05)  # type: ignore[arg-type]


@dataclass
class Doors:
    """The API with its push doors, and the log behind them."""

    desk: Served
    log: FakeLog
    pushes: Pushes

    def push(self, door: str, body: bytes = PACK, *, token: str = TOKEN, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.desk.http.post(f"/api/v1/push/{door}", content=body, headers=headers | more)


@contextmanager
def opened(directory: Path) -> Iterator[Doors]:
    log = FakeLog()
    made = pushes(log)
    with serving(directory, pushes=made) as desk:
        yield Doors(desk, log, made)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with opened(tmp_path_factory.mktemp("pushes")) as found:
        yield found


@pytest.fixture
def doors(house: Doors) -> Doors:
    """The same doors for every test of this module, and a log that is empty and well."""
    house.log.records, house.log.mood = [], "well"
    return house


# -- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "headers", "query"),
    [
        ("a bearer token", {"authorization": f"Bearer {TOKEN}"}, ""),
        ("a bearer token in another case", {"authorization": f"bearer  {TOKEN}"}, ""),
        ("a header of its own", {"x-tocsin-token": TOKEN}, ""),
        ("a header beside the authorization of something else", {"authorization": "Basic x", "x-tocsin-token": TOKEN}, ""),
        ("the address", {}, f"?token={TOKEN}"),
    ],
)  # fmt: skip
def test_a_token_may_come_in_any_of_three_ways(doors: Doors, how: str, headers: dict[str, str], query: str) -> None:
    answer = doors.desk.http.post(f"/api/v1/push/senml-a{query}", content=PACK, headers=headers)
    assert answer.status_code == 200, how
    assert doors.log.rows() == [("dev-1", "temperature", 21.5)]


def test_everything_that_is_wrong_about_who_knocks_has_the_same_answer(doors: Doors) -> None:
    long = b"x" * 100_000
    answers = [
        doors.push("senml-a", token="another-token-of-16"),
        doors.push("senml-a", token=""),
        doors.desk.http.post("/api/v1/push/senml-a", content=PACK, params={"token": "不对的令牌不对的令牌不对的令牌"}),
        doors.push("senml-a", long, token="another-token-of-16"),
        doors.push("far"),
        doors.push("both"),
        doors.push("nowhere"),
        doors.push("nowhere", long),
    ]
    assert [a.status_code for a in answers] == [401] * len(answers)
    assert len({orjson.dumps(a.json() | {"instance": ""}) for a in answers}) == 1
    assert not doors.log.records


def test_a_network_lets_in_without_a_token_and_a_token_does_not_open_a_network(doors: Doors) -> None:
    assert doors.push("near", token="").status_code == 200
    assert doors.push("both", token=TOKEN).status_code == 401


def test_what_a_proxy_says_of_an_address_is_gone_by_and_need_not_be_one(doors: Doors) -> None:
    said = {"192.0.2.7": 200, "::ffff:192.0.2.7": 200, "127.0.0.1": 401, "unknown": 401, "": 401}
    for peer, status in said.items():
        assert doors.push("far", **{"x-forwarded-for": peer}).status_code == status, peer


def test_no_push_door_is_open_unless_one_is_in_the_settings(desk: Served) -> None:
    assert desk.http.post("/api/v1/push/senml-a", content=PACK).status_code == 401
    assert desk.http.get("/api/v1/push/senml-a", params={"msg": "x"}).status_code == 404


# -- what is kept before the answer -----------------------------------------------------------------------------------


def test_what_is_understood_is_in_the_log_when_the_answer_comes(doors: Doors) -> None:
    before = doors.pushes.counts.received
    answer = doors.push("senml-a")
    assert answer.json() == {"verdict": "accepted", "reason": None, "observations": 1}
    assert doors.log.rows() == [("dev-1", "temperature", 21.5)]
    assert doors.pushes.counts.received == before + 1


def test_what_says_nothing_is_taken_and_nothing_is_kept(doors: Doors) -> None:
    said = doors.push("senml-a", b'[{"bn":"dev-1/"}]').json()
    assert (said["verdict"], said["reason"]) == ("ignored", "a pack without any value")
    assert not doors.log.records


def test_what_cannot_be_understood_is_kept_with_its_bytes(doors: Doors) -> None:
    answer = doors.push("senml-a", b"\xff{")
    assert (answer.status_code, answer.json()["verdict"]) == (200, "rejected")
    (kept,) = doors.log.events(Rejected)
    assert (kept.raw, kept.source, kept.topic) == (b"\xff{", "senml-a", "/api/v1/push/senml-a")
    assert answer.json()["reason"].startswith(f"{kept.reason}: ")


def test_the_bytes_of_a_rejected_order_are_sealed_for_a_number_may_be_in_them(doors: Doors) -> None:
    body = b"description=hello&phone=13800000000"
    assert doors.push("orders", body).json()["verdict"] == "rejected"
    (kept,) = doors.log.events(Rejected)
    assert b"13800000000" not in kept.raw
    assert Seal(SECRET).reveal(kept.raw.decode()) == body.decode()


def test_a_caller_in_a_push_is_sealed(doors: Doors) -> None:
    assert doors.push("orders", b"service_code=1&description=hello&phone=13800000000&address_string=x").json() == {
        "verdict": "accepted", "reason": None, "observations": 1,
    }  # fmt: skip
    (call,) = doors.log.events(Call)
    assert (call.text, Seal(SECRET).reveal(call.caller)) == ("hello", "13800000000")


@pytest.mark.parametrize(
    ("why", "mood"), [("the log's client raises", "raises"), ("the log never answers, which its writer bears for ever", "silent")]
)  # fmt: skip
def test_while_the_log_is_away_nothing_is_taken_and_the_same_push_is_good_later(
    doors: Doors, why: str, mood: str
) -> None:
    doors.log.mood = mood
    answer = doors.push("senml-a")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "push_not_taken", "2"), (
        why
    )
    assert not doors.log.records
    doors.log.mood = "well"
    assert doors.push("senml-a").status_code == 200
    assert doors.log.rows() == [("dev-1", "temperature", 21.5)]


def test_too_large_is_too_large_however_it_is_said(doors: Doors) -> None:
    largest = doors.pushes.admit(Knock("senml-a", "192.0.2.1", TOKEN))
    answers = [
        doors.push("senml-a", b" " * (largest + 1)),
        doors.desk.http.post(  # in chunks, without a length
            f"/api/v1/push/senml-a?token={TOKEN}", content=iter([b" " * largest, b" "])
        ),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(413, "push_too_big")] * 2
    assert not doors.log.records
    assert doors.push("senml-a", PACK.ljust(largest)).status_code == 200


def test_who_shouts_is_kept_out_of_that_door_alone(doors: Doors) -> None:
    statuses = [doors.push("quiet").status_code for _ in range(7)]  # a burst of five
    assert statuses == [200] * 5 + [429] * 2
    answer = doors.push("quiet")
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("push_too_many", "300")
    assert len(doors.log.rows()) == 5
    assert doors.push("senml-a").status_code == 200


def test_strangers_cannot_have_a_source_kept_out(doors: Doors) -> None:
    assert {doors.push("calm", token="another-token-of-16").status_code for _ in range(20)} == {401}
    assert doors.push("calm").status_code == 200


def test_who_is_kept_out_is_one_alarm_for_operators() -> None:
    async def run(log: FakeLog) -> None:
        made = pushes(log)
        telling = asyncio.create_task(made.run())
        for _ in range(5):
            made.admit(Knock("quiet", "192.0.2.7", TOKEN))
        for _ in range(15):
            with pytest.raises(Refused, match=r"0\.5 messages a second"):
                made.admit(Knock("quiet", "192.0.2.7", TOKEN))
        async with asyncio.timeout(10):
            while not log.records:
                await asyncio.sleep(0)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    log = FakeLog()
    asyncio.run(run(log))
    begun, over = log.events(Lapse)
    assert (begun.gateway, begun.loss, begun.over) == ("quiet:192.0.2.7", Loss.NOISE, False)
    assert (over.gateway, over.since, over.over) == (begun.gateway, begun.since, True)


def test_a_decoder_hears_no_token(tmp_path: Path) -> None:
    heard: list[Any] = []
    log = FakeLog()
    made = pushes(log)
    stream = made._streams["senml-a"]
    decoding = stream.decode

    def listen(message: Any, dialect: str) -> Any:
        heard.append(message)
        return decoding(message, dialect)

    stream.decode = listen  # type: ignore[method-assign]
    with serving(tmp_path, pushes=made) as desk:
        headers = {"authorization": f"Bearer {TOKEN}", "x-tocsin-token": TOKEN, "cookie": "a=b", "ce-id": "1"}
        desk.http.post("/api/v1/push/senml-a", content=PACK, headers=headers, params={"token": TOKEN})
    (message,) = heard
    assert TOKEN not in repr(message)
    assert "cookie" not in message.properties
    assert (message.properties["ce-id"], message.peer) == ("1", "127.0.0.1")


# -- what the answer is -----------------------------------------------------------------------------------------------


def test_what_the_standard_makes_us_answer_is_the_body(doors: Doors) -> None:
    said = {"CmdType": "Alarm", "SN": "17", "DeviceID": CAMERA, "AlarmPriority": "1", "AlarmMethod": "5", "AlarmDescription": "烟火"}  # fmt: skip
    fields = "".join(f"<{name}>{text}</{name}>" for name, text in said.items())
    notify = f'<?xml version="1.0" encoding="GB2312"?><Notify>{fields}</Notify>'.encode("gb18030")
    answer = doors.push("platform", notify)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    for part in ("<CmdType>Alarm</CmdType>", "<SN>17</SN>", f"<DeviceID>{CAMERA}</DeviceID>", "<Result>OK</Result>"):
        assert part in answer.content.decode("gb18030")
    assert [device for device, _, _ in doors.log.rows()] == [CAMERA]


@pytest.mark.parametrize(
    ("what", "query", "back"),
    [
        ("OneNET's name", {"msg": "abc", "nonce": "n"}, "abc"),
        ("WeChat's name", {"echostr": "123"}, "123"),
        ("another's name", {"challenge": "c"}, "c"),
        ("nothing to say back", {}, ""),
        ("no more than a little", {"msg": "x" * 1000}, "x" * 256),
        ("no page for a browser", {"msg": "<script>1</script>"}, "<script>1</script>"),
    ],
)
def test_a_platform_that_checks_the_address_gets_its_word_back(
    doors: Doors, what: str, query: dict[str, str], back: str
) -> None:
    for door in ("senml-a", "nowhere"):
        answer = doors.desk.http.get(f"/api/v1/push/{door}", params=query)
        assert (answer.status_code, answer.text) == (200, back), what
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"

    answer = doors.push("senml-a", token="", **{"accept-language": "en"})
    assert answer.json()["title"] == "The push was not taken"
    assert doors.push("senml-a", token="").json()["title"] == "推送未受理"


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_doors_can_be_set_by_the_environment_as_json(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push = [
        {"name": "a", "dialect": "ctwing", "token": TOKEN},
        {"name": "b", "dialect": "senml", "allow": ["10.0.0.0/8"]},
    ]
    tcp = [{"dialect": "gb26875", "port": 5026, "allow": ["10.20.0.0/16"]}, {"dialect": "hj212", "port": 0, "rate": 20}]
    monkeypatch.setenv("TOCSIN_API__PUSH", orjson.dumps(push).decode())
    monkeypatch.setenv("TOCSIN_GATEWAY__TCP", orjson.dumps(tcp).decode())
    loaded = load()
    assert [(d.name, d.token.get_secret_value(), d.rate) for d in loaded.api.push] == [("a", TOKEN, 50), ("b", "", 50)]
    assert loaded.api.push[1].allow == (ip_network("10.0.0.0/8"),)
    assert [(d.dialect, d.port, d.rate) for d in loaded.gateway.tcp] == [("gb26875", 5026, 50), ("hj212", 0, 20)]
    assert TOKEN not in repr(loaded)


BARE = '{ name = "a", dialect = "senml" }'
GUARDED = f'{{ name = "a", dialect = "senml", token = "{TOKEN}" }}'
NAMED, NAMELESS = 'name = "a"', 'name = "A b"'
WRONG = [
    ("a door without token and networks", f"push = [{BARE}]", "push door a wants a token of 16 characters or more"),
    ("a token that is too short", f'push = [{BARE[:-2]}, token = "short" }}]', "push door a wants a token"),
    ("a name that cannot stand in an address", f"push = [{GUARDED.replace(NAMED, NAMELESS)}]", "api.push.0.name"),
    ("a network with a host in it", f'push = [{BARE[:-2]}, allow = ["10.0.0.1/8"] }}]', "api.push.0.allow.0"),
    ("a key that does not exist", f'push = [{GUARDED[:-2]}, tokken = "x" }}]', "api.push.0.tokken: no such key"),
    ("two doors of one name", f"push = [{GUARDED}, {GUARDED}]", "two push doors are called a"),
]  # fmt: skip


@pytest.mark.parametrize(("_sentence", "text", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_a_door_that_cannot_be_used_is_said(elsewhere: Path, _sentence: str, text: str, said: str) -> None:
    (elsewhere / "tocsin.toml").write_text(f"[api]\n{text}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load()
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("what", "text", "said"),
    [
        ("a door without token and networks", '[{"name": "a", "dialect": "senml"}]', "wants a token"),
        ("no JSON", "[{", "environment: TOCSIN_API__PUSH: not JSON"),
        ("an object and no list", '{"name": "a"}', "TOCSIN_API__PUSH"),
    ],
)
def test_and_so_is_one_in_the_environment(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, what: str, text: str, said: str
) -> None:
    monkeypatch.setenv("TOCSIN_API__PUSH", text)
    with pytest.raises(SettingsError) as caught:
        load()
    assert any(said in problem for problem in caught.value.problems), (what, caught.value.problems)


@pytest.mark.parametrize(
    ("what", "door", "text", "said"),
    [
        ("a dialect that does not exist", {"dialect": "nope", "token": TOKEN}, "", "there is no dialect nope"),
        ("a token file that holds too little", {"dialect": "senml"}, "short\n", "less than 16 characters"),
        ("a token file that is not there", {"dialect": "senml"}, None, "cannot be read"),
    ],
)
def test_what_only_shows_when_doors_open_stops_the_start(
    tmp_path: Path, what: str, door: dict[str, str], text: str | None, said: str
) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        pushes(FakeLog(), (PushDoor(name="a", token_file=file, **door),))  # type: ignore[arg-type]


def test_a_token_in_a_file_of_its_own_counts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    made = pushes(FakeLog(), (PushDoor(name="a", dialect="senml", token_file=file),))
    assert made.admit(Knock("a", "192.0.2.1", TOKEN)) > 0


def test_basic_authorization_is_no_token(doors: Doors) -> None:
    basic = base64.b64encode(f"x:{TOKEN}".encode()).decode()
    answer = doors.desk.http.post("/api/v1/push/senml-a", content=PACK, headers={"authorization": f"Basic {basic}"})
    assert answer.status_code == 401


def test_what_onenet_did_not_sign_is_refused_where_its_token_is_known() -> None:
    log = FakeLog()
    door = PushDoor(name="onenet-a", dialect="onenet", token=TOKEN, signed_with="tok-en")
    made = pushes(log, [door])
    message = {"at": 1772351990000, "type": 1, "ds_id": "3303_0_5700", "value": 21.5, "dev_id": 99}
    wanted = base64.b64encode(
        hashlib.md5(b"tok-en" + b"n" + orjson.dumps(message), usedforsecurity=False).digest()
    ).decode()
    reasons = []
    for signature in (wanted, "x" * 24):
        body = orjson.dumps({"msg": message, "msg_signature": signature, "nonce": "n"})
        decoding = asyncio.run(made.take(Pushed("onenet-a", "/api/v1/push/onenet-a", body, "10.0.0.1")))
        reasons.append(decoding.reason.partition(":")[0])
    assert reasons == ["", "bad_signature"]
    assert log.rows() == [("99", "temperature", 21.5)]


def test_a_key_that_is_none_and_one_of_another_dialect_are_said() -> None:
    with pytest.raises(ValueError, match="aes_key"):
        pushes(FakeLog(), [PushDoor(name="onenet-a", dialect="onenet", token=TOKEN, aes_key="short")])
    with pytest.raises(ValueError, match="are for the dialect onenet"):
        PushDoor(name="a", dialect="ctwing", token=TOKEN, signed_with="tok-en")
