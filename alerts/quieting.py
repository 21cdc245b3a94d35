"""Making, approving and ending what keeps bells shut, and looking at once at the bells that this is about.

A rule counts from the instant it is written, whoever rings next. The cases that are open already are looked at right after, some hundred
in one transaction; being interrupted there and doing it again does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from alerts.alert import Alert, Handling
from alerts.hushing import kept
from alerts.ledger.port import Filter, Ledger
from alerts.quiet import drill, maintenance, silence
from alerts.quiet.bell import Matcher, bell_of
from alerts.quiet.book import Change, QuietRule
from alerts.quiet.drill import Drill
from alerts.quiet.maintenance import Window
from alerts.quiet.silence import Preview, Silence
from alerts.quiet.terms import NotQuiet
from alerts.quiet.verdict import QuietPolicy
from ingest.registry import Registry

PAGE: Final = 500
LOOKED: Final = 5000  # open cases a preview looks at, worst first
AT_ONCE: Final = 200  # cases in one transaction
_NAMED: Final = 2000  # grids in one question; a larger part of the tree is looked through instead


class UnknownRule(LookupError):
    """There is no silence, window or drill of that id."""

    def __init__(self, ident: str) -> None:
        super().__init__(f"there is no silence, window or drill {ident}; look it up in the list again")
        self.ident = ident


class Reconsiders(Protocol):
    """What is asked of the conductor."""

    def reconsider(self, ids: Sequence[str], now: datetime, *, by: str = "tocsin") -> list[Alert]: ...


class Quieting:
    """Every method may be called from any thread, and may be repeated: a repeat changes nothing."""

    def __init__(
        self, ledger: Ledger, conductor: Reconsiders, registry: Callable[[], Registry], policy: QuietPolicy
    ) -> None:
        self._ledger = ledger
        self._conductor = conductor
        self._registry = registry
        self.policy = policy

    def preview(self, matcher: Matcher) -> tuple[Preview, bool]:
        """What a matcher would keep shut among the open cases, and whether there are more than were looked at. Raises `NotQuiet`."""
        if matcher.empty:
            raise NotQuiet("say what it is about: name a kind, level, grid, device, rule or gateway")
        registry = self._registry()
        found: list[Alert] = []
        for page in self._open(matcher):
            found += page
            if len(found) >= LOOKED:
                break
        bells = (bell_of(alert, registry) for alert in found)
        return silence.preview(matcher, bells, self.policy.lengths), len(found) >= LOOKED

    def add(self, rule: QuietRule, now: datetime) -> int:
        """Write a new rule, and keep shut the open bells it is about; returns how many cases changed. One that exists is left as it is."""
        with self._ledger.transaction() as tx:
            if tx.quiet.rule(rule.id) is None:
                tx.quiet.put(rule, Change(rule.id, now, "created", rule.by))
        return self._look_again(rule, now, rule.by)

    def approve(self, ident: str, by: str, now: datetime) -> QuietRule:
        """One more approval. Raises `UnknownRule` or `NotQuiet`."""

        def approved(rule: QuietRule) -> QuietRule:
            match rule:
                case Silence():
                    return silence.approve(rule, by, now, self.policy.lengths)
                case Drill():
                    return drill.approve(rule, by, now)
                case Window():
                    raise NotQuiet("maintenance needs nobody's approval")

        return self._change(ident, by, now, "approved", approved)

    def end(self, ident: str, by: str, now: datetime) -> QuietRule:
        """End it now; what it kept shut and is still so rings at once. Raises `UnknownRule` or `NotQuiet`."""

        def ended(rule: QuietRule) -> QuietRule:
            match rule:
                case Silence():
                    return silence.end(rule, by, now, self.policy.lengths)
                case Drill():
                    return drill.end(rule, by, now)
                case Window():
                    return maintenance.end(rule, by, now)

        return self._change(ident, by, now, "ended", ended)

    def _change(
        self, ident: str, by: str, now: datetime, what: str, change: Callable[[QuietRule], QuietRule]
    ) -> QuietRule:
        with self._ledger.transaction() as tx:
            before = tx.quiet.rule(ident)
            if before is None:
                raise UnknownRule(ident)
            after = change(before)
            if after != before:
                tx.quiet.put(after, Change(ident, now, what, by))
        self._look_again(after, now, by)
        return after

    def _look_again(self, rule: QuietRule, now: datetime, by: str) -> int:
        registry, changed = self._registry(), 0
        lasting = rule.ended_at is None
        for page in self._open(rule.matcher, Handling.NEW):
            about = [a for a in page if _keeps(rule, a) or (lasting and rule.matcher.matches(bell_of(a, registry)))]
            for start in range(0, len(about), AT_ONCE):
                ids = [alert.id for alert in about[start : start + AT_ONCE]]
                changed += len(self._conductor.reconsider(ids, now, by=by))
        return changed

    def _open(self, matcher: Matcher, *handlings: Handling) -> Iterator[tuple[Alert, ...]]:
        grids = _below(self._registry(), matcher.grids)
        wanted = Filter(
            levels=tuple(level.value for level in matcher.levels),
            kinds=matcher.kinds,
            handlings=handlings,
            grids=grids if len(grids) <= _NAMED else (),
            open_only=True,
        )
        if len(matcher.subjects) == 1:
            wanted = replace(wanted, subject=matcher.subjects[0])
        cursor = ""
        while True:
            page = self._ledger.page(wanted, limit=PAGE, cursor=cursor)
            yield page.alerts
            cursor = page.cursor
            if not cursor:
                return


def _keeps(rule: QuietRule, alert: Alert) -> bool:
    held = kept(alert)
    return held is not None and held.id == rule.id


def _below(registry: Registry, roots: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of some grids and of everything below them."""
    if not roots:
        return ()
    wanted = set(roots)
    below = (code for code in registry.grids if any(g.code in wanted for g in registry.ancestors(code)))
    return tuple(dict.fromkeys((*roots, *below)))
