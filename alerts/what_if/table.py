"""A table of what-ifs from a spreadsheet: bytes in, cases and problems out. Every problem names its row and its column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from alerts.people.duty import CHINA
from alerts.people.roster import Roster
from alerts.what_if.rehearsal import ESCALATION, HAPPENINGS, NEVER, Case, Expected, Happening
from ingest.coordinates import Datum, to_wgs84
from ingest.events import InvalidEvent, Place
from ingest.places import Places
from ingest.registry import Registry
from ingest.sheets import Columns, Problem, Row, Severity, Sheet, read_rows
from streams.signal import Level, Origin

COLUMNS: Final = Columns(
    {
        "kind": ("类别", "事件类型"),
        "level": ("级别", "等级"),
        "place": ("网格", "grid"),
        "lat": ("纬度", "latitude"),
        "lon": ("经度", "longitude", "lng"),
        "datum": ("坐标系",),
        "origin": ("来源",),
        "at": ("时间", "发生时间"),
        "since": ("经过", "之后"),
        "recipient": ("通知人", "expected recipient"),
        "step": ("步骤", "expected step"),
        "clock": ("时限", "expected clock"),
        "due": ("到期", "expected due"),
    },
    required=("kind", "level", "at"),
)
NOBODY: Final = ("nobody", "无人")
NONE: Final = ("none", "无")
LONGEST: Final = timedelta(days=400)
WITH_PERSON: Final = frozenset({"dispatched", "unreachable"})
# The words of `since` as people write them in Chinese.
SPOKEN: Final = {
    "无": "nothing", "无事": "nothing", "接警": "acknowledged", "派单": "dispatched", "签收": "accepted", "退单": "given_back",
    "到场": "arrived", "处置": "handled", "误报": "false_alarm", "恢复": "cleared", "升级": "worse", "不可达": "unreachable",
}  # fmt: skip
LEVELS: Final = {"一级": Level.RED, "二级": Level.ORANGE, "三级": Level.YELLOW, "四级": Level.BLUE}
_SINCE: Final = re.compile(r"\+(?P<after>\d+(?:\.\d+)?)\s+(?P<what>\S+)(?:\s+(?P<who>\S+))?$")
T = TypeVar("T")


class _Wrong(ValueError):
    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column = column


def read_cases(sheet: Sheet, registry: Registry, roster: Roster) -> tuple[list[Case], list[Problem]]:
    """The cases of a table and all that is wrong with it. With an error among the problems there is nothing to play."""
    rows, problems = read_rows(sheet, COLUMNS)
    places = Places(registry)
    cases: list[Case] = []
    for row in rows:
        wrong: list[Problem] = []
        case = _case(row, _Reader(registry, roster, places), wrong)
        problems += wrong
        if case is not None and not wrong:
            cases.append(case)
    return cases, problems


def unsound(problems: list[Problem]) -> bool:
    """Whether something among these is an error."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def _case(row: Row, reader: _Reader, wrong: list[Problem]) -> Case | None:
    def asked(read: Callable[[Row], T]) -> T | None:
        try:
            return read(row)
        except _Wrong as error:
            wrong.append(row.error(f"column {error.column}: {error}"))
            return None

    kind, level, at = asked(reader.kind), asked(reader.level), asked(reader.at)
    place, origin, since = asked(reader.place), asked(reader.origin), asked(reader.since)
    recipients, step = asked(reader.recipients), asked(reader.step)
    due = asked(lambda one: reader.due(one, at)) if at is not None else None
    if kind is None or level is None or at is None or place is None or origin is None or since is None:
        return None
    expected = Expected(recipients, step, row["clock"] or ESCALATION, due)
    return Case(row.line, kind, level, place, at, origin, since, expected)


class _Reader:
    """One cell at a time, each with a sentence for what cannot be read."""

    def __init__(self, registry: Registry, roster: Roster, places: Places) -> None:
        self._registry = registry
        self._roster = roster
        self._places = places

    def kind(self, row: Row) -> str:
        if not row["kind"]:
            raise _Wrong("kind", "is empty: name the kind of alert, such as fire")
        return row["kind"]

    def level(self, row: Row) -> Level:
        text = row["level"].lower()
        if text in LEVELS:
            return LEVELS[text]
        try:
            return Level(text)
        except ValueError:
            raise _Wrong("level", f"{row['level']!r} is no level: write {', '.join(Level)}") from None

    def at(self, row: Row) -> datetime:
        try:
            at = datetime.fromisoformat(row["at"])
        except ValueError:
            raise _Wrong("at", f"{row['at']!r} is no time: write 2026-03-01T22:00 or 2026-03-01T22:00+08:00") from None
        return at if at.tzinfo else at.replace(tzinfo=CHINA)

    def place(self, row: Row) -> Place:
        if row["place"]:
            if row["place"] not in self._registry.grids:
                raise _Wrong("place", f"there is no grid {row['place']!r}: write the code of one that is enrolled")
            return self._registry.place_in(row["place"], None, "registry")
        if not row["lat"] and not row["lon"]:
            return Place()
        return self._located(row)

    def _located(self, row: Row) -> Place:
        lat, lon = _number(row, "lat"), _number(row, "lon")
        if not row["datum"]:
            raise _Wrong(
                "datum", "is empty: coordinates need wgs84, cgcs2000, gcj02 or bd09, which lie hundreds of metres apart"
            )
        try:
            datum = Datum.named(row["datum"])
        except InvalidEvent as error:
            raise _Wrong("datum", str(error)) from error
        try:
            point = to_wgs84(lat, lon, datum)
        except InvalidEvent as error:
            raise _Wrong("lat", str(error)) from error
        found = self._places.settle(point)
        return found.place if found else Place(point=point)

    def origin(self, row: Row) -> Origin:
        try:
            return Origin(row["origin"].lower() or Origin.SENSOR)
        except ValueError:
            raise _Wrong("origin", f"{row['origin']!r} is no origin: write {', '.join(Origin)}") from None

    def since(self, row: Row) -> tuple[Happening, ...]:
        parts = [part.strip() for part in re.split("[;；]", row["since"]) if part.strip()]
        return tuple(self._happening(part) for part in parts)

    def _happening(self, text: str) -> Happening:
        found = _SINCE.match(text)
        if found is None:
            raise _Wrong("since", f"{text!r} is not read: write +SECONDS and a word, such as +60 nothing")
        what = SPOKEN.get(found["what"], found["what"])
        after, who = float(found["after"]), found["who"] or ""
        if what not in HAPPENINGS:
            raise _Wrong("since", f"{found['what']!r} is nothing that can happen: write {', '.join(HAPPENINGS)}")
        if after > LONGEST.total_seconds():
            raise _Wrong("since", f"+{after:g} is more than {LONGEST.days} days: write less")
        if who and what not in WITH_PERSON:
            raise _Wrong("since", f"{what} takes no person: leave {who!r} out")
        if who and self._roster.person(who) is None:
            raise _Wrong("since", f"nobody on the roster has the id {who!r}")
        return Happening(timedelta(seconds=after), what, who)

    def recipients(self, row: Row) -> tuple[str, ...] | None:
        if not row["recipient"]:
            return None
        if row["recipient"].lower() in NOBODY:
            return ()
        people = tuple(part.strip() for part in re.split("[;；]", row["recipient"]) if part.strip())
        unknown = [ident for ident in people if self._roster.person(ident) is None]
        if unknown:
            raise _Wrong("recipient", f"nobody on the roster has the id {unknown[0]!r}: write ids, or nobody")
        return people

    def step(self, row: Row) -> int | None:
        if not row["step"]:
            return None
        if not row["step"].isdecimal():
            raise _Wrong("step", f"{row['step']!r} is no number of steps: write how many were rung, 1 for the first")
        return int(row["step"])

    def due(self, row: Row, at: datetime) -> datetime | None:
        text = row["due"]
        if not text:
            return None
        if text.lower() in NONE:
            return NEVER
        try:
            if text.startswith("+"):
                return at + timedelta(seconds=float(text))
            due = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            raise _Wrong("due", f"{text!r} is no time: write one as in the column at, +SECONDS, or none") from None
        return due if due.tzinfo else due.replace(tzinfo=CHINA)


def _number(row: Row, column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        raise _Wrong(column, f"{row[column]!r} is no number of degrees") from None
    if not math.isfinite(number):
        raise _Wrong(column, f"{row[column]!r} is no number of degrees")
    return number
