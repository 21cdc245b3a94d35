"""What a call says is happening: in Chinese and English, with negations and phrases that only sound like it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.events import Call, Mark, Place
from streams.calls import Calls, Listener, load_keywords
from streams.rules import InvalidRules
from streams.signal import Level, Origin

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LISTENER = Listener(load_keywords())


def heard(text: str) -> str:
    found = LISTENER.hear(text)
    return found[0].kind if found else ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("我家楼下着火了，快来人！", "fire"),
        ("三号楼五楼窗户往外冒黑烟", "fire"),
        ("楼道里有浓烟，看不见人", "fire"),
        ("这不是演习，隔壁起火了", "fire"),
        ("没有人管后山起火了", "fire"),
        ("隔壁可能着火了，有焦味", "fire"),
        ("家里着火了怎么办", "fire"),
        ("充电导致起火，快来", "fire"),
        ("贸易广场着火", "fire"),
        ("I think the roof might be on fire", "fire"),
        ("There is smoke coming out of the window next door", "fire"),
        ("my neighbour's kitchen is on FIRE", "fire"),
        ("This is not a drill: the shed is burning", "fire"),
        ("厨房煤气味很重", "gas"),
        ("I smell gas in the hallway", "gas"),
        ("电梯里有两个人被困", "trapped"),
        ("two people stuck in the elevator", "trapped"),
        ("地下车库被淹了", "flood"),
        ("The underpass is flooded", "flood"),
    ],
)
def test_what_is_happening_is_heard(text: str, kind: str) -> None:
    assert heard(text) == kind


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("a denial", "没有着火，是邻居在做饭"),
        ("a denial in English", "there is no fire, only steam"),
        ("a drill", "小区今天做消防演习，有人看到起火"),
        ("a drill in English", "fire drill at the school today, smoke everywhere"),
        ("a danger, not an event", "楼道堆满杂物，存在火灾隐患"),
        ("what might happen", "电线老化，容易引发火灾"),
        ("a worry", "担心着火"),
        ("a thing that is called so", "the fire hydrant on the corner leaks"),
        ("a condition", "小区没有消防栓，如果起火后果自负"),
        ("a story told at length", "您好" + "我们小区的问题反映了很久，" * 12 + "那天晚上起火了"),
        ("a question", "消防通道当车位卖，出了火灾怎么办"),
        ("a train", "看着火车站的水迹"),
        ("a holiday", "fireworks every night, cannot sleep"),
        ("something else", "路灯坏了三天了"),
        ("nothing", ""),
    ],
)
def test_what_only_sounds_like_it_is_not(why: str, text: str) -> None:
    assert heard(text) == "", why


def call(text: str, **more: object) -> Call:
    fields = {"ident": "c1", "observed_at": NOW, "received_at": NOW, "place": Place("g", "t"), **more}
    return Call(text=text, **fields)  # type: ignore[arg-type]


def test_a_call_rings_at_once_with_its_place_and_a_key_of_its_own() -> None:
    calls = Calls(load_keywords())
    (signal,) = calls.update(call("着火了"))
    assert (signal.kind, signal.level, signal.origin, signal.subject) == ("fire", Level.ORANGE, Origin.HOTLINE, "c1")
    assert (signal.place.grid, signal.raised_at) == ("g", NOW)
    assert calls.update(call("着火了"))[0].key == signal.key
    assert calls.update(call("着火了", ident="c2"))[0].key != signal.key


def test_the_category_counts_as_well() -> None:
    assert len(Calls(load_keywords()).update(call("快来人", category="火灾"))) == 1


def test_a_drill_by_mark_says_nothing() -> None:
    assert Calls(load_keywords()).update(call("着火了", marks=Mark.DRILL)) == []


def test_no_word_of_the_caller_is_in_the_signal() -> None:
    (signal,) = Calls(load_keywords()).update(call("我是王五，着火了", caller="sealed", caller_masked="+86***11"))
    assert "王五" not in repr(signal)
    assert "***" not in repr(signal)


def test_every_call_is_counted_and_the_counts_survive() -> None:
    calls, after = Calls(load_keywords()), Calls(load_keywords())
    for text in ("着火了", "路灯坏了", "路灯又坏了"):
        calls.update(call(text))
    after.restore(calls.snapshot())
    assert after.counts == {"fire": 1, "": 2}


def test_a_keywords_file_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "k.toml"
    path.write_text('[[kind]]\nkind = "fire"\nlevel = "red"\nword = ["x"]\n', encoding="utf-8")
    with pytest.raises(InvalidRules, match=r"k\.toml: kind\.0\.word"):
        load_keywords(path)
