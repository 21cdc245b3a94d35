"""Any platform's hotline records to work orders, by profile: its field names, the words of its values, its datum and its times.

Shipped profiles are in `hotline.toml`. Reads a JSON object, an array, an envelope with a pointer to either, and CSV with a header row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from ingest.coordinates import Datum, to_wgs84
from ingest.dialects.claims import Reason, TimeForm, Unreadable, instant
from ingest.dialects.dating import CHINA, dated
from ingest.dialects.hotline import (
    URGENCIES,
    Status,
    Urgency,
    WorkOrder,
    distinct,
    observed,
    status_of,
    unreadable_row,
)
from ingest.dialects.hotline_profiles import FLAGS, MORE, NUMBERS, TIMES, Profile, is_of, shipped
from ingest.dialects.makers import json_of, number, truth
from ingest.dialects.mapped import at_pointer
from ingest.dialects.observation import MOST, Decoding, Entry, Fit, Message, Observation, accepted
from ingest.dialects.tables import LARGEST_TABLE, csv_rows, is_utf8
from ingest.events import InvalidEvent

LONGEST_TEXT: Final = 4000
MOST_UNITS: Final = 32  # of one order
_STATUSES: Final = frozenset(Status)
_UNKNOWN: Final = "no record of a known family; write a profile for its field names"
_YES: Final = frozenset({"是", "y", "已", "保密", "匿名", "有", "已联系", "已解决"})
_NO: Final = frozenset({"否", "n", "未", "不保密", "公开", "实名", "无", "未联系", "未解决", "null", "none"})
_COMPACT: Final = re.compile(r"\d{14}")
_DIGITS: Final = re.compile(r"(?<!\d)\d{12,20}(?!\d)")
_SAFE: Final = 2**53


def fits(message: Message) -> Fit:
    """Ours by topic or path, or by the field names of a known family."""
    first = message.topic.lstrip("/").partition("/")[0]
    if first in {"hotline", "12345"}:
        return Fit.TOPIC
    head = message.payload[:8192].lstrip(b"\xef\xbb\xbf \r\n\t")
    if not head:
        return Fit.NO
    if head[:1] in {b"{", b"["}:
        known = (all(f'"{m}"'.encode() in head for m in p.markers) for p in shipped())
        return Fit.MARKED if any(known) else Fit.NO
    names = _header(head.partition(b"\n")[0])
    return Fit.MARKED if names and any(is_of(p, names) for p in shipped()) else Fit.NO


def _header(line: bytes) -> dict[str, int]:
    if b"," not in line and b"\t" not in line:
        return {}
    text = line.decode("utf-8", "replace") if is_utf8(line) else line.decode("gb18030", "replace")
    return {name.strip().strip('"'): 1 for name in re.split("[,\t]", text)}


class Hotline:
    """Keeps nothing between messages: whoever takes an order folds it by its key."""

    def __init__(self, profiles: tuple[Profile, ...] | None = None) -> None:
        self._profiles = profiles if profiles is not None else shipped()

    def decode(self, message: Message) -> Decoding:
        records = list(self._records(message))
        if not records:
            raise Unreadable(Reason.MISSING_FIELD, _UNKNOWN)
        rows: list[Observation] = []
        wrong: list[Unreadable] = []
        first = ""  # a history without its order's number goes by its first step
        for at, (profile, record) in enumerate(records, 1):
            try:
                orders = orders_of(profile, record, message, first)
                first = first or (orders[0].order_no if profile and profile.history else "")
                rows += [observed(order) for order in orders]
            except Unreadable as error:
                wrong.append(error)
                rows.append(unreadable_row(profile.name if profile else "hotline", at, str(error)))
        if len(wrong) == len(records):
            raise wrong[0]
        return accepted(*rows, faults=wrong)

    def _records(self, message: Message) -> Iterator[tuple[Profile | None, Mapping[str, Any]]]:
        found: Sequence[Mapping[str, Any]]
        if message.payload.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"{", b"["}:
            found = self._in_json(json_of(message, LARGEST_TABLE))
        else:
            found = csv_rows(message.payload)
        for record in found:
            yield next((p for p in self._profiles if is_of(p, record)), None), record

    def _in_json(self, body: object) -> list[dict[str, Any]]:
        """The first list of records, or the one record, of which at least one is of a known family."""
        candidates = [body]
        if isinstance(body, dict):
            pointers = dict.fromkeys(pointer for profile in self._profiles for pointer in profile.records)
            candidates += [at_pointer(body, pointer) for pointer in pointers]
        for found in candidates:
            rows = found if isinstance(found, list) else [found]
            kept = [row if isinstance(row, dict) else {} for row in rows]
            if any(is_of(p, row) for row in kept for p in self._profiles):
                if len(kept) > MOST:
                    raise Unreadable(Reason.TOO_BIG, f"{len(kept)} records; at most {MOST} are taken of one message")
                return kept
        return []


def orders_of(profile: Profile | None, record: Mapping[str, Any], message: Message, first: str = "") -> list[WorkOrder]:
    """The order as each of its units has it. Raises `Unreadable` when it cannot be told which order it is."""
    if profile is None:
        raise Unreadable(Reason.MISSING_FIELD, _UNKNOWN)
    found: dict[str, Any] = {}
    for source, name in profile.fields.items():
        value = at_pointer(record, source) if source.startswith("/") else record.get(source)
        if (
            isinstance(value, str | int | float | bool | list | dict)
            and value not in ("", [], {})
            and name not in found
        ):
            found[name] = value
    read = _Read(profile, message)
    kept = read.all(found)
    if profile.history and not kept.get("order_no"):
        asked = _DIGITS.search(message.topic)
        kept["order_no"] = asked[0] if asked else first or kept.get("step_id", "")
        read.warnings += [] if asked else ["order_no_missing"]
    order = WorkOrder(**kept, warnings=tuple(dict.fromkeys(read.warnings)))
    if not (order.order_no or order.step_id or order.call_id):
        raise Unreadable(Reason.MISSING_FIELD, "neither an order number nor a call's")
    return distinct(_by_unit(order, read, found))


def _by_unit(order: WorkOrder, read: _Read, found: Mapping[str, Any]) -> Iterator[WorkOrder]:
    own = str(found.get("unit_status", ""))
    names, codes = _listed(order.unit), _listed(order.unit_code)
    units = list(zip(names, codes, strict=True)) if len(names) == len(codes) > 1 else [(order.unit, order.unit_code)]
    if own:  # the order's state is the city's, and each unit has its own
        yield replace(order, unit="", unit_code="")
    for unit, code in units[:MOST_UNITS]:
        one = order if unit == order.unit else replace(order, unit=unit, unit_code=code)
        yield replace(one, status=read.status(own), status_word=own[:100]) if own else one
    for unit, word in _echoed(found.get("unit_states")):
        yield replace(order, unit=unit, unit_code="", status=read.status(word), status_word=word)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in re.split("[,，、;；|]", text) if part.strip()]


def _echoed(states: object) -> list[tuple[str, str]]:
    """`市级 处理中 / A单位 待签收` as units and their words."""
    parts = re.split(r"[/;；\n]", states) if isinstance(states, str) else states if isinstance(states, list) else []
    pairs = (part.strip().rpartition(" ") for part in parts[:MOST_UNITS] if isinstance(part, str))
    return [(unit.strip()[:100], word[:100]) for unit, _, word in pairs if unit and word]


class _Read:
    """One record's values in their types, and what was wrong with them."""

    def __init__(self, profile: Profile, message: Message) -> None:
        self._profile, self._message, self.warnings = profile, message, list[str]()

    def all(self, found: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {"source": self._profile.name}
        for name, value in found.items():
            if name in TIMES:
                kept[name] = self._time(name, value)
            elif name in NUMBERS:
                kept[name] = number(value)
            elif name in FLAGS:
                kept[name] = self._flag(name, value)
            elif name not in MORE:
                kept[name] = self._text(name, value)
        word = kept.get("status_word", "")
        kept["status"] = self.status(word)
        kept["urgency"] = self._urgency(kept.get("urgency_word", ""))
        if found.get("anonymous") is not None and self._flag("anonymous", found["anonymous"]):
            kept["secret"] = True
        kept["secret"] = kept.get("secret") is True  # a word that we do not know keeps the secret: see _flag
        kept["test"] = kept.get("test") is True
        kept["caller"] = kept.get("caller") or self._text("caller_contact", found.get("caller_contact", ""))
        return kept | self._place(found)

    def status(self, word: str) -> Status | None:
        mapped = self._profile.values.get("status_word", {}).get(word, word)
        return Status(mapped) if mapped in _STATUSES else status_of(mapped)

    def _urgency(self, word: str) -> Urgency | None:
        mapped = word.lower()
        if word and mapped not in URGENCIES:
            self.warnings.append("urgency_unknown")
        return URGENCIES.get(mapped)

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, float):
            if name == "order_no":
                raise Unreadable(Reason.BAD_VALUE, f"an order number as a broken number: {value!r} has lost digits")
            return str(value)
        if name == "order_no" and isinstance(value, int) and value > _SAFE:
            self.warnings.append("number_unsafe")  # a program that counts in floats may have rounded it
        if isinstance(value, list):
            value = ",".join(str(part) for part in value[:64])
        text = "" if isinstance(value, dict) else str(value).strip()
        limit = LONGEST_TEXT if name in {"content", "reply"} else 500
        if len(text) > limit:
            self.warnings.append("truncated")
            text = text[: limit - 1] + "…"
        return self._profile.values.get(name, {}).get(text, text)

    def _flag(self, name: str, value: object) -> bool | None:
        text = str(value).strip().lower()
        meant = truth(value)
        if meant is None:
            meant = True if text in _YES else False if text in _NO else None
        if meant is None:
            self.warnings.append(f"{name}_unknown")
            return True if name in {"secret", "anonymous"} else None
        return meant

    def _time(self, name: str, value: object) -> datetime | None:
        forms = self._profile.times
        plain = number(value)
        if plain is not None and _COMPACT.fullmatch(str(value)):
            value = datetime.strptime(str(value), "%Y%m%d%H%M%S").isoformat() if _is_moment(str(value)) else value  # noqa: DTZ007
        elif plain is not None:
            return self._epoch(plain, forms)
        found, warnings = dated(value, self._message.received_at, CHINA)
        self.warnings += [w for w in warnings if w != "clock_skew" or name not in {"deadline", "delayed_deadline"}]
        return found

    def _epoch(self, value: float, forms: tuple[TimeForm, ...]) -> datetime | None:
        epochs = [f for f in forms if f in {TimeForm.EPOCH_MS, TimeForm.EPOCH_S}]
        try:
            found = instant(value, *epochs) if epochs else None
        except Unreadable:
            found = None
        if found is None:
            self.warnings.append("zero_time" if value == 0 else "bad_time")
        return found.astimezone(UTC) if found else None

    def _place(self, found: Mapping[str, Any]) -> dict[str, Any]:
        lat, lon = found.get("lat"), found.get("lon")
        pair = re.findall(r"-?\d+(?:\.\d+)?", str(found.get("lonlat") or found.get("latlon") or ""))
        if lat is None and len(pair) == 2:
            lat, lon = pair if "latlon" in found else reversed(pair)
        lat, lon = number(lat), number(lon)
        if lat is None or lon is None or (lat == 0 and lon == 0):
            return {}
        if self._profile.datum in {"", "local"}:
            self.warnings.append("projected_crs" if self._profile.datum else "datum_unknown")
            return {"local_x": lon, "local_y": lat} if self._profile.datum else {}
        try:
            return {"point": to_wgs84(lat, lon, Datum(self._profile.datum)), "datum": self._profile.datum}
        except InvalidEvent:
            self.warnings.append("bad_place")
            return {}


def _is_moment(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return False
    return True


ENTRIES: Final = (
    Entry(
        "hotline",
        "12345 and city management work orders; GB/T 33358-2016",
        ("hotline/{platform}/#", "POST /hotline/{platform}"),
        fits,
        Hotline,
        largest=LARGEST_TABLE,
    ),
)


def with_own(own: tuple[Profile, ...]) -> Entry:
    """The same dialect with a deployment's own profiles, which are asked before those that ship."""
    return replace(ENTRIES[0], open=lambda: Hotline((*own, *shipped())))
