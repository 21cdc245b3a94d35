"""What people are told of an alert, in words, remembered: a storm says the same few things of the same places again and again."""

from __future__ import annotations

from typing import Final

from alerts.alert import Alert
from alerts.notices import Telling, compose, place_name
from alerts.quiet.drill import MARK
from alerts.whistle import notices as whistle_notices
from alerts.words import Words
from ingest.events import Mark
from ingest.registry import Registry

REMEMBERED: Final = 20_000  # texts; a minute of a county's storm has some thousand


class Phrases:
    """Texts and the names of places at one state of the tree. May be asked from any thread."""

    def __init__(self, words: Words, registry: Registry) -> None:
        self.words = words
        self.registry = registry
        self._texts: dict[tuple[object, ...], str] = {}
        self._names: dict[tuple[str, str], str] = {}

    def text(self, language: str, channel: str, telling: Telling, alert: Alert) -> str:
        """What is told of an alert over a channel. All that the text depends on is in the key under which it is remembered."""
        place = self.place(language, alert.place.grid)
        at = alert.stages.get("event_at")
        minute = at.replace(second=0, microsecond=0) if at else None
        drill = bool(alert.marks & Mark.DRILL)
        why = (telling.reason, telling.clock, telling.stroke, telling.whistle, telling.who)
        key = (language, channel, why, alert.level, alert.kind, place, minute, alert.origins, alert.handling, drill)
        if (known := self._texts.get(key)) is not None:
            return known
        blown = telling.whistle
        said = (
            compose(self.words, language, channel, telling, alert, place)
            if blown is None
            else whistle_notices.said(self.words, language, channel, blown, place)
        )
        if len(self._texts) >= REMEMBERED:
            self._texts.clear()
        self._texts[key] = text = f"{MARK}{said}" if drill else said
        return text

    def place(self, language: str, grid: str) -> str:
        """The name of a place in a language."""
        if (known := self._names.get((language, grid))) is not None:
            return known
        name = place_name(self.registry, grid, self.words.text(language, "place", "unknown"))
        if grid in self.registry.grids:  # codes that are in no tree come from anywhere and would pile up
            self._names[language, grid] = name
        return name
