"""Checks a duty book before it comes into force: rows in, lines and problems out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts.people.duty import EVERY_DAY, MINUTES, Duty, DutyKind
from alerts.people.roster import Person
from ingest.dates import instant_of
from ingest.events import InvalidEvent
from ingest.registry import Registry
from ingest.sheets import Columns, Problem, Row, Sheet, read_rows

DUTY_COLUMNS: Final = Columns(
    {
        "kind": ("type", "类型"),
        "person": ("id", "工号", "姓名", "人员"),
        "days": ("weekdays", "星期", "周几"),
        "start": ("上班", "开始", "开始时间"),
        "end": ("下班", "结束", "结束时间"),
        "from": ("since", "起", "开始日期"),
        "to": ("until", "止", "结束日期"),
        "for": ("instead_of", "替谁", "被替人"),
        "grid": ("grid_code", "网格", "网格编码"),
    },
    required=("kind", "person"),
)
KINDS: Final = {
    **{kind.value: kind for kind in DutyKind},
    **dict.fromkeys(("班次", "排班", "值班"), DutyKind.SHIFT),
    **dict.fromkeys(("请假", "休假", "缺勤", "leave"), DutyKind.ABSENT),
    **dict.fromkeys(("替班", "代班", "顶班", "换班", "substitute"), DutyKind.STAND_IN),
    **dict.fromkeys(("指定", "指定值班"), DutyKind.OVERRIDE),
}
_DAYS: Final = {
    **{str(n): n for n in EVERY_DAY},
    **{word: n for n, word in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)},
    **{word: n for n, word in enumerate("一二三四五六日", 1)},
    "天": 7,
}
_NAMED: Final = {"": EVERY_DAY, "每天": EVERY_DAY, "daily": EVERY_DAY, "工作日": (1, 2, 3, 4, 5), "周末": (6, 7)}
_DAY_WORD: Final = re.compile(r"(?:周|星期|礼拜)?([1-7一二三四五六日天]|mon|tue|wed|thu|fri|sat|sun)[a-z]*")
_TIME: Final = re.compile(r"(?:次日)?([01]?\d|2[0-4])[:：]([0-5]\d)")


class BadLine(ValueError):
    """A line of a duty book that cannot be used; the message says why."""


def check_duties(
    sheet: Sheet, registry: Registry, people: Mapping[str, Person]
) -> tuple[dict[Duty, None], list[Problem]]:
    """The lines of a file about these people (by id). A person is named by id, or by a name that only one has (in that grid)."""
    rows, problems = read_rows(sheet, DUTY_COLUMNS)
    found: dict[Duty, None] = {}
    for row in rows:
        try:
            found[_line(row, registry, people)] = None
        except (BadLine, InvalidEvent) as error:
            problems.append(row.error(str(error)))
    return found, problems


def _line(row: Row, registry: Registry, people: Mapping[str, Person]) -> Duty:
    kind = KINDS.get(row["kind"].lower())
    if kind is None:
        raise BadLine(f"kind {row['kind'][:40]!r} is none of {', '.join(DutyKind)} (班次, 请假, 替班, 指定)")
    person = _person(row["person"], row["grid"] if kind is not DutyKind.OVERRIDE else "", people)
    since, until = instant_of(row["from"]), _end_of(row["to"])
    if since is not None and until is not None and until <= since:
        raise BadLine(f"to {row['to']!r} is not after from {row['from']!r}")
    line = Duty(kind, person.id, since=since, until=until)
    if kind is DutyKind.SHIFT:
        start, end = _minute(row["start"], 0), _minute(row["end"], MINUTES)
        return replace(line, days=_days(row["days"]), start=start % MINUTES, end=end)
    if since is None or until is None:
        raise BadLine(f"{row['kind']} needs from and to: a date, or 2026-03-01 08:00")
    if kind is DutyKind.STAND_IN:
        instead_of = _person(row["for"], "", people)
        if instead_of.id == person.id:
            raise BadLine(f"{row['person']!r} cannot stand in for themselves")
        return replace(line, instead_of=instead_of.id)
    if kind is DutyKind.OVERRIDE:
        grid = row["grid"] or person.grid
        if grid not in registry.grids:
            raise BadLine(f"grid {grid!r} is neither in the grids file nor known")
        return replace(line, grid=grid)
    return line


def _person(named: str, grid: str, people: Mapping[str, Person]) -> Person:
    if not named:
        raise BadLine("names nobody: write an id or a name of the people file")
    if named in people:
        return people[named]
    found = [p for p in people.values() if p.name == named and grid in {"", p.grid}]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadLine(f"{len(found)} people are called {named!r}: name one by id, or by their grid")
    raise BadLine(f"{named[:40]!r} is nobody of the people file or the ledger")


def _end_of(text: str) -> datetime | None:
    """The end that people mean: a date alone counts to its end."""
    at = instant_of(text)
    return at + timedelta(days=1) if at is not None and re.fullmatch(r"\d+[-/]\d+[-/]\d+", text) else at


def _minute(text: str, default: int) -> int:
    if not text:
        return default
    read = _TIME.fullmatch(text)
    minute = int(read[1]) * 60 + int(read[2]) if read else -1
    if not 0 <= minute <= MINUTES:
        raise BadLine(f"{text[:40]!r} is no time of day: write 08:00, or 24:00 for the end of the day")
    return minute


def _days(text: str) -> tuple[int, ...]:
    folded = text.lower().replace(" ", "")
    if folded in _NAMED:
        return _NAMED[folded]
    found: set[int] = set()
    for part in re.split(r"[;,、/+]", folded):
        ends = [_DAY_WORD.fullmatch(word) for word in re.split(r"[-~–—至到]", part)]
        if not 1 <= len(ends) <= 2 or not all(ends):
            raise BadLine(f"days {text[:40]!r} are not understood: write 1-5, 6;7, mon-fri, 周一至周五, 工作日 or 每天")
        first, last = (_DAYS[end[1]] for end in (ends[0], ends[-1]) if end)
        found |= {(first - 1 + n) % 7 + 1 for n in range((last - first) % 7 + 1)}
    return tuple(sorted(found))
