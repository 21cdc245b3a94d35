"""What columns of other people's tables are called, and what they measure. Tables of words: the deciding is in `guess`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """Which sort of table a column speaks for."""

    FIRE = "fire"  # instruments of a fire test or a fire alarm system: each column is a device of its own
    AIR = "air"
    WATER = "water"
    MACHINE = "machine"
    PLAIN = "plain"  # a number that may be anything


class Why(StrEnum):
    """Why a column is left out; printed as it stands."""

    LABEL = "a label or an event mark, not a measurement"
    ALARM = "the output of an installed alarm, not a measurement"
    COUNTER = "a row number or an ident"
    WORDS = "no numbers"
    EMPTY = "no values"
    DERIVED = "worked out from other columns"
    TIME = "a column of times that is not used"
    SOURCE = "measures the burning thing itself or a reference, not a place"
    UNKNOWN = "its name says nothing known"
    BESIDE = "says nothing of a fire, and the table has instruments that do"


@dataclass(frozen=True, slots=True)
class Word:
    """What a column so called measures: value = cell * scale + offset in the metric's own unit (docs/rules.md)."""

    pattern: re.Pattern[str]
    metric: str
    family: Family
    scale: float = 1.0
    offset: float = 0.0


def _word(pattern: str, metric: str, family: Family, scale: float = 1.0, offset: float = 0.0) -> Word:
    return Word(re.compile(pattern, re.IGNORECASE), metric, family, scale, offset)


_START, _END = r"(?<![a-z])", r"(?![a-z])"

# Names that are left out whatever they hold.
SKIPPED: Final = (
    (Why.SOURCE, re.compile(r"^\d*TC[_\- ]?(FIR[A-Z]*|REF\w*|SOURCE\w*)$", re.IGNORECASE)),
    (Why.ALARM, re.compile(r"^(ion|pho|photo|heat|asp|mul|co|di(ph|pho|io|ion))[_\- ]?\d+[a-z]{1,2}$", re.IGNORECASE)),
    (Why.ALARM, re.compile(r"^(ion|pho|photo|asp|mul|di(ph|pho|io|ion))[_\- ]?\d+$", re.IGNORECASE)),
    (Why.ALARM, re.compile(r"^(act|activation|sprinkler|spk)[_\- ]?\d*$|fire[_\- ]?alarm|^alarm", re.IGNORECASE)),
    (Why.DERIVED, re.compile(r"^(max|min|mean|avg|average|std|sum|median)(imum)?$", re.IGNORECASE)),
    (Why.TIME, re.compile(r"^(time|timestamp|date|datetime|utc)($|[\W_\d])", re.IGNORECASE)),
    (
        Why.LABEL,
        re.compile(
            rf"{_START}(label|anomal(y|ies)|outliers?|change[_ ]?points?|class|target|truth|events?|faults?|failures?|"
            rf"is[_ ]\w+|attack|status|state|mode|type|标签|异常|类别){_END}",
            re.IGNORECASE,
        ),
    ),
    (
        Why.COUNTER,
        re.compile(r"^(#|id|idx|index|no|nr|row|cnt|count(er)?|seq|序号|编号|unnamed.*|column 1)$", re.IGNORECASE),
    ),
)

# The first word that fits holds. Units in brackets are read by `guess` before.
WORDS: Final = (
    Word(re.compile(r"^\d*TC(?=$|[^a-z])\S*$"), "temperature", Family.FIRE),  # capitals: tcp_connections is none
    Word(re.compile(r"(^|[ _])TC[ _\-]?\d*\w{0,2}$"), "temperature", Family.FIRE),
    _word(r"thermocouple", "temperature", Family.FIRE),
    Word(re.compile(r"^\d*SM[A-Z]{0,3}[_\- ]?\d*[A-Za-z]?$"), "smoke", Family.FIRE),
    _word(r"obscuration", "smoke", Family.FIRE, 0.0046),  # %/m; the chord of -log10(1 - x) where alarms sound
    _word(rf"optical[_ ]?density|{_START}odm?{_END}|smoke|烟雾|烟感", "smoke", Family.FIRE),
    _word(r"extinction", "smoke", Family.FIRE, 0.4343),  # natural to decadic logarithm
    Word(re.compile(r"^\d*GAS[A-Z]{0,3}[_\- ]?\d*[A-Za-z]?$"), "gas_share", Family.FIRE),
    _word(rf"e[_ ]?co2{_END}", "eco2", Family.AIR),
    _word(rf"{_START}co2(?!\d)|carbon[_ ]?dioxide|二氧化碳", "co2", Family.AIR),
    _word(rf"{_START}co(?![a-z0-9])|carbon[_ ]?monoxide|一氧化碳", "co", Family.AIR),
    _word(rf"{_START}lel{_END}|methane|{_START}ch4|可燃气", "gas", Family.AIR),
    _word(rf"{_START}o2(?!\d)|oxygen|氧气", "oxygen", Family.AIR),
    _word(rf"t?voc{_END}", "tvoc", Family.AIR),
    _word(rf"{_START}pm[_ ]?1([._]0)?(?!\d)", "pm1", Family.AIR),
    _word(rf"{_START}pm[_ ]?2[._]?5", "pm2_5", Family.AIR),
    _word(rf"{_START}pm[_ ]?10", "pm10", Family.AIR),
    _word(rf"{_START}(humidity|humid|hum|rh){_END}|湿度", "humidity", Family.AIR),
    _word(rf"{_START}(temp|temps|temperature|temperatur|tp|degc){_END}|气温|温度", "temperature", Family.AIR),
    Word(re.compile(r"^T[_ ]?\d*$"), "temperature", Family.AIR),
    _word(rf"{_START}(lux|illuminance|light|luminosity){_END}", "light", Family.AIR),
    _word(rf"^ph$|{_START}ph[_ ]?(value|wert)", "ph", Family.WATER),
    _word(rf"{_START}(redox|orp){_END}", "redox", Family.WATER),
    _word(rf"turbidity|{_START}(trueb|trübung|ntu){_END}|浊度", "turbidity", Family.WATER),
    _word(rf"conductivity|{_START}(leit|leitf|ec){_END}|电导率", "conductivity", Family.WATER),
    _word(rf"chlorine|{_START}cl{_END}|余氯", "chlorine", Family.WATER),
    _word(rf"dissolved[_ ]?oxygen|{_START}do{_END}|溶解氧", "dissolved_oxygen", Family.WATER),
    _word(rf"ammoni|{_START}(nh4|cod|bod|tn){_END}|氨氮|总磷|总氮", "nutrient", Family.WATER),
    _word(rf"{_START}(flow|fm|discharge|durchfluss){_END}|流量", "flow", Family.WATER),
    _word(rf"{_START}(level|stage|depth|pegel){_END}|水位|液位", "level", Family.WATER),
    _word(rf"{_START}(accel\w*|vibration\w*|velocity|rms|acc){_END}|accelerometer|振动", "vibration", Family.MACHINE),
    _word(rf"{_START}(current|amps?|strom){_END}|电流", "current", Family.MACHINE),
    _word(rf"{_START}(voltage|volts?|spannung){_END}|电压", "voltage", Family.MACHINE),
    _word(rf"{_START}(power|watts?|kw){_END}|功率", "power", Family.MACHINE),
    _word(rf"{_START}(pressure|press|pres|druck|psi|bar|kpa){_END}|压力", "pressure", Family.MACHINE),
    _word(rf"{_START}(rpm|speed|torque|load|motor){_END}|转速", "speed", Family.MACHINE),
    _word(rf"{_START}(value|values|reading|measurement|y){_END}|数值", "value", Family.PLAIN),
)

# Units in a column's name, such as Temperature[F]: what they do to a metric's own unit.
UNITS: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("temperature", "f"): (5 / 9, -160 / 9),
    ("temperature", "degf"): (5 / 9, -160 / 9),
    ("temperature", "k"): (1.0, -273.15),
    ("co", "%"): (10_000.0, 0.0),
    ("co", "vol%"): (10_000.0, 0.0),
    ("co", "ppb"): (1e-3, 0.0),
    ("co2", "%"): (10_000.0, 0.0),
    ("smoke", "db/m"): (0.1, 0.0),
    ("smoke", "%/ft"): (0.0151, 0.0),
}

TIME: Final = re.compile(
    r"^(date[_ ]?time|time[_ ]?stamp|utc([_ ]?time)?|time|date|zeit|datum|ts|t|epoch|elapsed([_ ]?time)?|"
    r"seconds|sec|minutes|ds|.*时间|日期)(\b|_|$)",
    re.IGNORECASE,
)
TIME_UNITS: Final = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "秒": "s",
    "ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms", "us": "us", "µs": "us",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min", "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
}  # fmt: skip
_BRACKET: Final = re.compile(r"[\[(（]\s*([^\])）]+?)\s*[\])）]\s*$")


def split_unit(column: str) -> tuple[str, str]:
    """A column's name without its unit, and the unit in lower case: `Temperature[C]` is ("Temperature", "c")."""
    found = _BRACKET.search(column)
    if found is None:
        return column.strip(), ""
    return column[: found.start()].strip() or column.strip(), found[1].lower().replace("°", "").replace("º", "")


def word_of(column: str) -> Word | None:
    """The first word that fits a column's name, as it is written or with its capitals taken apart (RoomTemp is Room Temp)."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return next((word for word in WORDS if word.pattern.search(column) or word.pattern.search(apart)), None)


def skipped_for(column: str) -> Why | None:
    """Why a column so called is left out whatever it holds; None when its name does not say."""
    return next((why for why, pattern in SKIPPED if pattern.search(column)), None)
