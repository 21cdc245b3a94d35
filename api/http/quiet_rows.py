"""Silences, windows and drills as they are said and seen over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from alerts.quiet import drill, maintenance, silence
from alerts.quiet.bell import Matcher
from alerts.quiet.book import Change
from alerts.quiet.drill import APPROVERS, Drill
from alerts.quiet.hours import daytime
from alerts.quiet.maintenance import Window
from alerts.quiet.silence import Silence
from alerts.quiet.terms import Lengths, NotQuiet, Standing
from streams.signal import Level

_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=500)]
_By = Annotated[str, Field(min_length=1, max_length=64, description="Who acts: shown wherever the bell stays shut")]
_Reason = Annotated[
    str, Field(min_length=2, max_length=500, description="Why: whoever wonders why nobody was called reads it")
]
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class About(_Said):
    """What it is about. Empty fields say nothing; those that are filled must all hold. `grids` are roots of whole parts of the tree."""

    kinds: _Names = []
    levels: list[Level] = []
    grids: _Names = []
    subjects: _Names = Field([], description="Devices, cameras or calls")
    rules: _Names = []
    gateways: _Names = []

    def matcher(self) -> Matcher:
        """The same as a value."""
        lists: tuple[Sequence[Any], ...] = (
            self.kinds,
            self.levels,
            self.grids,
            self.subjects,
            self.rules,
            self.gateways,
        )
        return Matcher(*(tuple(dict.fromkeys(one)) for one in lists))


class NewSilence(_Said):
    """A silence (屏蔽). `starts_at` is now when it is left out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{
            "about": {"kinds": ["water"], "grids": ["yz-03"]}, "by": "值班员01",
            "reason": "泵站检修", "ends_at": "2026-05-01T18:00:00+08:00",
        }]},
    )  # fmt: skip

    about: About
    by: _By
    reason: _Reason
    ends_at: AwareDatetime
    starts_at: AwareDatetime | None = None

    def value(self, lengths: Lengths, now: datetime) -> Silence:
        """The silence. Raises `NotQuiet`."""
        return silence.silence(
            self.about.matcher(), by=self.by, reason=self.reason, starts_at=self.starts_at or now, ends_at=self.ends_at,
            lengths=lengths, now=now,
        )  # fmt: skip


class NewWindow(_Said):
    """A recurring maintenance window (维护), in UTC+8."""

    about: About
    days: list[str] = Field(min_length=1, max_length=7, description=f"Days on which it begins: {', '.join(DAYS)}")
    daytime: str = Field(description="22:00-02:00 goes over midnight", examples=["22:00-02:00"])
    by: _By
    reason: _Reason
    from_at: AwareDatetime | None = None
    until_at: AwareDatetime

    def value(self, lengths: Lengths, now: datetime) -> Window:
        """The window. Raises `NotQuiet`."""
        unknown = [day for day in self.days if day not in DAYS]
        if unknown:
            raise NotQuiet(f"{unknown[0]!r} is no day: write {', '.join(DAYS)}")
        try:
            when = daytime(self.daytime)
        except ValueError as error:
            raise NotQuiet(str(error)) from error
        return maintenance.window(
            self.about.matcher(), tuple(DAYS.index(day) for day in self.days), when, by=self.by, reason=self.reason,
            from_at=self.from_at or now, until_at=self.until_at, lengths=lengths, now=now,
        )  # fmt: skip


class NewDrill(_Said):
    """A drill (演练): counts once two people beside its author have approved it."""

    name: Annotated[str, Field(min_length=2, max_length=120)]
    about: About
    people: _Names = Field(description="Ids of those who take part: nobody else is told")
    by: _By
    starts_at: AwareDatetime
    ends_at: AwareDatetime

    def value(self, lengths: Lengths, now: datetime) -> Drill:
        """The drill, not approved yet. Raises `NotQuiet`."""
        return drill.drill(
            self.name, self.about.matcher(), tuple(dict.fromkeys(self.people)), by=self.by, starts_at=self.starts_at,
            ends_at=self.ends_at, lengths=lengths, now=now,
        )  # fmt: skip


class By(_Said):
    """Who says so."""

    by: _By


class AboutRow(TypedDict):
    """What a rule is about; empty lists say nothing."""

    kinds: list[str]
    levels: list[str]
    grids: list[str]
    subjects: list[str]
    rules: list[str]
    gateways: list[str]


class SilenceRow(TypedDict):
    """One silence. `until` is when it really ends: earlier than `ends_at` while it needs approval, or when it was ended."""

    id: str
    about: AboutRow
    by: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    until: datetime
    standing: str
    ends_soon: bool
    needs_approval: bool
    approved_by: str
    ended_by: str


class WindowRow(TypedDict):
    """One recurring window. `open_until` is the end of the occurrence that is now, null between two of them."""

    id: str
    about: AboutRow
    days: list[str]
    daytime: str
    by: str
    reason: str
    from_at: datetime
    until_at: datetime
    open_until: datetime | None
    standing: str
    ended_by: str


class DrillRow(TypedDict):
    """One drill. `missing` is how many approvals it still needs."""

    id: str
    name: str
    about: AboutRow
    people: list[str]
    by: str
    starts_at: datetime
    ends_at: datetime
    until: datetime
    standing: str
    approved_by: list[str]
    missing: int
    ended_by: str


class ChangeRow(TypedDict):
    """One thing that was done to a rule."""

    at: datetime
    what: str
    by: str


def silence_row(one: Silence, lengths: Lengths, now: datetime) -> SilenceRow:
    """A silence as it stands now."""
    until, standing = one.until(lengths), one.standing(now, lengths)
    return SilenceRow(
        id=one.id, about=about_row(one.matcher), by=one.by, reason=one.reason, starts_at=one.starts_at, ends_at=one.ends_at, until=until,
        standing=standing.value, ends_soon=standing is Standing.ACTIVE and now >= until - lengths.warn_before,
        needs_approval=one.needs_approval(lengths), approved_by=one.approved_by, ended_by=one.ended_by,
    )  # fmt: skip


def window_row(one: Window, now: datetime) -> WindowRow:
    """A window as it stands now."""
    start, stop = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (one.daytime.start, one.daytime.end))
    return WindowRow(
        id=one.id, about=about_row(one.matcher), days=[DAYS[day] for day in one.days], daytime=f"{start}-{stop}", by=one.by,
        reason=one.reason, from_at=one.from_at, until_at=one.until_at, open_until=one.open_until(now),
        standing=one.standing(now).value, ended_by=one.ended_by,
    )  # fmt: skip


def drill_row(one: Drill, now: datetime) -> DrillRow:
    """A drill as it stands now."""
    return DrillRow(
        id=one.id, name=one.name, about=about_row(one.matcher), people=list(one.people), by=one.by, starts_at=one.starts_at,
        ends_at=one.ends_at, until=one.until, standing=one.standing(now).value, approved_by=list(one.approved_by),
        missing=max(APPROVERS - len(set(one.approved_by) - {one.by}), 0), ended_by=one.ended_by,
    )  # fmt: skip


def rule_row(one: Silence | Window | Drill, lengths: Lengths, now: datetime) -> SilenceRow | WindowRow | DrillRow:
    """Whichever it is."""
    if isinstance(one, Silence):
        return silence_row(one, lengths, now)
    return window_row(one, now) if isinstance(one, Window) else drill_row(one, now)


def change_row(one: Change) -> ChangeRow:
    """A change."""
    return ChangeRow(at=one.at, what=one.what, by=one.by)


def about_row(matcher: Matcher) -> AboutRow:
    """What a rule is about."""
    return AboutRow(
        kinds=list(matcher.kinds), levels=[level.value for level in matcher.levels], grids=list(matcher.grids),
        subjects=list(matcher.subjects), rules=list(matcher.rules), gateways=list(matcher.gateways),
    )  # fmt: skip
