"""The names and words under which platforms and codecs write what is measured, what alarms, what fails and what is only tested."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

# Lower case without separators: what it is called here, and its unit.
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("temperature", "temp", "tdata", "temperaturevalue", "currenttemperature"), ("temperature", "°C")),
    **dict.fromkeys(("humidity", "hum", "relativehumidity", "humidityvalue", "currenthumidity"), ("humidity", "%")),
    **dict.fromkeys(
        ("battery", "batterylevel", "batterypercent", "batterypercentage", "batteryvalue", "batterycapacity"),
        ("battery", "%"),
    ),
    **dict.fromkeys(("voltage", "batteryvoltage"), ("voltage", "V")),
    "co": ("co", "ppm"),
    "co2": ("co2", "ppm"),
    "nh3": ("nh3", "ppm"),
    "h2s": ("h2s", "ppm"),
    "smokeppm": ("smoke_ppm", "ppm"),
    "smokeconcentration": ("smoke_ppm", "ppm"),
    "pm25": ("pm2_5", "µg/m³"),
    "pm10": ("pm10", "µg/m³"),
    **dict.fromkeys(("illumination", "illuminance", "luminosity", "lux"), ("illuminance", "lx")),
    "linkquality": ("linkquality", ""),
    "rsrp": ("rsrp", ""),
    "snr": ("snr", "dB"),
}
NEVER_NEGATIVE: Final = frozenset({"%", "ppm", "µg/m³", "lx", "V"})
# Names that only an alarm bears, and its class. A number other than 0 and 1 under them is a measurement and never an alarm.
ALARMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "smoke",
            "smokealarm",
            "smokestatus",
            "smokestate",
            "smokedetected",
            "smokesensorstate",
            "smokealarmstate",
            "firealarm",
            "firestatus",
        ),
        "fire_alarm",
    ),
    **dict.fromkeys(
        ("gasstatus", "gasalarm", "gasstate", "gasleak", "gasdetected", "gassensorstate", "gasalarmstate", "coalarm"),
        "gas_alarm",
    ),
    **dict.fromkeys(
        (
            "leak",
            "leakage",
            "leakagestatus",
            "waterleak",
            "waterleakstatus",
            "waterleakage",
            "waterleakagestatus",
            "flood",
            "waterimmersion",
            "waterimmersionstate",
            "watersensorstate",
        ),
        "water_alarm",
    ),
    **dict.fromkeys(("tiltalarm", "tiltstatus", "tiltstate"), "tilt_alarm"),
    **dict.fromkeys(("sos", "sosalarm", "sosstatus", "panic"), "sos_alarm"),
    **dict.fromkeys(("alarm", "alarmstatus", "alarmstate"), "alarm"),
}
FAULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("batterylow", "lowbattery", "lowbatteryalarm", "batterystate"), "battery_low"),
    **dict.fromkeys(("fault", "trouble", "sensorfault", "devicefault", "errorstate"), "fault"),
}
SETTINGS: Final = re.compile(
    "enabl|config|setting|mute|silen|clear|reset|releas|count|last"
)  # of an alarm, and no alarm itself
TESTS: Final = frozenset({"test", "testing", "selftest", "testalarm", "testmode"})
_YES: Final = frozenset(
    {"alarm", "alarming", "alert", "leak", "leaking", "tilt", "tilted", "trigger", "triggered", "detected", "threshold_alarm",
     "threshold alarm", "yes", "true", "on", "1", "fire", "smoke", "报警", "告警"}
)  # fmt: skip
_NO: Final = frozenset(
    {"normal", "release", "released", "alarm_release", "alarm release", "threshold_alarm_release", "threshold alarm release", "clear",
     "cleared", "no", "no_leak", "no leak", "false", "off", "0", "ok", "none", "idle", "正常"}
)  # fmt: skip


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A name as the tables here have it: lower case, nothing but letters and digits."""
    return "".join(c for c in name.lower() if c.isalnum())


def truth(value: object) -> bool | None:
    """What a value says when it is a yes or a no, else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in {0, 1} else None
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def known(value: object) -> bool:
    """Whether a field says anything: platforms write `undefined`, `null`, an empty text or -1 for what they do not know."""
    if isinstance(value, str):
        return value.lower() not in {"", "undefined", "null", "-1"}
    return value is not None and value != -1


def measured(name: str, value: object) -> bool:
    """Whether a value under a name says anything: -1 is a temperature or a signal, and nothing for what cannot be negative."""
    if isinstance(value, str | None) or value != -1:
        return known(value)
    word = plain(name)
    return word not in ALARMS and word not in FAULTS and MEASURES.get(word, ("", ""))[1] not in NEVER_NEGATIVE
