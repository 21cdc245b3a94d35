"""From what a grid worker or a resident reports to a signal (主动巡查, 群众诉求): every report is one, and a strict TOML file says how bad.

Without state: a report says everything about itself, and a repeat of it gives the same key (law 3).
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError, model_validator

from ingest.events import Report
from streams.calls import Listener
from streams.rules import InvalidRules, Name, Section
from streams.signal import Level, Origin, Signal, signal_key

SHIPPED: Final = Path(__file__).with_name("reports.toml")
RULE: Final = "report"


class ReportKind(Section):
    """One kind of matter, how bad it is without a word, and on whose page it can be chosen."""

    kind: Name
    level: Level
    by: tuple[Literal["patrol", "resident"], ...] = Field(min_length=1)


class ReportRules(Section):
    """Everything the file says."""

    otherwise: Name = Field(title="The kind as which a kind counts that is not listed")
    kind: tuple[ReportKind, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _named_once(self) -> ReportRules:
        names = [one.kind for one in self.kind]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"kind {twice[0]} is listed twice; keep one of them")
        if self.otherwise not in names:
            raise ValueError(f"otherwise is {self.otherwise}, which is no kind of this file; list it")
        return self

    def offered(self, origin: str) -> tuple[ReportKind, ...]:
        """What somebody can choose, in the file's order."""
        return tuple(one for one in self.kind if origin in one.by)

    def of(self, name: str) -> ReportKind:
        """The kind of a name."""
        known = {one.kind: one for one in self.kind}
        return known.get(name) or known[self.otherwise]


def load_report_rules(path: Path | None = None) -> ReportRules:
    """The rules in a file, or the shipped ones. Raises `InvalidRules` with file and key."""
    return _load(path or SHIPPED)


@cache
def _load(path: Path) -> ReportRules:
    try:
        return ReportRules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InvalidRules("\n".join(lines)) from error
    except (OSError, ValueError) as error:
        raise InvalidRules(f"{path}: cannot be used: {error}") from error


def signal_of(report: Report, rules: ReportRules, listener: Listener) -> Signal:
    """The signal of a report: of the kind that was chosen, or of the emergency that its words name when that is worse."""
    chosen = rules.of(report.kind)
    heard = listener.hear(report.text)
    worse = heard is not None and heard[0].level.rank > chosen.level.rank
    kind, level = (heard[0].kind, heard[0].level) if heard is not None and worse else (chosen.kind, chosen.level)
    told = {"told": report.told, "reporter": report.reporter}
    return Signal(
        signal_key(RULE, report.ident, report.observed_at),
        kind, level, Origin(report.origin), report.ident, RULE,
        report.observed_at, report.received_at, report.received_at, report.place, marks=report.marks,
        evidence={"chosen": report.kind, "word": heard[1] if heard else "", "pictures": report.pictures, **told},
    )  # fmt: skip
