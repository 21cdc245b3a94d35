"""What the name of a yes-or-no value says: whether it is an alarm, and of which class.

Formats without a notion of an alarm (Sparkplug, SenML, OPC UA) carry one as a boolean whose name ends in the word. Nothing but that
word makes an alarm of a value, and a name that also speaks of a test, a setting or an acknowledgement makes none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ingest.events import digest

# The classes, in the order in which they are looked for: the first that a name speaks of is its class.
_CLASSES: Final[tuple[tuple[str, frozenset[str], tuple[str, ...]], ...]] = (
    ("sos_alarm", frozenset({"sos", "panic", "emergency"}), ("求助", "求救")),
    ("fire_alarm", frozenset({"fire", "smoke", "heat", "flame"}), ("火", "烟", "感温")),
    ("gas_alarm", frozenset({"gas", "methane", "co", "lpg", "lel"}), ("燃气", "可燃", "瓦斯")),
    ("tilt_alarm", frozenset({"tilt", "inclination"}), ("倾斜", "倾角")),
    ("water_alarm", frozenset({"water", "flood", "leak", "leakage"}), ("水浸", "水位", "漏水", "积水")),
    ("intrusion_alarm", frozenset({"intrusion", "burglar", "intruder"}), ("入侵", "防盗")),
    ("power_alarm", frozenset({"power", "mains"}), ("断电", "电源")),
)
_SAYS_ALARM: Final = frozenset({"alarm", "alarms", "inalarm"})
_SAYS_NOW: Final = frozenset({"active", "state", "status", "on", "raised", "triggered"})
_SAYS_OTHERWISE: Final = frozenset(
    {"test", "testing", "enable", "enabled", "ack", "acked", "acknowledged", "reset", "mute", "muted", "silence",
     "silenced", "inhibit", "inhibited", "disable", "disabled", "no", "not", "clear", "cleared", "count", "sim", "simulated"}
)  # fmt: skip
_CHINESE: Final = re.compile(r"(?:报警|告警|火警|警报)(?:状态|标志|信号)?$")
_CHINESE_OTHERWISE: Final = re.compile(r"测试|试验|自检|使能|复位|消音|屏蔽|确认|解除|消除|模拟")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


_KNOWN: Final = frozenset(known for known, _, _ in _CLASSES)
_UNCLASSED: Final = "device_alarm"
_METRIC_LENGTH: Final = 64


@lru_cache(maxsize=4096)
def alarm_class(name: str) -> str | None:
    """`fire_alarm` for `Hall/fire/alarm`, `FireAlarm` or 烟雾报警; the name itself for an alarm of no known class; None for no alarm."""
    if len(name) > 256:
        return None
    words = [word.lower() for word in _WORD.findall(name)]
    if words and words[-1] in _SAYS_NOW and len(words) > 1:
        words.pop()
    english = bool(words) and words[-1] in _SAYS_ALARM
    chinese = _CHINESE.search(name) is not None
    if not (english or chinese) or _SAYS_OTHERWISE.intersection(words) or _CHINESE_OTHERWISE.search(name):
        return None
    for known, these, signs in _CLASSES:
        if these.intersection(words) or any(sign in name for sign in signs):
            return known
    return name


@lru_cache(maxsize=4096)
def alarm_metric(name: str) -> str:
    """The metric of an alarm under its source's own name: the class, a colon and the name, as in `fire_alarm:Hall.FireAlarm`.

    Rules that name the class mean it too (docs/rules.md), and two alarms of one class on one device do not end each other. What has no
    known class is a `device_alarm`. A long name is cut, and told from others by what it was.
    """
    found = alarm_class(name)
    front = found if found in _KNOWN else _UNCLASSED
    if front == name:
        return name
    room = _METRIC_LENGTH - len(front) - 1
    return f"{front}:{name}" if len(name) <= room else f"{front}:{name[: room - 9]}~{digest(name)[:8]}"
