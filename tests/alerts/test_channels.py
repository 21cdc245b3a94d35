"""The channels, over the local telephone network: the official client, real HTTP on loopback."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr

from alerts.alert import Notice, NoticeState, Reason
from alerts.channels import build_channels
from alerts.channels.contract import Refused, Retry, Sent
from alerts.channels.log import LogChannel
from alerts.channels.receipts import digit_of, genuine, receipt_of
from alerts.channels.twilio_sms import TwilioSms
from alerts.channels.twilio_voice import TwilioVoice, saying
from alerts.people.roster import Person
from alerts.settings import NotifySettings, TwilioSettings
from api.county.lines import Fault, Kind
from api.county.telephone import TelephoneNetwork
from streams.signal import Level
from tests.alerts.deadline import until

ACCOUNT, TOKEN = "ACtest", "token"
PERSON = Person("p1", "李四", "+861000000001", "leader", "g1")
PATIENT = 3.0


def notice(key: str = "0123456789abcdef", **but) -> Notice:
    now = datetime.now(UTC)
    return Notice(
        key,
        "a1",
        "p1",
        "李四",
        "leader",
        "g1",
        "sms",
        Reason.FIRST,
        Level.RED,
        "【红色】一网格火警，按1键接警",
        now,
        now,
        **but,
    )


class Receiver:
    """Our side of the callbacks: keeps every form that was signed for its address."""

    def __init__(self) -> None:
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(
                    parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
                )
                if genuine(TOKEN, receiver.url + self.path, form, self.headers["X-Twilio-Signature"]):
                    receiver.forms.append((self.path, form))
                else:
                    receiver.forged += 1
                body = saying("已接警", "zh").encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def states(self) -> list[NoticeState]:
        found = [receipt_of(path.rsplit("/", 1)[1], form) for path, form in self.forms if "/status/" in path]
        return [r.state for r in found if r is not None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def network() -> Iterator[TelephoneNetwork]:
    plan = {"+861000000001": "1", "+861000000002": None, "+861000000003": ""}
    with TelephoneNetwork(ACCOUNT, TOKEN, answers=lambda to, nth: plan.get(to), pace=0.02) as started:
        yield started


def settings(network: TelephoneNetwork, timeout: float = PATIENT, token: str = TOKEN) -> TwilioSettings:
    return TwilioSettings(
        account_sid=ACCOUNT, auth_token=SecretStr(token), sender="+861000000000", base_url=network.url, timeout=timeout
    )


def test_a_text_is_handed_over_and_its_way_is_told(network: TelephoneNetwork, receiver: Receiver) -> None:
    answer = TwilioSms(settings(network), receiver.url).send(notice(), PERSON)
    assert isinstance(answer, Sent)
    (line,) = network.lines(Kind.MESSAGE)
    assert (line.sid, line.to, line.sender) == (answer.provider_id, PERSON.phone, "+861000000000")
    assert line.text == "【红色】一网格火警，按1键接警 [012345]"
    until(lambda: receiver.states() == [NoticeState.SENT, NoticeState.DELIVERED])
    assert {path for path, _ in receiver.forms} == {"/provider/twilio/status/0123456789abcdef"}
    assert receiver.forged == 0


def test_a_call_is_read_out_and_a_pressed_key_comes_back(network: TelephoneNetwork, receiver: Receiver) -> None:
    answer = TwilioVoice(settings(network), receiver.url).send(notice(), PERSON)
    assert isinstance(answer, Sent)
    until(lambda: network.lines(Kind.CALL)[0].status == "completed" and len(receiver.forms) == 5)
    (line,) = network.lines(Kind.CALL)
    assert line.text == "【红色】一网格火警，按1键接警"
    assert [digit_of(form) for path, form in receiver.forms if path == "/provider/twilio/digits/0123456789abcdef"] == [
        "1"
    ]
    assert "已接警" in line.said
    assert receiver.states() == [NoticeState.DELIVERED, NoticeState.DELIVERED]


@pytest.mark.parametrize(
    ("sentence", "phone", "states"),
    [
        ("nobody picks up", "+861000000002", [NoticeState.FAILED]),
        ("picked up, and no key pressed", "+861000000003", [NoticeState.DELIVERED, NoticeState.DELIVERED]),
    ],
)
def test_a_call_without_a_key_is_no_answer(
    network: TelephoneNetwork, receiver: Receiver, sentence, phone, states
) -> None:
    TwilioVoice(settings(network), receiver.url).send(notice(), Person("p2", "王五", phone, "leader", "g1"))
    until(lambda: receiver.states() == states)
    assert all("/digits/" not in path for path, _ in receiver.forms)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("sentence", "fault", "answer", "provider_in_trouble"),
    [
        ("too many requests: later, the provider is well", Fault.BUSY, Retry, False),
        ("the provider is broken: later", Fault.BROKEN, Retry, True),
        ("no answer in time: later, it may have been taken over", Fault.SILENT, Retry, True),
        ("the connection was cut: later, it may have been taken over", Fault.CUT, Retry, True),
        ("not a telephone number: never", Fault.INVALID, Refused, None),
        ("the person wants no texts: never", Fault.STOPPED, Refused, None),
    ],
)
def test_the_kind_of_an_error_decides(network, kind, sentence, fault, answer, provider_in_trouble) -> None:
    network.faults[kind].append(fault)
    channel = (TwilioSms if kind is Kind.MESSAGE else TwilioVoice)(settings(network, timeout=0.3), "http://127.0.0.1:1")
    given = channel.send(notice(), PERSON)
    assert isinstance(given, answer)
    assert given.why
    if isinstance(given, Retry):
        assert given.fault is provider_in_trouble


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(("fault", "found"), [(Fault.SILENT, 1), (Fault.CUT, 1), (Fault.BROKEN, 0)])
def test_what_was_taken_over_without_an_answer_is_found_again(network, kind, fault, found) -> None:
    network.faults[kind].append(fault)
    channel = (TwilioSms if kind is Kind.MESSAGE else TwilioVoice)(settings(network, timeout=0.3), "http://127.0.0.1:1")
    assert isinstance(channel.send(notice(), PERSON), Retry)
    assert channel.find(notice(), PERSON) == [line.sid for line in network.lines(kind)]
    assert len(network.lines(kind)) == found


def test_a_request_that_is_given_up_is_reset_so_that_it_cannot_arrive_later() -> None:
    ends: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while connection.recv(10_000):
                        pass
                    ends.append("closed")
                except OSError as error:
                    ends.append(type(error))

        taker = threading.Thread(target=take)
        taker.start()
        there = TwilioSettings(
            account_sid=ACCOUNT, auth_token=SecretStr(TOKEN), sender="+861000000000",
            base_url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.3,
        )  # fmt: skip
        assert isinstance(TwilioSms(there, "http://127.0.0.1:1").send(notice(), PERSON), Retry)
        taker.join(10)
    assert ends == [ConnectionResetError]


def test_a_text_of_another_notice_is_not_taken_for_this_one(network: TelephoneNetwork) -> None:
    sms = TwilioSms(settings(network), "http://127.0.0.1:1")
    sms.send(notice("ffffff00"), PERSON)
    assert sms.find(notice(), PERSON) == []


def test_an_unreachable_provider_is_tried_again(network: TelephoneNetwork) -> None:
    gone = settings(network).model_copy(update={"base_url": "http://127.0.0.1:1"})
    sms = TwilioSms(gone, "http://127.0.0.1:1")
    assert isinstance(sms.send(notice(), PERSON), Retry)
    assert isinstance(sms.find(notice(), PERSON), Retry)


def test_a_wrong_password_is_refused(network: TelephoneNetwork) -> None:
    assert isinstance(TwilioSms(settings(network, token="wrong"), "http://127.0.0.1:1").send(notice(), PERSON), Refused)
    assert network.lines() == []


def test_a_messaging_service_sends_in_the_place_of_a_number(network: TelephoneNetwork) -> None:
    by_service = settings(network).model_copy(update={"sender": "MG123"})
    assert isinstance(TwilioSms(by_service, "http://127.0.0.1:1").send(notice(), PERSON), Sent)
    assert network.lines()[0].sender == "MG123"


def test_the_log_channel_writes_a_line_without_the_number(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert LogChannel().send(notice(), PERSON) == Sent("log-0123456789abcdef")
    assert "一网格火警" in caplog.text
    assert PERSON.phone not in caplog.text
    assert LogChannel().find(notice(), PERSON) == ()


def test_the_channels_of_the_settings_are_built_in_their_order(network: TelephoneNetwork) -> None:
    wanted = NotifySettings(channels=("voice", "log", "sms"), public_url="http://127.0.0.1:1", twilio=settings(network))
    assert {name: type(c) for name, c in build_channels(wanted).items()} == {
        "voice": TwilioVoice,
        "log": LogChannel,
        "sms": TwilioSms,
    }


def test_a_channel_nobody_knows_is_named() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        build_channels(NotifySettings(channels=("pigeon",)))
