"""A search over the outbox with groups and budgets: nothing is lost, nothing is said twice, red never waits, and every reason is on the timeline.

TOCSIN_EXAMPLES=10000 nice -n 19 python -m pytest tests/alerts/quiet/test_held_properties.py -q
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from alerts.alert import Notice, NoticeState
from alerts.channels.contract import Refused, Retry
from alerts.closing_commands import FalseAlarm
from alerts.commands import Acknowledge
from alerts.delivery.bundles import PREFIX
from alerts.outcome import NotAllowed
from streams.signal import Level
from tests.alerts.quiet.held_line import CARD, YELLOW, HeldLine
from tests.scenarios.timeline import START

EXAMPLES = int(os.environ.get("TOCSIN_EXAMPLES", "0"))
KINDS = ("water", "power", "tilt")
LEVELS = ("yellow", "yellow", "yellow", "blue", "orange", "red")
which = st.integers(0, 30)


class Outbox(RuleBasedStateMachine):
    """Yellow is grouped and limited, orange and red are neither."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable()
        self.line = HeldLine(CARD, groups=YELLOW)
        self.spoken: list[tuple[str, str, float]] = []  # subject, kind, when it began
        self.troubled = False

    @rule(
        kind=st.sampled_from(KINDS),
        level=st.sampled_from(LEVELS),
        device=st.integers(0, 3),
        grid=st.sampled_from(["g1", "g2"]),
    )
    def comes(self, kind: str, level: str, device: int, grid: str) -> None:
        began = (self.line.now - START).total_seconds()
        subject = f"{kind}-{grid}-{device}"
        self.line.signal(subject, level, kind=kind, rule=kind, grid=grid)
        self.spoken.append((subject, kind, began))
        self.look()

    @precondition(lambda self: self.spoken)
    @rule(n=which)
    def goes(self, n: int) -> None:
        subject, kind, began = self.spoken[n % len(self.spoken)]
        self.line.signal(subject, "yellow", kind=kind, rule=kind, began=began, active=False)
        self.look()

    @precondition(lambda self: self.line.alerts())
    @rule(n=which, over=st.booleans())
    def somebody_says(self, n: int, over: bool) -> None:
        alert = self.line.alerts()[n % len(self.line.alerts())]
        command = FalseAlarm("值班员", "误报") if over else Acknowledge("值班员")
        try:
            self.line.conductor.command(alert.id, command, self.line.now)
        except NotAllowed:
            return
        self.line.send()
        self.look()

    @precondition(lambda self: any(n.sent_at for n in self.notices))
    @rule(n=which)
    def somebody_answers(self, n: int) -> None:
        sent = [notice for notice in self.notices if notice.sent_at and not notice.carrier]
        self.line.conductor.answered(sent[n % len(sent)].key, self.line.now, "1")
        self.look()

    @rule(seconds=st.sampled_from([1, 20, 31, 61, 300, 1000, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.line.at((self.line.now - START).total_seconds() + seconds)
        self.look()

    @rule(refuses=st.booleans())
    def the_provider_is_in_trouble(self, refuses: bool) -> None:
        self.troubled = True
        self.line.answers.append(Refused("no such number") if refuses else Retry(3.0, "busy"))

    @rule(seconds=st.sampled_from([0, 31, 61]))
    def the_process_dies_between_the_plan_and_the_hand_over(self, seconds: int) -> None:
        self.line.now += timedelta(seconds=seconds)
        self.line.conductor.escalate(self.line.now)
        self.line.ledger.lease_notices(self.line.now, limit=100, lease=timedelta(seconds=12))
        self.line.boot()
        self.troubled = True
        self.look()

    @property
    def notices(self) -> list[Notice]:
        return list(self.line.ledger.tables.notices.values())

    def look(self) -> None:
        for notice in self.notices:
            if notice.level.rank >= Level.ORANGE.rank:
                assert notice.state is not NoticeState.HELD, f"law 8: {notice}"
                assert not notice.bundle
        texts = Counter((who, text, at) for at, who, text in self.line.texts)
        assert len(self.line.texts) == len({n.provider_id for n in self.notices if n.provider_id and not n.carrier}), (
            texts
        )
        if not self.troubled:
            self.within_budgets()

    def within_budgets(self) -> None:
        """No yellow or blue message left while its receiver had been sent as much as is allowed."""
        sent = [n for n in self.notices if n.channel == "sms" and n.sent_at and not n.carrier]
        for one in (n for n in sent if n.level.rank < Level.ORANGE.rank and n.reason != "supervise"):
            for within, most in CARD.most:
                before = [n for n in sent if n.person == one.person and one.sent_at - within < n.sent_at < one.sent_at]
                assert len(before) < most, f"{one} went over {most} within {within}"

    def teardown(self) -> None:
        logging.disable(logging.NOTSET)
        self.line.answers.clear()
        self.line.at((self.line.now - START).total_seconds() + 6 * 3600)
        self.look()
        for notice in self.notices:
            assert notice.state not in {NoticeState.HELD, NoticeState.QUEUED, NoticeState.SENDING}, (
                f"it is left: {notice}"
            )
            if notice.alert.startswith(PREFIX):
                continue
            said = [e for e in self.line.ledger.timeline(notice.alert) if e.detail.get("notice") == notice.key]
            assert notice.state.value in {e.what for e in said}, f"law 5: {notice} is not accounted for"
            if notice.state is NoticeState.CANCELLED:
                assert [e.why for e in said if e.what == "cancelled"][-1:] == [notice.error]
            if notice.carrier:
                assert "bundled" in {e.what for e in said} or notice.key.startswith("failover") or self.troubled


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(
    max_examples=EXAMPLES or 15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
