"""Questions with weights: what a sum makes, what a file may say, and a case that gets worse by answers and never less bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Handling, Reason
from alerts.commands import Acknowledge, FalseAlarm
from alerts.outcome import NotAllowed
from alerts.policy import PolicyError, load_policies, parse_policies
from alerts.triage.commands import Triage
from alerts.triage.questions import TriageError
from streams.signal import Level
from tests.scenarios.timeline import Line

TRIAGE = load_policies().triage
WORST = {"inside": "yes", "seen": "flames", "spreads": "yes"}
BASE = """
version = "1"
[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
"""
SET = """
[triage.kinds.lift]
makes = { orange = 1, red = 2 }
[[triage.kinds.lift.questions]]
id = "hurt"
zh = "有人受伤吗？"
en = "Is anybody hurt?"
answers = [{ id = "yes", zh = "有", en = "Yes", weight = 2 }, { id = "no", zh = "没有", en = "No", weight = 0 }]
"""


@pytest.mark.parametrize("kind", ["fire", "gas", "flood", "trapped", "general"])
def test_what_is_shipped_can_be_asked_in_both_languages_and_reaches_red(kind: str) -> None:
    asked = TRIAGE.sets[kind]
    worst = {q.id: max(q.answers, key=lambda a: a.weight).id for q in asked.asked}
    least = {q.id: min(q.answers, key=lambda a: a.weight).id for q in asked.asked}
    assert asked.level(asked.score(worst)) is Level.RED
    assert asked.level(asked.score(least)) in {None, Level.YELLOW}
    for question in asked.asked:
        for said in (question, *question.answers):
            assert said.words["zh"]
            assert not said.words["zh"].isascii()
            assert said.words["en"].isascii()


def test_a_kind_without_questions_of_its_own_is_asked_the_general_ones() -> None:
    assert TRIAGE.of("noise") is TRIAGE.sets["general"]


@pytest.mark.parametrize(
    ("says", "answers", "said"),
    [
        (
            "a question that there is not",
            {"weather": "yes"},
            "no question is called 'weather'; there are: inside, seen",
        ),
        (
            "an answer that there is not",
            {"inside": "perhaps"},
            "'perhaps' is no answer to inside; the answers are: yes, unk",
        ),
        ("no answer at all", {}, "nothing was answered"),
    ],
)
def test_answers_that_fit_no_question_are_refused_with_what_there_is(says: str, answers: dict, said: str) -> None:
    with pytest.raises(TriageError, match=said):
        TRIAGE.of("fire").score(answers)
    line = Line().signal()
    with pytest.raises(NotAllowed, match=said):
        line.say(Triage("值班员", answers))
    assert line.lines("triaged") == [], says


answered = st.fixed_dictionaries(
    {}, optional={q.id: st.sampled_from([a.id for a in q.answers]) for q in TRIAGE.of("fire").asked}
)


@given(answered.filter(bool), st.data())
def test_a_worse_answer_never_makes_a_lower_level(answers: dict[str, str], data: st.DataObject) -> None:
    asked = TRIAGE.of("fire")
    question = data.draw(st.sampled_from([q for q in asked.asked if q.id in answers]))
    worse = data.draw(
        st.sampled_from([a for a in question.answers if a.weight >= question.weight(answers[question.id])])
    )
    before, after = asked.level(asked.score(answers)), asked.level(asked.score({**answers, question.id: worse.id}))
    assert (-1 if before is None else before.rank) <= (-1 if after is None else after.rank)


def test_answers_that_make_it_worse_ring_as_anything_that_got_worse() -> None:
    line = Line().signal(level="yellow").say(Acknowledge("值班员"))
    line.at(60).say(Triage("值班员", WORST, "来电人在门外"))
    alert = line.only()
    assert (alert.level, alert.handling) == (Level.RED, Handling.NEW)
    assert line.told(Reason.WORSE) == ["leader1/sms", "leader1/voice"]
    (triaged,) = line.lines("triaged")
    assert (triaged.by, triaged.detail["answers"], triaged.detail["score"]) == ("值班员", WORST, 14)
    assert triaged.detail["note"] == "来电人在门外"
    assert triaged.detail["said"]["zh"][0] == "里面还有人吗？ 有", "in words, whatever the file says later"
    assert triaged.detail["said"]["en"][1] == "Do you see flames or smoke? Flames"
    (graded,) = line.lines("graded")
    assert (graded.why, graded.detail["from"], graded.detail["level"]) == ("triage", Level.YELLOW, Level.RED)
    assert alert.work.rules.expire == 900.0, "the rules of the level it has now"


def test_the_service_clocks_follow_the_level_that_the_answers_made() -> None:
    line = Line().signal(level="yellow")
    before = next(c.due for c in line.only().work.clocks if c.name == "close")
    line.say(Triage("值班员", WORST))
    assert next(c.due for c in line.only().work.clocks if c.name == "close") < before


@pytest.mark.parametrize(
    ("says", "level", "answers"),
    [
        ("answers that make nothing of it", "yellow", {"inside": "no"}),
        ("answers of the same level", "orange", {"inside": "unknown"}),
        ("answers of a lower level", "red", {"seen": "little_smoke"}),
    ],
)
def test_answers_never_make_it_less_bad_and_the_timeline_says_why_nothing_rang(
    says: str, level: str, answers: dict
) -> None:
    line = Line().signal(level=level).say(Acknowledge("值班员"))
    told = line.told()
    line.at(60).say(Triage("值班员", answers))
    assert line.only().level == level, says
    assert line.told() == told, says
    assert [e.why for e in line.lines("triaged")] == ["not_worse"], says
    assert line.lines("graded") == [], says


def test_the_same_answers_again_change_nothing_and_others_count_anew() -> None:
    line = Line().signal(level="yellow").say(Triage("甲", {"inside": "unknown"}))
    once = line.only()
    line.at(30).say(Triage("乙", {"inside": "unknown"}))
    assert line.only() == once
    assert len(line.lines("triaged")) == 1
    line.say(Triage("乙", {"inside": "yes"}))
    assert (line.only().level, line.only().work.triage.score) == (Level.RED, 6)


def test_nobody_is_asked_about_a_case_that_is_over() -> None:
    line = Line().signal().say(FalseAlarm("值班员"))
    with pytest.raises(NotAllowed, match="cannot triage"):
        line.say(Triage("值班员", WORST))


def test_a_file_adds_a_set_and_keeps_the_shipped_ones() -> None:
    found = parse_policies(BASE + SET).triage
    assert found.of("lift").level(2) is Level.RED
    assert found.of("fire") == TRIAGE.of("fire")


@pytest.mark.parametrize(
    ("says", "changed", "said"),
    [
        ("a key that there is not", ("weight = 2", "wieght = 2"), r"p.toml: triage.kinds.lift.questions.0.answers.0.w"),
        ("a level out of reach", ("red = 2", "red = 3"), "red = 3 is out of reach: all answers together weigh 2"),
        ("a worse level for less", ("orange = 1, red = 2", "orange = 2, red = 1"), "a worse level needs a greater sum"),
        ("an answer twice", ('id = "no"', 'id = "yes"'), "name one twice: yes, yes"),
        (
            "a question without words",
            ('en = "Is anybody hurt?"', ""),
            "triage.kinds.lift.questions.0.en: Field required",
        ),
        ("one answer only", (', { id = "no", zh = "没有", en = "No", weight = 0 }', ""), "questions.0.answers"),
    ],
)
def test_a_set_that_cannot_be_meant_is_refused_with_file_and_key(
    says: str, changed: tuple[str, str], said: str
) -> None:
    assert changed[0] in SET, says
    with pytest.raises(PolicyError, match=said):
        parse_policies(BASE + SET.replace(*changed), "p.toml")
