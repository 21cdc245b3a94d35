"""Every dialect there is, and which one a message is in. A new format is a new module and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingest.dialects.claims import Reason
from ingest.dialects.mapped import load_profiles
from ingest.dialects.observation import Decoder, Decoding, Entry, Fit, Message, decode_safely, rejected
from ingest.dialects.plain import native_entry, profile_entries

MODULES = ()


def entries(profiles: Path | None = None) -> tuple[Entry, ...]:
    """Tocsin's own, every dialect that ships, and the profiles. Raises `ingest.dialects.mapped.ProfileError`."""
    return (
        native_entry(),
        *(entry for module in MODULES for entry in module.ENTRIES),
        *profile_entries(load_profiles(profiles)),
    )


class Stream:
    """Messages in order; each dialect's decoder keeps its state from one to the next."""

    def __init__(self, known: Sequence[Entry]) -> None:
        self._known = {entry.name: entry for entry in known}
        self._open: dict[str, Decoder] = {}

    def find(self, message: Message) -> Entry | None:
        """Whose message it is: the surest one's, and of equals the first."""
        best, sure = None, Fit.NO
        for entry in self._known.values():
            fit = entry.fits(message)
            if fit > sure:
                best, sure = entry, fit
                if fit is Fit.TOPIC:
                    break
        return best

    def decode(self, message: Message, dialect: str | None = None) -> tuple[str, Decoding]:
        """The dialect's name (empty when none knows it) and what it says."""
        entry = self._known[dialect] if dialect else self.find(message)
        if entry is None:
            return "", rejected(Reason.UNKNOWN_TOPIC, "no dialect reads this; name one with --dialect, or its topic")
        decoder = self._open.get(entry.name)
        if decoder is None:
            decoder = self._open[entry.name] = entry.open()
        return entry.name, decode_safely(decoder, message, entry.largest)
