"""What is said to people, in Chinese and in English: notices, and the reasons on the timeline. One TOML file per language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Entry
from alerts.clocks.calendar import CHINA

LANGUAGES: Final = ("zh", "en")
_SECTIONS: Final = MappingProxyType(
    {
        "level": "level",
        "from": "level",
        "to": "level",
        "channel": "channel",
        "origin": "origin",
        "clock": "clock",
        "report": "written_back",
    }
)
_INSTANTS: Final = frozenset({"due", "until"})
_HERE: Final = Path(__file__).parent


class WordsError(ValueError):
    """A table of words that cannot be used; the message names file and key."""


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Words:
    """Texts by language, section and key, with {placeholders}."""

    tables: Mapping[str, Mapping[str, Mapping[str, str]]]

    def text(self, language: str, section: str, key: str, **values: object) -> str:
        """The text with its placeholders filled. An unknown language speaks the first one; an unknown key is said as it is."""
        table = self.tables.get(language) or self.tables[LANGUAGES[0]]
        found = table.get(section, {}).get(key)
        return str(key) if found is None else found.format_map(_Blank(values))

    def explain(self, language: str, entry: Entry) -> str:
        """One sentence for a line of the timeline: what happened, and why."""
        values = {key: self._said(language, key, value) for key, value in entry.detail.items() if key != "by"}
        said = self.text(language, "what", entry.what, by=entry.by, **values)
        why = self.text(language, "why", entry.why) if entry.why else ""
        return f"{said}{self.text(language, 'join', 'why')}{why}" if why else said

    def _said(self, language: str, key: str, value: Any) -> str:
        if key in _INSTANTS and value:
            return datetime.fromisoformat(str(value)).astimezone(CHINA).strftime("%m-%d %H:%M")
        section = _SECTIONS.get(key)
        return self.text(language, section, str(value)) if section else str(value)


@cache
def load_words() -> Words:
    """The shipped texts, read once. Both languages must have the same keys, so that neither is half a language; else `WordsError`."""
    tables = {language: _table(language) for language in LANGUAGES}
    keys = {language: {(s, k) for s, table in tables[language].items() for k in table} for language in LANGUAGES}
    for language in LANGUAGES:
        missing = sorted(set.union(*keys.values()) - keys[language])
        if missing:
            raise WordsError(
                f"alerts/words/{language}.toml: {'.'.join(missing[0])} is missing; another language has it"
            )
    return Words(MappingProxyType(tables))


def _table(language: str) -> Mapping[str, Mapping[str, str]]:
    file = _HERE / f"{language}.toml"
    return MappingProxyType(tomllib.loads(file.read_text(encoding="utf-8")))
