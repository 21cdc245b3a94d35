"""What the items of an HJ 212 packet say: factors with their units, data flags and times, equipment, alarms, and who somebody is.

Values under maintenance or calibration are tests: they never ring. A fault, a lost connection or a power failure makes a value bad.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ingest.dialects.hj212_factors import FACTORS, SYSTEMS, UNKNOWN
from ingest.dialects.hj212_segment import Section, Segment, instant_of, number
from ingest.dialects.observation import Attribute, Kind, Observation, Quality, Value
from ingest.events import Mark, Point

_SKEW: Final = timedelta(hours=1)  # beyond the period between DataTime and QN
_CHINA_LAT: Final = (3.0, 54.0)
_CHINA_LON: Final = (73.0, 136.0)
# What is uploaded: its name, and the length of its period in seconds.
DATA: Final[dict[str, tuple[str, int]]] = {
    "2011": ("realtime", 0),
    "2021": ("equipment_state", 0),
    "2031": ("day", 86400),
    "2041": ("equipment_day", 86400),
    "2051": ("minutes", 600),
    "2061": ("hour", 3600),
    "2071": ("alarm_record", 0),
    "2072": ("alarm", 0),
}
OTHERS: Final[dict[str, tuple[str, Kind]]] = {
    "1011": ("system_time", Kind.STATE),
    "1013": ("time_request", Kind.STATE),
    "1061": ("realtime_interval", Kind.STATE),
    "1063": ("minute_interval", Kind.STATE),
    "2081": ("restart", Kind.STATE),
    "3015": ("sample_kept", Kind.STATE),
    "3017": ("sampling_period", Kind.STATE),
    "3018": ("sampling_time", Kind.STATE),
    "3019": ("identity", Kind.REGISTER),
    "3020": ("site_information", Kind.STATE),
    "9015": ("heartbeat", Kind.HEARTBEAT),
    "9021": ("login", Kind.REGISTER),
}
BARE: Final = frozenset({"1013", "9015", "9021"})  # say what they say without any item

# Data flags: 2017 and 2005, and the digits of 2005 for air stations. Values under maintenance or calibration never ring.
_FLAGS: Final[dict[str, tuple[str, Quality, Mark]]] = {
    "N": ("normal", Quality.GOOD, Mark.NONE),
    "F": ("stopped", Quality.SUSPECT, Mark.NONE),
    "M": ("maintenance", Quality.SUSPECT, Mark.TEST),
    "S": ("manual", Quality.SUSPECT, Mark.NONE),
    "D": ("fault", Quality.BAD, Mark.NONE),
    "C": ("calibration", Quality.SUSPECT, Mark.TEST),
    "T": ("over_range", Quality.SUSPECT, Mark.NONE),
    "B": ("communication_error", Quality.BAD, Mark.NONE),
    "P": ("power_fault", Quality.BAD, Mark.NONE),
    "0": ("calibration", Quality.SUSPECT, Mark.TEST),
    "1": ("weather", Quality.GOOD, Mark.NONE),
    "2": ("abnormal", Quality.SUSPECT, Mark.NONE),
    "3": ("normal", Quality.GOOD, Mark.NONE),
}
# The field that is the value, the first one that is there; the others are attributes.
_VALUES: Final = (
    "rtd",
    "avg",
    "ala",
    "data",
    "rs",
    "rt",
    "sn",
    "info",
    "zsrtd",
    "zsavg",
    "max",
    "min",
    "cou",
    "zsmax",
    "zsmin",
)
_TIMES_AND_FLAGS: Final = frozenset({"sampletime", "flag", "alarmtype"})
_SPELT: Final = {
    "zsrtd": "zs_rtd",
    "zsavg": "zs_avg",
    "zsmax": "zs_max",
    "zsmin": "zs_min",
    "daydata": "day_data",
    "nightdata": "night_data",
}
_PLAIN_VALUES: Final = ("systemtime", "restarttime", "rtdinterval", "mininterval")
_EQUIPMENT: Final = ("off", "on", "calibration", "maintenance", "alarm", "blowback")


@dataclass(slots=True)
class Said:
    """What holds for every observation of a packet."""

    mn: str
    cn: str
    qn: str
    qn_at: datetime | None
    warnings: list[str]
    attributes: dict[str, Attribute]
    period: int = 0
    point: Point | None = None
    data_at: datetime | None = None
    data_time: str = ""
    extra: tuple[str, ...] = field(default=())

    def says(
        self,
        kind: Kind,
        metric: str,
        value: Value = None,
        *,
        unit: str = "",
        at: datetime | None = None,
        warnings: tuple[str, ...] = (),
        attributes: dict[str, Attribute] | None = None,
        quality: Quality = Quality.GOOD,
        marks: Mark = Mark.NONE,
    ) -> Observation:
        return Observation(
            kind,
            self.mn,
            metric,
            value,
            unit,
            gateway=self.mn,
            device_at=at or self.data_at,
            quality=quality,
            key=f"hj212:{self.mn}:{self.qn}" if self.qn else f"hj212:{self.mn}:{self.cn}:{self.data_time}",
            warnings=tuple(dict.fromkeys((*self.warnings, *self.extra, *warnings))),
            attributes=self.attributes | (attributes or {}),
            point=self.point,
            marks=marks,
        )


def said_of(segment: Segment, mn: str, cn: str, qn: str, warnings: list[str]) -> Said:
    """What the head says for all observations; `warnings` are those that the packet has already earned."""
    st, flag = segment.head.get("ST", ""), segment.flag
    word, period = DATA.get(cn) or (OTHERS[cn][0] if cn in OTHERS else "", 0)
    attributes: dict[str, Attribute] = {"st": st[:16], "cn": cn[:16]}
    if st in SYSTEMS:
        attributes["system"] = SYSTEMS[st]
    if word:
        attributes["command"] = word
    else:
        warnings.append("command_unknown")
    if period:
        attributes["period_s"] = period
    if flag is not None and flag >> 2 > 2:
        warnings.append("version_unexpected")
    if flag is None and segment.head.get("FLAG"):
        warnings.append("bad_flag")
    if flag is not None and flag & 2 and "PNUM" not in segment.head:
        warnings.append("packet_number_missing")
    return Said(mn, cn, qn, instant_of(qn)[0], warnings, attributes, period)


def observations(said: Said, section: Section) -> Iterator[Observation]:
    """What the items of one DataTime say. It never raises."""
    _date(said, section)
    _place(said, section)
    if said.cn in OTHERS:
        name, kind = OTHERS[said.cn]
        plain = {k[:32]: v[:200] for k, v in list(section.plain.items())[:32] if k not in {"datatime", "qn"}}
        value = next((plain[key] for key in _PLAIN_VALUES if key in plain), None)
        if kind is not Kind.STATE or plain or said.cn in BARE:
            yield said.says(kind, name, value, attributes={**plain})
    empty = True
    for code, fields in section.factors.items():
        if said.point is not None and code in {"a81001", "a81002"}:
            continue
        if not code.isprintable() or len(code) > 64 or not any(name in fields for name in _VALUES):
            continue
        empty = False
        yield _factor(said, code, fields)
    if empty and said.point is not None:
        yield said.says(Kind.STATE, "position")


def _date(said: Said, section: Section) -> None:
    text = section.plain.get("datatime", section.plain.get("alarmtime"))
    said.extra = ()
    if text is None:
        said.data_at, said.data_time = said.qn_at, ""
        if said.cn in DATA:
            said.extra = ("no_data_time",)
        return
    said.data_time = text[:32]
    said.data_at, wrong = instant_of(text)
    if wrong:
        said.extra = (wrong,)
    elif said.qn_at and said.data_at and abs(said.qn_at - said.data_at) > _SKEW + timedelta(seconds=said.period):
        said.extra = ("clock_skew",)


def _place(said: Said, section: Section) -> None:
    """Latitude and longitude come as factors. A position outside of China, or of a broken receiver, is none."""
    said.point = None
    lat, lon = (section.factors.get(code) for code in ("a81001", "a81002"))
    if lat is None or lon is None:
        return
    values = [number(next((f[name] for name in _VALUES if name in f), "")) for f in (lat, lon)]
    good = all(_FLAGS.get(f.get("flag", "N").upper(), _FLAGS["D"])[1] is Quality.GOOD for f in (lat, lon))
    north, east = values
    if good and north is not None and east is not None and _within(north, _CHINA_LAT) and _within(east, _CHINA_LON):
        said.point = Point(float(north), float(east))
    else:
        said.extra += ("bad_place",)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _factor(said: Said, code: str, fields: dict[str, str]) -> Observation:
    factor = FACTORS.get(code, UNKNOWN)
    chosen = next(name for name in _VALUES if name in fields)
    attributes: dict[str, Attribute] = {"code": code, "field": _SPELT.get(chosen, chosen)}
    if factor.word:
        attributes["word"] = factor.word
    for name, text in list(fields.items())[:32]:
        if name != chosen and name not in _TIMES_AND_FLAGS:
            figure = number(text)
            attributes[_SPELT.get(name, name)[:32]] = text[:200] if figure is None else figure
    warnings: list[str] = []
    quality, marks = Quality.GOOD, Mark.NONE
    if flag := fields.get("flag", "").upper():
        word, quality, marks = _FLAGS.get(flag, ("unknown", Quality.SUSPECT, Mark.NONE))
        attributes |= {"data_flag": flag[:8], "data_flag_word": word}
        if flag not in _FLAGS:
            warnings.append("data_flag_unknown")
    at = None
    if "sampletime" in fields:
        at, wrong = instant_of(fields["sampletime"])
        if wrong:
            warnings.append(wrong)
        elif said.data_at is not None:
            attributes["data_time"] = said.data_at.isoformat()
    kind, metric, value, unit = _value(code, chosen, fields)
    if kind is Kind.TELEMETRY and value is None:
        quality = Quality.BAD
        warnings.append("bad_value")
        attributes["raw"] = fields[chosen][:64]
    if kind in {Kind.ALARM, Kind.CLEAR}:
        attributes["ala"] = number(fields["ala"])
        if said.cn == "2071":
            marks |= Mark.HISTORICAL
            warnings.append("historical")
    if chosen == "rs" and isinstance(value, int) and 0 <= value < len(_EQUIPMENT):
        attributes["state"] = _EQUIPMENT[value]
    return said.says(
        kind,
        metric,
        value,
        unit=unit,
        at=at,
        warnings=tuple(warnings),
        attributes=attributes,
        quality=quality,
        marks=marks,
    )


def _value(code: str, chosen: str, fields: dict[str, str]) -> tuple[Kind, str, Value, str]:
    """Kind, metric, value and unit of the field that is the value."""
    factor = FACTORS.get(code, UNKNOWN)
    metric, text = factor.metric or code, fields[chosen]
    if chosen == "ala":
        over = fields.get("alarmtype") == "0"
        return (Kind.CLEAR if over else Kind.ALARM), f"{metric}_alarm", not over, ""
    if chosen == "sn":
        return Kind.REGISTER, "serial_number", text[:200], ""
    figure = number(text)
    if chosen in {"rs", "info"}:
        return Kind.STATE, metric, text[:200] if figure is None else figure, ""
    if chosen == "rt":
        return Kind.TELEMETRY, f"{metric}_hours", figure, "h"
    if chosen == "cou":
        return Kind.TELEMETRY, f"{metric}_total", figure, factor.total
    return Kind.TELEMETRY, metric, figure, factor.unit
