"""Whatever is silenced, ended, flaps or is muted by something worse, in whatever order: no bell is lost and none that saves lives is late."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Condition, Handling, NoticeState
from alerts.commands import Acknowledge, FalseAlarm
from alerts.escalation import RINGING
from alerts.hushing import kept
from alerts.quiet.bell import Matcher
from streams.signal import Level
from tests.alerts.quiet.quiet_line import QuietLine

ABOUT = (
    Matcher(kinds=("water", "fire")),
    Matcher(grids=("v1",)),
    Matcher(subjects=("w-1",)),
    Matcher(levels=tuple(Level)),
)
deeds = st.one_of(
    st.tuples(st.just("on"), st.sampled_from(["w-1", "w-2"]), st.sampled_from(["yellow", "orange"])),
    st.tuples(st.just("off"), st.sampled_from(["w-1", "w-2"])),
    st.tuples(st.just("fire"), st.sampled_from(["orange", "red"])),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("answer"), st.integers(0, 3)),
    st.tuples(st.just("silence"), st.sampled_from(ABOUT), st.sampled_from([1, 20, 90, 300])),
    st.tuples(st.just("end"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 600, 4000])),
)


class Story:
    """Deeds on a line, and which episodes and silences there are."""

    def __init__(self) -> None:
        self.line = QuietLine()
        self.seconds = 0
        self.since: dict[str, int] = {}
        self.silences: list[str] = []

    def do(self, deed: tuple) -> None:
        name, *said = deed
        getattr(self, name)(*said)
        self.wait(1)

    def on(self, subject: str, level: str) -> None:
        if subject not in self.since:
            self.since[subject] = self.seconds
            self.line.water(level, subject, began=self.seconds)

    def off(self, subject: str) -> None:
        if subject in self.since:
            self.line.water("yellow", subject, active=False, began=self.since.pop(subject))

    def fire(self, level: str) -> None:
        told = len(self.line.notices())
        fresh = not [a for a in self.line.alerts() if a.kind == "fire" and not a.handling.over]
        self.line.signal("s-1", level, began=self.seconds)
        if level == "red" and fresh:
            assert len(self.line.notices()) == told + 2, "a red fire rings at once, whatever is silenced"

    def close(self, which: int) -> None:
        still = [a for a in self.line.alerts() if not a.handling.over]
        if still:
            self.line.say(FalseAlarm("乙"), still[which % len(still)])

    def answer(self, which: int) -> None:
        new = [a for a in self.line.alerts() if a.handling is Handling.NEW]
        if new:
            self.line.say(Acknowledge("乙"), new[which % len(new)])

    def silence(self, matcher: Matcher, minutes: int) -> None:
        self.silences.append(self.line.silence(minutes, matcher).id)

    def end(self, which: int) -> None:
        if self.silences:
            self.line.quieting.end(self.silences[which % len(self.silences)], "乙", self.line.now)

    def wait(self, seconds: int) -> None:
        self.seconds += seconds
        self.line.at(self.seconds)
        for alert in self.line.alerts():
            held = kept(alert)
            assert held is None or held.until > self.line.now, "nothing is kept shut past its end"
            assert alert.handling is not Handling.NEW or held is None or alert.escalate_at is None


@settings(max_examples=60, deadline=None)
@given(st.lists(deeds, max_size=14))
def test_no_bell_is_lost(story: list[tuple]) -> None:
    told = Story()
    for deed in story:
        told.do(deed)
    for ident in told.silences:
        told.line.quieting.end(ident, "乙", told.line.now)
    for alert in [a for a in told.line.alerts() if a.kind == "fire" and not a.handling.over]:
        told.line.say(FalseAlarm("乙"), alert)
    told.wait(3600)  # nothing is silenced, nothing is worse, and every device has calmed down
    assert [a for a in told.line.alerts() if kept(a) and not a.handling.over] == []
    for alert in told.line.alerts():
        if alert.handling is Handling.NEW and alert.condition is Condition.ACTIVE:
            rung = [n for n in told.line.notices() if n.alert == alert.id and n.reason in RINGING]
            assert [n for n in rung if n.state is not NoticeState.CANCELLED], (
                "what is still so and unanswered has been told"
            )
    starts = [e.detail["device"] for e in told.line.lines("flapping_started")]
    assert len(starts) - len(told.line.lines("flapping_stopped")) <= len(set(starts)), (
        "each start has at most one stop missing"
    )
    quiet = [(e.alert, e.why) for e in told.line.lines("hushed")]
    assert all(why in {"silenced", "inhibited", "flapping"} for _, why in quiet)
