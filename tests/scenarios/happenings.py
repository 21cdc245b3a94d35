"""What can happen in a small place: signals of a few devices, a camera and callers, and everything that people say about cases.

Whatever chooses (a shrinking search, a seeded generator) chooses by number; a number always means something, whatever there is by then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerts.alert import Alert, Handling, Notice, NoticeState, Reason
from alerts.clocks.commands import Agree, Extend, Pause, Resume
from alerts.commands import (
    Accept,
    Acknowledge,
    Arrive,
    CallBack,
    Close,
    Command,
    Contact,
    Dispatch,
    FalseAlarm,
    GiveBack,
    Grade,
    Handle,
    Merge,
    Note,
    Rate,
    Reopen,
    Shown,
    Split,
    Undo,
    Verify,
    Void,
)
from alerts.dispatch.scene_commands import CheckIn
from alerts.triage.commands import Triage
from alerts.whistle.commands import AcceptReport, Attend, Blow, CallOff, NameUnits, RemindUnits, Report, SendBack
from alerts.work import NOTICE, Finding
from ingest.events import Mark, Point
from streams.calls import RULE as CALL
from streams.reports import RULE as REPORT
from streams.signal import Level, Origin, Signal, signal_key
from tests.scenarios.timeline import PEOPLE, placed
from tests.scenarios.world import World

LEVELS: Final = tuple(Level)
MARKS: Final = (Mark.NONE, Mark.NONE, Mark.NONE, Mark.TEST, Mark.LATE, Mark.SIMULATED, Mark.HISTORICAL)
TESTS: Final = Mark.TEST | Mark.DRILL | Mark.SIMULATED
STATES: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.FAILED, NoticeState.ANSWERED)
DESK: Final = ("甲", "乙")
ENDED: Final = frozenset({Handling.CLOSED, Handling.EVALUATED, Handling.FALSE_ALARM, Handling.VOID})
# subject, kind, grid, where it speaks from, point
SENSES: Final = (
    ("smoke-1", "fire", "g1", Origin.SENSOR, Point(30.5, 112.4)),
    ("smoke-2", "fire", "g2", Origin.SENSOR, Point(30.501, 112.4)),  # 111 m from the first, over the border
    ("smoke-3", "fire", "vacant", Origin.SENSOR, Point(30.6, 112.4)),
    ("cam-1", "fire", "g1", Origin.CAMERA, None),
    ("call", "fire", "g1", Origin.HOTLINE, None),
    ("gas-1", "gas", "g4", Origin.SENSOR, None),
    ("lamp-1", "power", "g2", Origin.SENSOR, None),
    ("astray", "fire", "", Origin.SENSOR, None),  # no grid knows it
    ("patrol", "fire", "g2", Origin.PATROL, Point(30.501, 112.4)),
)
COMMANDS: Final = (
    "acknowledge", "undo", "dispatch", "dispatch_to", "give_back", "accept", "contact", "arrive", "handle", "verify", "verify_approved",
    "call_back", "discontent", "close", "close_owing", "rate_well", "rate_badly", "false_alarm", "void", "grade", "merge", "split",
    "reopen", "note", "shown", "pause", "resume", "extend", "agree", "whistle", "name_units", "attend", "report", "accept_report",
    "send_back", "remind_units", "call_off", "arrive_company", "check_in", "triage",
)  # fmt: skip


class Scene:
    """A world, and what has been said in it so far. A batch whose process died over it is handed out again before anything else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.said: list[Signal] = []
        self.lost: list[tuple[Signal, ...]] = []
        self.calls = 0

    def made(self, sense: int, level: int, mark: int = 0) -> Signal:
        """The first word of a new episode."""
        subject, kind, grid, origin, point = SENSES[sense % len(SENSES)]
        rule = {Origin.HOTLINE: CALL, Origin.PATROL: REPORT}.get(origin, "seen")
        if origin.spoken:
            self.calls += 1
            subject = f"{subject}-{self.calls}"
        now = self.world.now
        return Signal(
            signal_key(rule, subject, now), kind, LEVELS[level % len(LEVELS)], origin, subject, rule, now, now, now,
            place=placed(grid, point), marks=MARKS[mark % len(MARKS)],
            evidence={"told": NOTICE, "reporter": "worker1"} if origin is Origin.PATROL else {},
        )  # fmt: skip

    def worse(self, which: int) -> Signal:
        """The same episode, one level up, or the end of it when it cannot get worse."""
        last = self.said[which % len(self.said)]
        if last.level is Level.RED or not last.active:
            return self.cleared(which)
        return replace(last, level=LEVELS[last.level.rank + 1], raised_at=self.world.now)

    def cleared(self, which: int) -> Signal:
        """The end of an episode."""
        return replace(self.said[which % len(self.said)], active=False, raised_at=self.world.now)

    def hear(self, *batch: Signal) -> None:
        """Signals arrive, after those that were lost."""
        self.said += [s for s in batch if s not in self.said]
        for old in self.lost[:]:
            if self.world.signals(*old):
                self.lost.remove(old)
        before = self.world.ledger.tables
        if not self.world.signals(*batch):
            self.lost.append(batch)
        if batch and all(signal.marks.mutes for signal in batch):
            after = self.world.ledger.tables
            touched = [a for ident, a in before.alerts.items() if _but_callers(after.alerts[ident]) != _but_callers(a)]
            cleared = any(not signal.active for signal in batch)
            assert before.notices == after.notices, f"laws 10, 13: {batch} rang somebody"
            assert cleared or not touched, f"laws 10, 13: {batch} changed {touched}"

    def kept(self) -> None:
        """Everybody who called is owed a word, or was told, in a case of their own or the one it went into; and no ghost is left.

        A ghost is an open case that waits for an episode whose end was heard, before its beginning perhaps.
        """
        known = {c.call for alert in self.world.alerts for c in alert.work.callers}
        called = {s.subject for s in self.said if s.rule in {CALL, REPORT} and not s.marks & TESTS}
        assert called <= known, f"callers were forgotten: {called - known}"
        self._reporters_told()
        ended = {s.key for s in self.said if not s.active}
        ghosts = [a for a in self.world.alerts if not a.handling.over and ended.intersection(a.active_keys)]
        assert not ghosts, f"active for ever: {ghosts}"

    def _reporters_told(self) -> None:
        """Whoever reported a case on patrol heard once that it is over, wherever it went on.

        A report that is heard worse after its case was closed has opened a case of its own, about whose end there is a word as well.
        """
        alerts, lines = self.world.alerts, self.world.ledger.tables.entries
        ended = [a for a in alerts if a.handling in ENDED]
        assert not [a for a in ended if a.work.reporters], f"reporters never heard of the end: {ended}"
        persons = {c.call for a in alerts for c in a.work.callers if c.person}
        reports = {(e.alert, e.detail["subject"]) for e in lines if "signal" in e.detail} & {
            (a.id, call) for a in alerts for call in persons
        }
        told = {c.call for a in alerts for c in a.work.callers if c.person and c.by == "tocsin"}
        said = [e for e in lines if e.what in {"told", "not_told"} and e.detail.get("reason") == Reason.REPORTED]
        assert len(told) <= len(said) <= len(reports), (
            f"{len(told)} of {len(reports)} reporters were told {len(said)} times"
        )

    def alert(self, which: int) -> Alert | None:
        alerts = self.world.alerts
        return alerts[which % len(alerts)] if alerts else None

    def notice(self, which: int) -> Notice | None:
        notices = self.world.notices
        return notices[which % len(notices)] if notices else None

    def say(self, what: str, which: int, other: int) -> None:
        """A person's word about a case; `other` chooses a second case, a person, a level or a call."""
        alert = self.alert(which)
        if alert is not None and (command := self._command(what, alert, other)) is not None:
            self.world.now += timedelta(milliseconds=1)  # no two words at the same instant
            self.world.command(alert.id, command)

    def _command(self, what: str, alert: Alert, other: int) -> Command | None:
        by, second = DESK[other % 2], DESK[1 - other % 2]
        calls = [c.call for c in alert.work.callers] or ["nobody"]
        elsewhere = self.alert(other)
        now = self.world.now
        units = [task.unit.id for task in alert.work.whistle.tasks] if alert.work.whistle else []
        unit = units[other % len(units)] if units else "nobody"
        matter = ("lamp", "占道与河道")[other % 2]
        return {
            "acknowledge": Acknowledge(by), "undo": Undo(by), "dispatch": Dispatch(by), "accept": Accept("人leader1"),
            "dispatch_to": Dispatch(by, PEOPLE[other % len(PEOPLE)].id), "give_back": GiveBack("人leader1", "不归本网格管"),
            "contact": Contact(by), "arrive": Arrive(by), "handle": Handle(by), "verify": Verify(by),
            "verify_approved": Verify(by, "探测器已烧毁", second), "call_back": CallBack(by, calls[other % len(calls)]),
            "discontent": CallBack(by, calls[other % len(calls)], content=False), "close": Close(by, "已处置"),
            "close_owing": Close(by, "已处置", Finding.FOUNDED, "三次未接听"), "rate_well": Rate(by, 5), "rate_badly": Rate(by, 1),
            "false_alarm": FalseAlarm(by), "void": Void(by, "重复录入", second),
            "grade": Grade(by, LEVELS[other % len(LEVELS)], "现场核实", second), "split": Split(by), "reopen": Reopen(by),
            "merge": Merge(by, elsewhere.id if elsewhere else alert.id), "note": Note(by, "已联系"), "shown": Shown(),
            "pause": Pause(by, now + timedelta(hours=other), "等材料", second), "resume": Resume(by, "材料已到"),
            "extend": Extend(by, other + 1.0, "hours", "需吊车", second), "agree": Agree(by, (now + timedelta(days=other)).date(), "约定", second),
            "whistle": Blow(by, matter), "name_units": NameUnits(by, ("urban", "water")[: 1 + other % 2]), "attend": Attend(by, unit),
            "report": Report(by, unit, "已修复"), "accept_report": AcceptReport(by, unit, 4), "send_back": SendBack(by, unit, "照片不清"),
            "remind_units": RemindUnits(by, f"k{other}"), "call_off": CallOff(by, "已处置"),
            "arrive_company": Arrive(by, company=True), "check_in": CheckIn(by, "page"),
            "triage": Triage(by, ({"inside": "unknown"}, {"seen": "flames"}, {"inside": "yes", "spreads": "yes"})[other % 3]),
        }[what]  # fmt: skip

    def repeat(self, which: int) -> None:
        """Everything that was said of one episode arrives again, and changes nothing (law 3)."""
        signal = self.said[which % len(self.said)]
        if any(signal in batch for batch in self.lost):
            return
        tables = self.world.ledger.tables
        before = (dict(tables.alerts), list(tables.entries), dict(tables.notices))
        self.world.signals(signal)
        tables = self.world.ledger.tables
        assert before == (tables.alerts, tables.entries, tables.notices), f"law 3: a repeat changed something: {signal}"

    def receipt(self, which: int, state: int) -> None:
        """A receipt, in no order; the same one again changes nothing (law 3)."""
        notice = self.notice(which)
        if notice is None:
            return
        self.world.now += timedelta(milliseconds=1)
        if self.world.receipt(notice, STATES[state % len(STATES)]):
            before = self.world.ledger.tables
            self.world.receipt(notice, STATES[state % len(STATES)])
            after = self.world.ledger.tables
            assert (before.alerts, before.entries, before.notices) == (after.alerts, after.entries, after.notices), (
                "law 3"
            )

    def press(self, which: int, digit: str) -> None:
        """A key on the telephone."""
        notice = self.notice(which)
        if notice is not None:
            self.world.now += timedelta(milliseconds=1)
            self.world.key(notice, digit)


def _but_callers(alert: Alert) -> Alert:
    """Late truth adds whom the case owes a word, and nothing else."""
    return replace(alert, version=0, work=replace(alert.work, callers=()))


def ringing(world: World) -> list[Alert]:
    """Cases whose bell is open."""
    return [a for a in world.alerts if a.handling is Handling.NEW]
