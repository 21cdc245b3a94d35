"""The notices of an instruction: in which words, over which channels, under which key. Pure.

They rank as yellow when it is urgent and as blue otherwise, so that no instruction to thousands makes a red or orange alert wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.alert import Notice, Reason
from alerts.commands import Skipped
from alerts.instructions.instruction import Instruction, Standing, subject
from alerts.notices import VOICE, channels_for
from alerts.people.roster import Person
from alerts.words import Words
from ingest.events import digest
from streams.signal import Level

SMS: Final = "sms"
_ENDINGS: Final = "。.！!；;， \n"  # of a text, where the words around it go on


def no_link(_instruction: str, _person: str) -> str:
    """Texts without an address."""
    return ""


@dataclass(frozen=True, slots=True)
class Speaker:
    """How people are spoken to: the words, the channels in use, the language of those who have chosen none, and the page's address.

    `link` gives the address of one person's page for an instruction, to be put into a text; empty where none is.
    """

    words: Words
    channels: tuple[str, ...]
    language: str = "zh"
    link: Callable[[str, str], str] = no_link

    def notices(
        self, instruction: Instruction, people: Iterable[Person], reason: Reason, now: datetime
    ) -> tuple[list[Notice], tuple[Skipped, ...]]:
        """One notice for each person and channel, and each channel that was wanted and is not in use."""
        made: list[Notice] = []
        skipped: dict[Skipped, None] = {}
        texts: dict[tuple[str, str], str] = {}  # thousands of people hear the same few
        wanted = instruction.reminding.channels
        if reason is Reason.RESOLVED:
            wanted = wanted[:1]
        for person in people:
            channels, unused = channels_for(person, wanted, self.channels)
            skipped.update(dict.fromkeys(unused))
            for channel in channels:
                said = (person.language, channel)
                if said not in texts:
                    texts[said] = self._said(instruction, *said, reason)
                text = self._with_link(instruction, person, channel, reason, texts[said])
                made.append(_notice(instruction, person, channel, reason, text, now))
        return made, tuple(skipped)

    def text(self, instruction: Instruction, person: Person, channel: str, reason: Reason) -> str:
        """What is said. Only a text carries an address, and only where there is something to answer."""
        said = self._said(instruction, person.language, channel, reason)
        return self._with_link(instruction, person, channel, reason, said)

    def _said(self, instruction: Instruction, language: str, channel: str, reason: Reason) -> str:
        language = language or self.language
        return self.words.text(
            language,
            "instruction_voice" if channel == VOICE else "instruction_sms",
            _key(instruction, reason),
            by=instruction.by,
            text=instruction.text.rstrip(_ENDINGS),
            demand=self.words.text(language, "demand", instruction.demanded),
        )

    def _with_link(self, instruction: Instruction, person: Person, channel: str, reason: Reason, said: str) -> str:
        link = self.link(instruction.id, person.id) if channel == SMS and reason is not Reason.RESOLVED else ""
        return f"{said}\n{link}" if link else said


def _notice(instruction: Instruction, person: Person, channel: str, reason: Reason, text: str, now: datetime) -> Notice:
    turn = instruction.reminded if reason is Reason.REPEAT else 0
    return Notice(
        key=notice_key(instruction.id, person.id, channel, reason, turn),
        alert=subject(instruction.id, person.id),
        person=person.id,
        name=person.name,
        role=person.role,
        grid=person.grid,
        channel=channel,
        reason=reason,
        level=Level.YELLOW if instruction.urgent else Level.BLUE,
        text=text,
        created_at=now,
        due_at=now,
        step=turn,
    )


def notice_key(instruction: str, person: str, channel: str, reason: Reason, turn: int) -> str:
    """The key of a notice: the same instruction, person, channel and turn give the same one (law 3)."""
    return digest("instruction", instruction, person, channel, reason, turn)


def _key(instruction: Instruction, reason: Reason) -> str:
    if reason is Reason.RESOLVED:
        return "withdrawn" if instruction.standing is Standing.WITHDRAWN else "ended"
    if reason is Reason.REPEAT:
        return "repeat"
    return "urgent" if instruction.urgent else "instruction"
