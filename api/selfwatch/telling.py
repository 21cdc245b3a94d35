"""Tells people what stopped and what is well again: by this process itself, over channels of the settings, never through the outbox.

Of several APIs one tells, as long as the ledger can be asked who (`api.selfwatch.claims`); when it cannot, each does: maybe twice is
better than never. A line of the log says it in any case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.alert import Notice, NoticeState, Reason
from alerts.channels.contract import Channel, Sent
from alerts.ledger.port import Conflict, Ledger, LedgerUnavailable
from alerts.people.roster import Person, masked
from api.selfwatch import claims
from api.selfwatch.parts import Part, Trouble
from api.selfwatch.questions import Asking, NoAnswer
from api.selfwatch.words import said, said_well
from ingest.clock import Clock
from ingest.events import digest
from streams.signal import Level

log = logging.getLogger(__name__)
_TELL_WITHIN: Final = 40.0  # seconds for everybody: a provider has five for an answer
_MASTER: Final = "selfwatch"


@dataclass(frozen=True, slots=True)
class Known:
    """What this process knows of a trouble that stands: `told_at` when it told people itself, `claimed` whether the ledger knows of it."""

    trouble: Trouble
    told_at: datetime | None = None
    claimed: bool = True


@dataclass(slots=True)
class Teller:
    """`people` are telephone numbers; without any, the log and the desk are all there is."""

    people: Sequence[str]
    channels: Mapping[str, Channel]
    ledger: Ledger
    clock: Clock
    asking: Asking
    by: str
    repeat: timedelta
    language: str = "zh"
    known: dict[Part, Known] = field(default_factory=dict)

    async def tell(self, troubles: Sequence[Trouble]) -> None:
        """Tell of what is new, worse, or still stands after `repeat`, and of what is over."""
        for trouble in troubles:
            await self._stands(trouble)
        standing = {trouble.part for trouble in troubles}
        for part in [part for part in self.known if part not in standing]:
            await self._over(part, self.known[part])

    def told_at(self) -> dict[Part, datetime]:
        """When this process last told people of each part."""
        return {part: known.told_at for part, known in self.known.items() if known.told_at is not None}

    async def _stands(self, trouble: Trouble) -> None:
        now, known = self.clock.now(), self.known.get(trouble.part)
        if known is None or known.trouble.grade is not trouble.grade:
            log.critical(
                "selfwatch: part=%s grade=%s why=%s since=%s detail=%s",
                trouble.part, trouble.grade, trouble.why, trouble.since.isoformat(), trouble.detail,
            )  # fmt: skip
        worse = known is not None and claims.level_of(trouble).rank > claims.level_of(known.trouble).rank
        told_at = known.told_at if known is not None and not worse else None
        self.known[trouble.part] = replace(known, trouble=trouble) if known is not None else Known(trouble)
        if not self.people or (told_at is not None and now - told_at < self.repeat):
            return
        answered, row = await self._agreed(trouble.part, lambda row: claims.claim(row, trouble, self.by, now))
        if answered and row is None:
            return  # another API tells, or has told
        reason = row.reason if row is not None else Reason.REPEAT if told_at is not None else Reason.FIRST
        if not await self._send(trouble.part, said(self.language, trouble, reason), reason, claims.level_of(trouble)):
            return  # the next round tries again
        self.known[trouble.part] = Known(trouble, self.clock.now(), claimed=row is not None)
        if row is not None:
            mine, told = row, claims.told(row, self.clock.now(), self.repeat)
            await self._agreed(trouble.part, lambda row: told if row == mine else None)

    async def _over(self, part: Part, known: Known) -> None:
        log.warning("selfwatch: part=%s is well again", part)
        if self.people:
            now = self.clock.now()
            answered, row = await self._agreed(part, lambda row: claims.well_again(row, now))
            if row is not None or (known.told_at is not None and not (answered and known.claimed)):
                await self._send(part, said_well(self.language, part), Reason.RESOLVED, Level.BLUE)
        del self.known[part]

    async def _agreed(self, part: Part, decide: Callable[[Notice | None], Notice | None]) -> tuple[bool, Notice | None]:
        """Whether the ledger answered, and the part's row as it is now when `decide` gave one to write."""

        def agree() -> Notice | None:
            with self.ledger.transaction() as tx:
                row = decide(tx.notice(claims.key_of(part)))
                if row is not None and not tx.queue([row]):
                    tx.update(row)
            return row

        try:
            return True, await self.asking.ask("the ledger, who tells", agree)
        except (LedgerUnavailable, Conflict, NoAnswer) as error:
            log.info("the ledger cannot say who tells people, so we do: %s", error)
            return False, None

    async def _send(self, part: Part, text: str, reason: Reason, level: Level) -> bool:
        """Whether every person was reached over some channel."""
        now = self.clock.now()
        try:
            missed = await self.asking.ask(
                "the channels",
                lambda: [n for n in self.people if not self._reach(n, part, text, reason, level, now)],
                _TELL_WITHIN,
            )
        except NoAnswer as error:
            log.error("selfwatch: people could not be told: %s", error)
            return False
        return not missed

    def _reach(self, number: str, part: Part, text: str, reason: Reason, level: Level, now: datetime) -> bool:
        person = Person(_MASTER, "", number, _MASTER, "", language=self.language)
        for name, channel in self.channels.items():
            key = claims.OWN + digest(_MASTER, part, reason, number, name, now.isoformat())
            notice = Notice(
                key,
                "",
                _MASTER,
                "",
                _MASTER,
                "",
                name,
                reason,
                level,
                text,
                now,
                now,
                state=NoticeState.SENDING,
                attempts=1,
            )
            answer = channel.send(notice, person)
            if isinstance(answer, Sent):
                log.warning(
                    "selfwatch: told person=%s channel=%s part=%s reason=%s", masked(number), name, part, reason
                )
                return True
            log.error("selfwatch: not told person=%s channel=%s: %s", masked(number), name, answer.why)
        return False
