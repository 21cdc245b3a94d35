"""Every dialect there is, and which one a message is in. A new format is a new module and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from ingest.dialects import (
    alertmanager,
    alink,
    cap,
    chirpstack,
    city311,
    cloudevents,
    ctwing,
    dahua,
    esphome,
    frigate,
    gb26875,
    gb28181,
    ha_discovery,
    hikvision,
    hj212,
    hotline_fields,
    iotda,
    lorawan_payloads,
    meokon,
    onenet,
    onvif,
    opcua,
    open311,
    pyronear,
    senml,
    shelly,
    sparkplug,
    tasmota,
    things_stack,
    thingsboard,
    zigbee2mqtt,
)
from ingest.dialects.claims import Reason
from ingest.dialects.enveloped import HandOn
from ingest.dialects.hotline_profiles import of_file
from ingest.dialects.mapped import load_profiles
from ingest.dialects.observation import Decoder, Decoding, Entry, Fit, Message, decode_safely, rejected
from ingest.dialects.plain import native_entry, profile_entries

# Of two that are equally sure of a message, the first reads it: the more particular formats stand before the more general ones.
SHIPPED: Final[tuple[Entry, ...]] = (
    *sparkplug.ENTRIES, *gb26875.ENTRIES, *hj212.ENTRIES, *meokon.ENTRIES,
    *chirpstack.ENTRIES, *things_stack.ENTRIES, *lorawan_payloads.ENTRIES,
    *ctwing.ENTRIES, *onenet.ENTRIES, *iotda.ENTRIES, *alink.ENTRIES, *thingsboard.ENTRIES,
    *frigate.ENTRIES, *hikvision.ENTRIES, *gb28181.ENTRIES, *onvif.ENTRIES, *dahua.ENTRIES, *pyronear.ENTRIES,
    *alertmanager.ENTRIES, *cap.ENTRIES, *open311.ENTRIES, *city311.ENTRIES, *hotline_fields.ENTRIES,
    *zigbee2mqtt.ENTRIES, *tasmota.ENTRIES, *shelly.ENTRIES, *esphome.ENTRIES, *ha_discovery.ENTRIES,
    *opcua.ENTRIES, *cloudevents.ENTRIES, *senml.ENTRIES,
)  # fmt: skip
_DEEPEST: Final = 3  # envelopes within envelopes
# Whose topics alone do not make them theirs: they look at the content as well, and so are asked each time.
LOOK_INSIDE: Final = frozenset({"sparkplug", "ha-discovery"})
_MOST_TOPICS: Final = 16_384  # of which it is remembered whose they are
_LONGEST_TOPIC: Final = 256  # characters of one that is remembered


def entries(profiles: Path | None = None, hotlines: Path | None = None) -> tuple[Entry, ...]:
    """Tocsin's own, the profiles, and every dialect that ships; `hotlines` has the field names of further hotline platforms.

    Raises `ingest.dialects.mapped.ProfileError`, or `ValueError` for the other file.
    """
    own = of_file(hotlines)
    known = tuple(hotline_fields.with_own(own) if own and e in hotline_fields.ENTRIES else e for e in SHIPPED)
    return (native_entry(), *profile_entries(load_profiles(profiles)), *known)


@runtime_checkable
class Knowing(Protocol):
    """A decoder that learns topics from what was announced to it."""

    def knows(self, message: Message) -> bool:
        """Whether somebody that was announced speaks on this topic."""
        ...


@runtime_checkable
class Envelope(Protocol):
    """A decoder whose bodies may be in another dialect."""

    hand_on: HandOn


class Stream:
    """Messages in order; each dialect's decoder keeps its state from one to the next."""

    def __init__(self, known: Sequence[Entry]) -> None:
        self._known = {entry.name: entry for entry in known}
        self._open: dict[str, Decoder] = {}
        self._knowing: dict[str, Knowing] = {}
        self._likely: dict[str, tuple[Entry, ...]] = {}
        self._depth = 0

    def entry(self, name: str) -> Entry:
        """A dialect by its name. Raises `KeyError`."""
        return self._known[name]

    def use(self, name: str, decoder: Decoder) -> None:
        """Read a dialect with this decoder: for a door whose settings say how. Raises `KeyError` for no dialect of ours."""
        self._opened(self._known[name], decoder)

    def find(self, message: Message) -> Entry | None:
        """Whose message it is: that of who was told of its topic; else the surest one's, and of equals the first."""
        for name, knowing in self._knowing.items():
            if knowing.knows(message):
                return self._known[name]
        bare = not (message.content_type or message.properties or message.peer)
        for entry in self._likely.get(message.topic, ()) if bare else ():
            if entry.fits(message) is Fit.TOPIC:
                return entry
        best, sure = None, Fit.NO
        for entry in self._known.values():
            fit = entry.fits(message)
            if fit > sure:
                best, sure = entry, fit
                if fit is Fit.TOPIC:
                    if bare and 0 < len(message.topic) <= _LONGEST_TOPIC:
                        self._remember(message.topic, entry)
                    break
        return best

    def _remember(self, topic: str, found: Entry) -> None:
        """Whoever was sure of a topic is asked first of the next message on it, after those before it who look inside.

        The others before it would say of the same topic what they said now: they go by nothing else.
        """
        if len(self._likely) >= _MOST_TOPICS:  # whoever may publish may make up topics
            self._likely.clear()
        before = takewhile(lambda entry: entry is not found, self._known.values())
        self._likely[topic] = (*(entry for entry in before if entry.name in LOOK_INSIDE), found)

    def decode(self, message: Message, dialect: str | None = None) -> tuple[str, Decoding]:
        """The dialect's name (empty when none knows it) and what it says."""
        entry = self._known[dialect] if dialect else self.find(message)
        if entry is None:
            return "", rejected(Reason.UNKNOWN_TOPIC, "no dialect reads this; name one with --dialect, or its topic")
        return entry.name, decode_safely(self._decoder(entry), message, entry.largest)

    def _decoder(self, entry: Entry) -> Decoder:
        decoder = self._open.get(entry.name)
        return self._opened(entry, entry.open()) if decoder is None else decoder

    def _opened(self, entry: Entry, decoder: Decoder) -> Decoder:
        self._open[entry.name] = decoder
        if isinstance(decoder, Knowing):
            self._knowing[entry.name] = decoder
        if isinstance(decoder, Envelope):
            decoder.hand_on = self._hand_on
        return decoder

    def _hand_on(self, message: Message) -> Decoding | None:
        """What the body within an envelope means, if one of the others knows it."""
        entry = self.find(message)
        if entry is None or self._depth >= _DEEPEST:
            return None
        self._depth += 1
        try:
            return decode_safely(self._decoder(entry), message, entry.largest)
        finally:
            self._depth -= 1
