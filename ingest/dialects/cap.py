"""CAP: warnings of others (OASIS Common Alerting Protocol 1.2, and 1.1 as it still comes), and China's GB/T 35965.1 form of it.

One notice for each `info` in the language that is preferred, true while the warning stands and false once it is cancelled. What is not
`Actual` is marked and rings nobody. A warning may be wrapped (EDXL, a feed's content), prefixed, in ISO-8859-1, or without any `info`.
Names and numbers of people (`contact`, China's `senderName` and lists of recipients) are not taken.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from ingest.dialects.cap_areas import AREA_TEXT, areas_of
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.dating import CHINA, dated
from ingest.dialects.markup import child, children, every, name_of, said, tree_of
from ingest.dialects.observation import (
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
)
from ingest.dialects.parts import Parts
from ingest.events import IDENT_LENGTH, Mark, Point

_STATUS: Final = {
    "actual": Mark.NONE,
    "exercise": Mark.DRILL,
    "test": Mark.TEST,
    "system": Mark.TEST,  # for the network that carries it, for nobody else
    "draft": Mark.TEST,
}
_TYPES: Final = frozenset({"alert", "update", "cancel", "ack", "error"})
# The one table between words, colours and levels: 1 is the worst, here as in China's Ⅰ to Ⅳ.
SEVERITIES: Final = {"Extreme": ("red", 1), "Severe": ("orange", 2), "Moderate": ("yellow", 3), "Minor": ("blue", 4)}
_SEVERITY_WORDS: Final = {
    **{word.lower(): word for word in SEVERITIES},
    **{colour: word for word, (colour, _) in SEVERITIES.items()},
    "红色": "Extreme", "橙色": "Severe", "黄色": "Moderate", "蓝色": "Minor",
    "红": "Extreme", "橙": "Severe", "黄": "Moderate", "蓝": "Minor",
}  # fmt: skip
_CHINESE: Final = re.compile(r"(\d{6})([0-9A-Z]{3})([0-9A-Z]{3})(\d{2})_(\d{14})(?:_(\d))?", re.ASCII)
_VERSION: Final = re.compile(rb"urn:oasis:names:tc:emergency:cap:(\d\.\d)")
_MOST: Final = 64  # warnings of one message, and infos of one warning
_MOST_PARAMETERS: Final = 16
_NAME: Final = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_SHORT: Final = 256
_WORDS: Final = {
    "event": "event", "eventtype": "event_type", "urgency": "urgency", "certainty": "certainty", "audience": "audience",
    "headline": "headline", "description": "description", "instruction": "instruction", "web": "web",
}  # fmt: skip


class Cap:
    """The decoder; it keeps nothing between messages. `languages` are the beginnings of the language codes that are preferred."""

    def __init__(self, languages: tuple[str, ...] = ("zh",)) -> None:
        self._languages = languages

    def decode(self, message: Message) -> Decoding:
        root, warnings = tree_of(message.payload)
        alerts = every(root, "alert", _MOST)
        if not alerts:
            raise Unreadable(Reason.BAD_XML, f"no alert in <{name_of(root)[:40]}>")
        parts = Parts()
        for alert in alerts:
            parts.read(self._notices, alert, message, warnings)
        return parts.decoding("an acknowledgement or an error, not a warning")

    def _notices(self, alert: Element, message: Message, warnings: tuple[str, ...]) -> list[Observation]:
        head, more = _head(alert, message)
        if head.message_type in {"ack", "error"}:
            return []
        warnings += more
        infos = children(alert, "info")[:_MOST]
        chosen = self._chosen(infos)
        languages = ",".join(dict.fromkeys(_language(i) for i in infos))[:_SHORT]
        if not infos:
            without = warnings if head.message_type == "cancel" else (*warnings, "no_info")
            return [_notice(head, None, message, without, "")]
        return [
            _notice(head, info, message, warnings, f":{i}" if len(chosen) > 1 else "", languages)
            for i, info in enumerate(chosen)
        ]

    def _chosen(self, infos: list[Element]) -> list[Element]:
        """The infos in one language: several languages say the same, several infos of one language do not."""
        said_in = list(dict.fromkeys(_language(i) for i in infos))
        wanted = next((s for p in self._languages for s in said_in if s.lower().startswith(p)), next(iter(said_in), ""))
        return [i for i in infos if _language(i) == wanted]


class _Head:
    """What stands above the infos of one warning."""

    __slots__ = ("at", "attributes", "chinese", "key", "marks", "message_type", "sender")

    def __init__(self, alert: Element, message: Message) -> None:
        identifier, self.sender = said(alert, "identifier"), said(alert, "sender")
        status, kind = said(alert, "status"), said(alert, "msgtype")
        for name, value in (("identifier", identifier), ("status", status), ("msgType", kind)):
            if not value:
                raise Unreadable(Reason.MISSING_FIELD, name)
        if status.lower() not in _STATUS:
            raise Unreadable(Reason.BAD_VALUE, f"status is {status[:40]!r}")
        if kind.lower() not in _TYPES:
            raise Unreadable(Reason.BAD_VALUE, f"msgType is {kind[:40]!r}")
        if not self.sender or len(self.sender) > IDENT_LENGTH or not self.sender.isprintable():
            raise Unreadable(Reason.NO_DEVICE, "sender")
        self.marks, self.message_type = _STATUS[status.lower()], kind.lower()
        numbered = _CHINESE.fullmatch(identifier)
        self.chinese = numbered is not None or child(alert, "sendtime") is not None
        sent = said(alert, "sent", "sendtime")
        self.at = dated(sent, message.received_at, CHINA if self.chinese else None)
        self.key = f"cap:{self.sender}:{identifier}:{sent}"[: 3 * IDENT_LENGTH]
        self.attributes: dict[str, Attribute] = {
            "identifier": identifier[:_SHORT],
            "status": status,
            "msg_type": kind,
            "scope": said(alert, "scope")[:_SHORT],
            "sender_code": said(alert, "sendercode")[:_SHORT],
            "references": " ".join(said(alert, "references").split())[:1000],
            "note": _text(said(alert, "note"), 1000),
        }
        if numbered:
            self.attributes |= {"division": numbered[1], "industry": numbered[2], "unit": numbered[3]}


def _head(alert: Element, message: Message) -> tuple[_Head, tuple[str, ...]]:
    head = _Head(alert, message)
    warnings: tuple[str, ...] = head.at[1]
    version = _VERSION.search(message.payload)
    if version:
        head.attributes["cap_version"] = version[1].decode("ascii")
        if version[1] not in {b"1.1", b"1.2"}:
            warnings += ("version_unexpected",)
    elif not head.chinese:
        warnings += ("no_namespace",)
    if said(alert, "sent").endswith(("Z", "z")):
        warnings += ("sent_z",)  # CAP wants an offset in digits
    return head, warnings


def _notice(
    head: _Head, info: Element | None, message: Message, warnings: tuple[str, ...], suffix: str, languages: str = ""
) -> Observation:
    attributes = dict(head.attributes)
    point = None
    metric, stands = "alert", head.message_type != "cancel"
    if info is not None:
        more, point, misdrawn = _info(info, head.chinese, message)
        attributes |= more
        warnings += misdrawn
        metric = str(attributes.get("event") or attributes.get("event_type") or metric)[:64]
        responses = str(attributes.get("response_type", "")).lower().split(",")
        stands = stands and "allclear" not in responses  # nothing threatens any more
        attributes["languages"] = languages
    return Observation(
        kind=Kind.NOTICE,
        device=head.sender,
        metric=metric,
        value=stands,
        server_at=head.at[0],
        key=head.key + suffix,
        warnings=warnings,
        attributes={k: v for k, v in attributes.items() if v not in {"", None}},
        point=point,
        marks=head.marks,
    )


def _info(info: Element, chinese: bool, message: Message) -> tuple[dict[str, Attribute], Point | None, tuple[str, ...]]:
    found: dict[str, Attribute] = {name: _text(said(info, key), AREA_TEXT) for key, name in _WORDS.items()}
    found["language"] = _language(info)
    found["category"] = ",".join(_all(info, "category"))[:_SHORT]
    found["response_type"] = ",".join(_all(info, "responsetype"))[:_SHORT]
    if not chinese:
        found["sender_name"] = said(info, "sendername")[:_SHORT]
    found |= _severity(said(info, "severity"))
    warnings: tuple[str, ...] = ()
    for name in ("effective", "onset", "expires"):
        if text := _text(said(info, name), _SHORT):
            at, wrong = dated(text, message.received_at, CHINA if chinese else None)
            if at is not None:
                found[name] = at.isoformat()
                if name == "expires" and at <= message.received_at:
                    warnings += ("expired",)
            else:
                warnings += wrong
    codes = [f"{name}={value}" for name, value in _pairs(info, "eventcode")]
    found["event_code"] = ",".join(codes)[:_SHORT]
    for name, value in _pairs(info, "parameter"):
        found[f"parameter_{_NAME.sub('_', name.lower()).strip('_')[:48]}"] = value[:_SHORT]
    drawn, point, misdrawn = areas_of(info)
    return found | drawn, point, warnings + misdrawn


def _severity(text: str) -> dict[str, Attribute]:
    """The standard's word, the colour and the level, from whichever of them was said."""
    word = _SEVERITY_WORDS.get(text.lower())
    if word is None:
        return {"severity": text[:_SHORT] or "Unknown"}
    colour, level = SEVERITIES[word]
    return {"severity": word, "severity_said": text if text != word else "", "colour": colour, "level": level}


def _all(info: Element, name: str) -> list[str]:
    return [text for e in children(info, name)[:_MOST_PARAMETERS] if (text := (e.text or "").strip())]


def _pairs(info: Element, name: str) -> list[tuple[str, str]]:
    """Names and values of the first few parameters or codes that have both."""
    pairs = [(said(e, "valuename"), said(e, "value")) for e in children(info, name)[:_MOST_PARAMETERS]]
    return [(n, v) for n, v in pairs if n and v]


def _language(info: Element) -> str:
    return said(info, "language")[:40] or "en-US"  # the standard's own default


def _text(text: str, most: int) -> str:
    """A text, cut; China's writers put NULL where they mean nothing."""
    return "" if text in {"NULL", "null"} else text[:most]


def _fits(message: Message) -> Fit:
    if "cap+xml" in message.content_type.lower() or message.topic.rstrip("/").endswith("/cap"):
        return Fit.TOPIC
    payload = message.payload
    if b"urn:oasis:names:tc:emergency:cap" in payload:
        return Fit.MARKED
    if b"<alert" in payload and b"<identifier" in payload:
        return Fit.MARKED if b"<msgType" in payload else Fit.CONTENT
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("cap", "OASIS CAP 1.2 (1.1 as well), GB/T 35965.1-2018", ("POST (application/cap+xml)",), _fits, Cap),
)
