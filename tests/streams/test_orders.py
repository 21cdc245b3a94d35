"""What a work order is a case of: by its category, its urgency and its state; and what a file of such rules may not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Call, Mark, Place, decode, encode
from ingest.orders import Order
from streams.calls import Calls, load_keywords
from streams.detectors.pack import pack
from streams.orders import OrderRules, load_orders, order_in, order_key
from streams.rules import InvalidRules
from streams.signal import Level, Origin
from streams.signal import decode as decode_signal
from streams.signal import encode as encode_signal

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
ORDER = Order("12345", "2603010001", "dispatched", NOW, "甲局", NOW + timedelta(days=3), category="投诉")


def call(order: Order = ORDER, **but: object) -> Call:
    made = Call(order.number, "楼下堆物", order.at or NOW, NOW, order.category, place=Place("g1", "t1"), order=order)
    return replace(made, **but)


def calls(rules: OrderRules | None = None) -> Calls:
    return Calls(load_keywords(), rules)


@pytest.mark.parametrize(
    ("sentence", "order", "kind", "level"),
    [
        ("what no row fits is a request", ORDER, "request", Level.BLUE),
        ("a category has its kind", replace(ORDER, category="市容环境/垃圾清运"), "garbage", Level.BLUE),
        ("in English too", replace(ORDER, category="HEAT/HOT WATER"), "heating", Level.BLUE),
        ("an urgent one is yellow", replace(ORDER, urgency="urgent"), "request", Level.YELLOW),
        ("an urgency nobody knows is normal", replace(ORDER, urgency="soon"), "request", Level.BLUE),
    ],
)
def test_an_order_has_a_kind_and_a_level(sentence: str, order: Order, kind: str, level: Level) -> None:
    (said,) = calls().update(call(order))
    assert (said.kind, said.level, said.origin, said.active) == (kind, level, Origin.HOTLINE, True), sentence
    assert said.key == order_key("12345", "2603010001")


def test_the_order_travels_with_its_signal_and_its_call() -> None:
    (said,) = calls().update(call())
    assert order_in(decode_signal(encode_signal(said))) == ORDER
    assert decode(encode(call())) == call()
    assert decode(encode(call(order=ORDER).__class__(**{**_fields(call()), "order": None}))).order is None


def _fields(one: Call) -> dict:
    return {name: getattr(one, name) for name in one.__slots__}


@pytest.mark.parametrize(
    ("sentence", "but", "said"),
    [
        ("a test", {"marks": Mark.TEST}, []),
        ("what a broker kept", {"marks": Mark.RETAINED}, []),
        ("a late one", {"marks": Mark.LATE}, [("request", Level.BLUE)]),
        ("an emergency", {"text": "三楼冒黑烟"}, [("fire", Level.ORANGE)]),
        ("an emergency of yesterday", {"text": "三楼冒黑烟", "marks": Mark.LATE}, [("request", Level.BLUE)]),
    ],
)
def test_what_marks_and_words_make_of_an_order(sentence: str, but: dict, said: list) -> None:
    assert [(s.kind, s.level) for s in calls().update(call(**but))] == said, sentence


def test_an_order_of_another_county_says_nothing_not_even_that_it_burns() -> None:
    rules = OrderRules.model_validate({"addressed": {"units": ["云泽"], "regions": ["清溪"]}})
    mine = [replace(ORDER, unit="云泽县住建局"), replace(ORDER, region="清溪镇")]
    assert [len(calls(rules).update(call(order))) for order in mine] == [1, 1]
    assert calls(rules).update(call(replace(ORDER, unit="白石县"), text="三楼冒黑烟")) == []


@settings(max_examples=24, deadline=None)
@given(st.permutations([("received", 1), ("handling", 2), ("handled", 3), ("closed", 4)]))
def test_in_whatever_order_its_states_come_one_that_is_done_stays_done(states: list[tuple[str, int]]) -> None:
    heard, done = calls(), False
    for state, hour in states:
        (said,) = heard.update(call(replace(ORDER, state=state, at=NOW + timedelta(hours=hour))))
        done = done or state == "closed"
        assert not (done and said.active), states
        heard.restore(heard.snapshot())
    (again,) = heard.update(call(replace(ORDER, state="reopened", at=NOW + timedelta(hours=5))))
    assert again.active


def test_counts_that_the_version_before_wrote_are_still_read() -> None:
    heard = calls()
    heard.restore(pack({"fire": 3}))
    assert heard.counts["fire"] == 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('otherwise = "Request"', "otherwise"),
        ('[levels]\nnormal = "green"', "levels.normal"),
        ('[[category]]\nkind = "x"', "neither codes nor words"),
        ("[surge]\nleast = 1", "surge.least"),
        ("[surge]\nmost = 1", "surge.most"),
        ("[[kategorie]]", "kategorie"),
        ("= 1", "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_name_and_key(tmp_path: Path, wrong: str, said: str) -> None:
    (tmp_path / "orders.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(InvalidRules, match=said) as refused:
        load_orders(tmp_path / "orders.toml")
    assert "orders.toml" in str(refused.value)
