"""What a stand-alone smoke alarm reports, in codes that makers share: a GS524N in its second byte, NB-IoT ones as `Alarm_Status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ingest.dialects.named_values import Said, read_named, unsilenced
from ingest.dialects.observation import Kind
from ingest.dialects.value_names import measured
from ingest.events import Mark

_FIRE: Final = "fire_alarm"
_LOW: Final = Said(Kind.FAULT, "battery_low", value=True)
_TEST: Final = Said(Kind.TEST, _FIRE, value=True, warnings=("test_bit",), marks=Mark.TEST)

# A silenced alarm is still an alarm: somebody at the door has pressed the button, and the smoke is still there.
_EVENTS: Final[Mapping[int, tuple[str, tuple[Said, ...]]]] = {
    1: ("alarm", (Said(Kind.ALARM, _FIRE, value=True),)),
    2: ("silenced", (Said(Kind.ALARM, _FIRE, value=True, warnings=("silenced",), attributes={"silenced": True}),)),
    4: ("low_battery", (_LOW,)),
    5: ("failure", (Said(Kind.FAULT, "fault", value=True),)),
    6: ("abnormal_data", (Said(Kind.FAULT, "fault", value=True),)),
    7: ("normal", (Said(Kind.CLEAR, _FIRE, value=False),)),
    8: ("silence_once_received", (Said(Kind.STATE, "silence", "once"),)),
    9: ("silence_received", (Said(Kind.STATE, "silence", "continuous"),)),
    10: ("removed", (Said(Kind.ALARM, "tamper_alarm", value=True),)),
    11: ("installed", (Said(Kind.CLEAR, "tamper_alarm", value=False),)),
    12: ("online", (Said(Kind.ONLINE, "", value=None),)),
    13: ("abnormal", (Said(Kind.FAULT, "fault", value=True),)),
    14: ("test", (_TEST,)),
    15: ("test_low_battery", (_TEST, _LOW)),
}


def smoke_event(code: int) -> tuple[Said, ...]:
    """What the code says, with the code in the attributes. A code that no maker has published is a state that rings nobody."""
    word, said = _EVENTS.get(code, ("unknown", (Said(Kind.STATE, "alarm_status", code, warnings=("vendor_type",)),)))
    return tuple(replace(one, attributes={"alarm_status": code, "event": word, **one.attributes}) for one in said)


# Facts about the radio and the card, which profiles repeat beside what was measured.
_RADIO: Final = frozenset({"IMEI", "IMSI", "ICCID", "Cell_ID", "Cell_ID_Length", "cell_id", "pci", "PCI", "ecl", "ECL"})


def read_profile(values: Mapping[str, Any]) -> tuple[Said, ...]:
    """What a platform's device profile says: a smoke alarm's `Alarm_Status` by the table, the others by their names, in a test all as test.

    What a platform writes for nothing (`undefined`, -1) is left out. Raises `Unreadable` as `read_named` does.
    """
    code = values.get("Alarm_Status")
    if not isinstance(code, int) or isinstance(code, bool):
        return read_named(
            {name: value for name, value in values.items() if measured(name, value) and name not in _RADIO}
        )
    skipped = _RADIO | {"Alarm_Status"}
    smoke, said = (
        smoke_event(code),
        read_named({n: v for n, v in values.items() if measured(n, v) and n not in skipped}),
    )
    whole = unsilenced((*smoke, *said))
    test = any(one.marks & Mark.TEST for one in whole)
    return tuple(replace(one, marks=one.marks | Mark.TEST) if test else one for one in whole)
