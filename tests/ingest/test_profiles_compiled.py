"""A profile is compiled once; what it then reads is held to the plain way of reading it, rule by rule and pointer by pointer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import mapped
from ingest.dialects.claims import Claim, Fault, Measured, Reason, Stood, TimeForm, Unreadable, instant
from ingest.dialects.compiled import clock_of
from ingest.dialects.making import maker
from ingest.dialects.mapped import Mapped, Profile
from ingest.dialects.native import is_metric
from ingest.dialects.observation import Kind, Message, Observation, Quality, Verdict, decode_safely, observed
from ingest.dialects.plain import Plain
from ingest.events import Mark, Standing

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
NOTHING = object()
RULES = [
    {"pointer": "/a", "metric": "plain"},
    {"pointer": "/a", "metric": "scaled", "scale": -0.001, "offset": 40},
    {"pointer": "/words", "metric": "door", "words": {"open": 1, "shut": 0, "true": 5}},
    {"pointer": "/in/a", "metric": "plain", "scale": 1e300},
    {"pointer": "/in/deep~1er/~0", "metric": "deep"},
    {"pointer": "/list/1", "metric": "second", "words": {"false": 7}},
    {"pointer": "/list/٢", "metric": "third"},
    {"pointer": "/0", "metric": "zeroth"},
    {"pointer": "/0/a", "metric": "entry"},
    {"pointer": "/a", "metric": "no\nname"},
]


def written_at(body: object, pointer: str) -> Any:
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(body, Mapping) and key in body:
            body = body[key]
        elif isinstance(body, list) and key.isdecimal() and int(key) < len(body):
            body = body[int(key)]
        else:
            return NOTHING
    return body


def number_of(value: object, words: Mapping[str, float], scale: float, offset: float) -> float | None:
    if isinstance(value, bool):
        return words.get("true" if value else "false", float(value))
    if isinstance(value, str):
        return words.get(value)
    return float(value) * scale + offset if isinstance(value, int | float) else None


def plainly(profile: Profile, device: str, payload: bytes) -> tuple[Claim, ...]:
    """What a profile means, as simply as it can be said."""
    body, values, faults = orjson.loads(payload), [], []
    for rule in profile.metrics:
        value = written_at(body, rule.pointer)
        if value is NOTHING or value is None:
            continue
        number = number_of(value, rule.words, rule.scale, rule.offset)
        if number is None or not is_metric(rule.metric):
            said = f"{rule.pointer} is {str(value)[:60]!r}, neither a number nor one of {sorted(rule.words)}"
            faults.append(Fault(Reason.BAD_VALUE, said))
        else:
            values.append((rule.metric, number))
    if not values:
        return tuple(faults)
    given_time = written_at(body, profile.time.pointer) if profile.time.pointer else None
    at = instant(None if given_time is NOTHING else given_time, *profile.time.forms)
    marks = Mark.TEST if profile.test and written_at(body, profile.test) is True else Mark.NONE
    return (Measured(device, tuple(values), profile.name, at, marks=marks), *faults)


def outcome(work: Callable[[], object]) -> str:
    """To the last digit: `repr` tells 1 from 1.0, -0.0 from 0.0 and one zone from another."""
    try:
        return repr(work())
    except Unreadable as error:
        return f"unreadable: {error}"


TIMES = st.sampled_from([
    "2026-03-01T16:00:00+08:00", "2026-03-01T08:00:00Z", "2026-03-01 16:00:00", "20260301T080000", "2026-03-01", "1999-01-01T00:00:00Z",
    "0001-01-01T00:00:00", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "9999-12-31T23:59:59", "soon", "", 0, 0.0, -0.0, False,
    True, 1772352000, 1772352000.25, 1772352000123, 1772352000123.4567, -5, 1e300, 2**63, 12, None, [], {}, [1],
])  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0),
    st.sampled_from(["open", "shut", "true", "21.5", ""]), st.lists(st.integers(0, 3), max_size=2), st.just({"a": 1}),
)  # fmt: skip


def mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any] = LEAVES) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual, usual, usual, other]).flatmap(lambda chosen: chosen)


ENTRY = st.fixed_dictionaries({"a": LEAVES, "t": TIMES, "test": st.booleans()})
ANYWHERE = st.fixed_dictionaries({
    "a": mostly(st.integers(-9, 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)), "words": LEAVES,
    "in": mostly(st.fixed_dictionaries({"a": LEAVES, "deep/er": st.fixed_dictionaries({"~": LEAVES})})),
    "list": mostly(st.lists(LEAVES, min_size=1, max_size=4)), "0": mostly(ENTRY), "t": TIMES,
    "at": mostly(st.fixed_dictionaries({"t": TIMES}), st.lists(TIMES, min_size=2, max_size=2)), "test": mostly(st.booleans()), "": LEAVES,
})  # fmt: skip
OBJECTS = st.builds(
    lambda body, gone: {k: v for k, v in body.items() if k not in gone}, ANYWHERE, st.sets(st.sampled_from(["a", "t", "in", "test"]), max_size=2)
)  # fmt: skip
BODIES = mostly(OBJECTS, mostly(st.lists(OBJECTS, max_size=3)))
FORMS = st.lists(st.sampled_from(TimeForm), max_size=3).map(tuple)
PROFILES = st.builds(
    lambda rules, pointer, forms, test: Profile.model_validate(
        {"name": "p", "topic": "p/{device}", "time": {"pointer": pointer, "forms": forms}, "test": test, "metrics": rules}
    ),
    st.lists(st.sampled_from(RULES), min_size=1, max_size=6),
    st.sampled_from(["", "/t", "/t", "/at/t", "/at/1", "/0/t"]), FORMS, st.sampled_from(["", "/test", "/0/test", "odd"]),
)  # fmt: skip


def test_a_compiled_profile_says_what_its_rules_say() -> None:
    """Any document in any profile; and what came up is counted, for an equality of nothing with nothing proves nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=600, derandomize=True, deadline=None)
    @given(PROFILES, BODIES)
    def held(profile: Profile, body: object) -> None:
        raw = orjson.dumps(body)
        expected = outcome(lambda: plainly(profile, "d", raw))
        assert outcome(lambda: Mapped(profile).read("p/d", raw)) == expected
        seen.update(
            word for word in ("unreadable", "Measured", "Fault", "TEST", "at=datetime", "at=None", "'deep'", "'second'", "'entry'", "'door'", "'scaled'", "-0.0", "inf")
            if word in expected
        )  # fmt: skip
        seen["silent"] += expected == "()"
        seen["both"] += "Measured" in expected and "Fault" in expected

    held()
    wanted = {"unreadable", "Measured", "Fault", "both", "silent", "TEST", "at=datetime", "at=None", "'deep'", "'second'", "'entry'", "'door'", "'scaled'", "inf"}  # fmt: skip
    assert wanted <= {word for word, often in seen.items() if often}, seen


@settings(max_examples=500, deadline=None)
@given(
    FORMS,
    TIMES
    | st.datetimes().map(str)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=12),
)
def test_a_compiled_clock_is_the_instant_of_its_forms(forms: tuple[TimeForm, ...], value: object) -> None:
    assert outcome(lambda: clock_of(forms)(value)) == outcome(lambda: instant(value, *forms))


@pytest.mark.parametrize(
    ("forms", "value", "expected"),
    [
        ((TimeForm.ISO, TimeForm.EPOCH_MS), "2026-03-01T16:00:00+08:00", NOW),
        ((TimeForm.ISO, TimeForm.NAIVE_CST), "2026-03-01T16:00:00", NOW),
        ((TimeForm.NAIVE_UTC, TimeForm.ISO), "2026-03-01T08:00:00", NOW),
        ((TimeForm.EPOCH_S, TimeForm.EPOCH_MS), NOW.timestamp(), NOW),
        ((TimeForm.EPOCH_S, TimeForm.EPOCH_MS), int(NOW.timestamp() * 1000), NOW),
    ],
)
def test_the_first_form_that_can_be_is_read(forms: tuple[TimeForm, ...], value: object, expected: datetime) -> None:
    found = clock_of(forms)(value)
    assert found == expected
    assert found is not None
    assert found.tzinfo is UTC


ROUTED = Profile.model_validate({
    "name": "plant", "topic": "plant/{gateway}/+/{device}", "ignore": ["plant/+/log/#"], "metrics": [{"pointer": "/x", "metric": "x"}],
    "presence": {"topic": "plant/{gateway}/hall/{device}-state"},
})  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "source", "said"),
    [
        ("plant/g1/hall/pump", "g1", (Measured("pump", (("x", 1.0),), "g1"),)),
        ("plant/g2/yard/pump", "g2", (Measured("pump", (("x", 1.0),), "g2"),)),
        ("plant/g1/log/pump", "plant", ()),
        ("plant/g1/log/a/b", "plant", ()),
        ("plant/g1/hall/pump-state", "g1", "bad_value"),
        ("plant/g1/hall", None, "unknown_topic"),
        ("else/where", None, "unknown_topic"),
        ("", None, "unknown_topic"),
    ],
)
def test_a_topic_means_the_same_each_time(topic: str, source: str | None, said: object) -> None:
    dialect = Mapped(ROUTED)
    for _ in range(3):
        assert dialect.source(topic) == source
        if isinstance(said, str):
            with pytest.raises(Unreadable, match=said):
                dialect.read(topic, b'{"x":1}')
        else:
            assert dialect.read(topic, b'{"x":1}') == said
    assert dialect.read("plant/g1/hall/pump-state", b"online") == (Stood("pump", Standing.ONLINE, "g1"),)


def test_what_is_remembered_of_topics_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_MOST_TOPICS", 8)
    dialect = Mapped(ROUTED)
    for n in range(100):
        assert dialect.source(f"plant/g/hall/{n}") == "g"
        assert dialect.source(f"other/{n}") is None
        assert 0 < len(dialect._ways) <= 8
    before = dict(dialect._ways)
    assert dialect.source("plant/g/hall/" + "x" * 300) == "g"
    assert dialect._ways == before


def test_presence_on_a_topic_without_a_device_is_refused() -> None:
    profile = Profile.model_validate(
        {
            "name": "x",
            "topic": "x/{device}",
            "presence": {"topic": "x/all/state"},
            "metrics": [{"pointer": "/a", "metric": "a"}],
        }
    )
    with pytest.raises(Unreadable, match="names no device"):
        Mapped(profile).read("x/all/state", b"online")


def test_a_profile_s_claims_become_the_same_observations_by_either_way() -> None:
    """One claim goes the short way, a claim with a fault the long one."""
    profile = Profile.model_validate({
        "name": "x", "topic": "x/{device}", "test": "/test", "time": {"pointer": "/t", "forms": ["iso"]},
        "metrics": [{"pointer": "/a", "metric": "a"}, {"pointer": "/b", "metric": "b"}],
    })  # fmt: skip
    plain = Plain(Mapped(profile))

    def said(body: Mapping[str, object]) -> tuple[Observation, ...]:
        decoding = decode_safely(plain, Message("x/d", orjson.dumps(body), NOW))
        assert decoding.verdict is Verdict.ACCEPTED
        return decoding.observations

    body = {"a": 1.5, "t": "2026-03-01T08:00:00Z"}
    (short,), (long,) = said(body), said({**body, "b": "odd"})
    assert short == Observation(Kind.TELEMETRY, "d", "a", 1.5, gateway="x", device_at=NOW)
    assert long == replace(short, warnings=("bad_value",))
    (tested,), (too,) = said({**body, "test": True}), said({**body, "test": True, "b": "odd"})
    assert tested == replace(short, kind=Kind.TEST, marks=Mark.TEST)
    assert too == replace(tested, warnings=("bad_value",))
    assert [o.metric for o in said({"a": 1, "b": True})] == ["a", "b"]


def test_a_quickly_made_value_is_the_frozen_class_s_own() -> None:
    given_all = Observation(
        Kind.ALARM,
        "d",
        "fire_alarm",
        True,
        "u",
        "g",
        NOW,
        NOW,
        Quality.BAD,
        "k",
        ("w",),
        {"a": 1},
        None,
        Mark.TEST,
        "1390000",
    )
    made = observed(*(getattr(given_all, f.name) for f in fields(Observation)))
    assert type(made) is Observation
    assert (made, repr(made), asdict(made)) == (given_all, repr(given_all), asdict(given_all))
    short, plain = observed(Kind.STATE, "d", value=1), Observation(Kind.STATE, "d", value=1)
    assert short == plain
    assert short.attributes == {}
    assert short.attributes is not observed(Kind.STATE, "d").attributes
    assert replace(short, value=2).value == 2
    with pytest.raises(FrozenInstanceError):
        short.value = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        short.__dict__  # noqa: B018
    with pytest.raises(TypeError):
        observed()  # type: ignore[call-arg]
    measured = maker(Measured)("d", (("x", 1.0),))
    assert hash(measured) == hash(Measured("d", (("x", 1.0),)))


def test_only_plain_frozen_values_can_be_made_quickly() -> None:
    @dataclass(frozen=True)
    class Loose:
        a: int = 0

    @dataclass(frozen=True, slots=True)
    class Checked:
        a: int = field(default=0)

        def __post_init__(self) -> None:
            raise ValueError

    for kind in (Loose, Checked, datetime):
        with pytest.raises(TypeError):
            maker(kind)
