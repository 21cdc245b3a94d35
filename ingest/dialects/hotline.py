"""The canonical work order and call of a city's hotline (12345, 数字城管): what any platform's record becomes.

GB/T 33358-2016 names the service and GB/T 39666-2020 its classes; no standard fixes the fields, so these are the union of those that
real platforms have. An order has a status per unit that handles it. Personal numbers leave this module only as `caller`, for whoever seals
them; the attributes of observations carry them masked, and a confidential order carries nothing of its caller at all (law 14).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ingest.dialects.makers import named
from ingest.dialects.native import mask
from ingest.dialects.observation import Attribute, Kind, Observation, Quality
from ingest.events import Mark, Point


class Status(StrEnum):
    """Where an order stands with one unit. Going back (returned, reopened) is normal."""

    REGISTERED = "registered"
    PENDING_REVIEW = "pending_review"
    PENDING_SUPPLEMENT = "pending_supplement"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PENDING_DISPATCH = "pending_dispatch"
    DISPATCHED = "dispatched"
    PENDING_RECEIPT = "pending_receipt"
    RECEIVED = "received"
    PENDING_HANDLING = "pending_handling"
    HANDLING = "handling"
    ADDED = "added"  # a further unit was called in (加派)
    RETURNED = "returned"
    DELAY_REQUESTED = "delay_requested"
    PENDING_SUPERVISION = "pending_supervision"
    SUPERVISED = "supervised"
    REPLIED = "replied"
    HANDLED = "handled"
    PENDING_VISIT = "pending_visit"
    VISITED = "visited"
    PENDING_CLOSE = "pending_close"
    CLOSED = "closed"
    REOPENED = "reopened"
    VOID = "void"
    OPEN = "open"  # all that a platform with two states says


WORDS: Final[dict[str, Status]] = {
    **dict.fromkeys(("待受理", "已登记", "新建", "new", "submitted"), Status.REGISTERED),
    **dict.fromkeys(("待审核", "待预审", "审核中"), Status.PENDING_REVIEW),
    "待补充": Status.PENDING_SUPPLEMENT,
    **dict.fromkeys(("已受理", "受理", "accepted"), Status.ACCEPTED),
    **dict.fromkeys(("拒绝", "已拒绝", "不予受理", "rejected"), Status.REJECTED),
    **dict.fromkeys(("待派遣", "待派单", "待分派", "待转办", "待交办"), Status.PENDING_DISPATCH),
    **dict.fromkeys(("已派遣", "已派单", "已分派", "已转办", "已交办", "派遣", "assigned", "dispatched"), Status.DISPATCHED),
    "待签收": Status.PENDING_RECEIPT,
    **dict.fromkeys(("已签收", "received"), Status.RECEIVED),
    **dict.fromkeys(("待处置", "待处理", "待办理", "待办", "未处理", "pending"), Status.PENDING_HANDLING),
    **dict.fromkeys(
        ("处置中", "处理中", "办理中", "在办", "已转办处理中", "处置", "in progress", "in_progress", "started"), Status.HANDLING
    ),
    "加派": Status.ADDED,
    **dict.fromkeys(("退回", "已退回", "退单", "退回修改", "转派退回", "退件"), Status.RETURNED),
    **dict.fromkeys(("延期申请", "申请延期", "延期待审", "延期中"), Status.DELAY_REQUESTED),
    "待督办": Status.PENDING_SUPERVISION,
    **dict.fromkeys(("督办", "督办中", "已督办"), Status.SUPERVISED),
    **dict.fromkeys(("部门答复", "已答复", "已回复"), Status.REPLIED),
    **dict.fromkeys(("已处置", "已处理", "已办理", "已办结", "办结", "已完成"), Status.HANDLED),
    "待回访": Status.PENDING_VISIT,
    **dict.fromkeys(("已回访", "回访"), Status.VISITED),
    **dict.fromkeys(("待结案", "送结案"), Status.PENDING_CLOSE),
    **dict.fromkeys(("已结案", "结案", "已归档", "归档", "closed", "completed"), Status.CLOSED),
    **dict.fromkeys(("重办", "待重办", "重新办理", "reopened"), Status.REOPENED),
    **dict.fromkeys(("作废", "已作废", "已撤销", "撤单", "canceled", "cancelled"), Status.VOID),
    "open": Status.OPEN,
}  # fmt: skip


def status_of(word: str) -> Status | None:
    """The status that a platform's word means, or None: an unknown word is kept and not guessed at."""
    return WORDS.get(word.strip().lower())


class Urgency(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"
    CRITICAL = "critical"


URGENCIES: Final[dict[str, Urgency]] = {
    **dict.fromkeys(("普通", "一般", "常规", "normal"), Urgency.NORMAL),
    **dict.fromkeys(("紧急", "急", "加急", "黄灯", "yellow", "urgent"), Urgency.URGENT),
    **dict.fromkeys(("特急", "特别紧急", "红灯", "red", "critical"), Urgency.CRITICAL),
}


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """A record of a hotline: an order as one unit has it, or (without an order number) a call. Times are aware; naive ones were UTC+8."""

    source: str = ""
    order_no: str = ""  # a text: 18 digits are more than a float holds
    call_id: str = ""
    recording_id: str = ""
    step_id: str = ""
    status: Status | None = None
    status_word: str = ""
    unit: str = ""
    unit_code: str = ""
    unit_role: str = ""  # 主办 or 协办
    stage: str = ""
    operation: str = ""
    operator: str = ""
    status_before: str = ""
    status_after: str = ""
    order_stage: str = ""
    order_status: str = ""
    status_time: datetime | None = None
    call_time: datetime | None = None
    accept_time: datetime | None = None
    dispatch_time: datetime | None = None
    reply_time: datetime | None = None
    complete_time: datetime | None = None
    visit_time: datetime | None = None
    deadline: datetime | None = None
    delayed_deadline: datetime | None = None
    channel: str = ""
    appeal_type: str = ""
    order_type: str = ""
    category_code: str = ""
    category: str = ""
    category_1: str = ""
    category_2: str = ""
    category_3: str = ""
    category_4: str = ""
    title: str = ""
    content: str = ""
    region: str = ""
    street: str = ""
    community: str = ""
    grid: str = ""
    address: str = ""
    address_ids: str = ""
    point: Point | None = None
    datum: str = ""
    local_x: float | None = None
    local_y: float | None = None
    urgency: Urgency | None = None
    urgency_word: str = ""
    secret: bool = False
    limit: float | None = None
    limit_unit: str = ""  # 小时, 工作日 or 自然日
    delay_days: float | None = None
    urge_count: float | None = None
    supplement_count: float | None = None
    repeat_count: float | None = None
    old_order_no: str = ""
    urge_order_no: str = ""
    old_caller: bool | None = None
    supervised: bool | None = None
    hard: bool | None = None
    unreasonable: bool | None = None
    overdue: bool | None = None
    warning_light: str = ""
    back_reason: str = ""
    reply: str = ""
    visit_result: str = ""
    contacted: bool | None = None
    solved: bool | None = None
    satisfaction_first: str = ""
    satisfaction: str = ""
    caller: str = field(default="", repr=False)  # the plain number, to be sealed
    caller_name: str = field(default="", repr=False)
    caller_hash: str = field(default="", repr=False)
    test: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def at(self) -> datetime | None:
        """When it came to this status: as stated, by the step's own time, else the latest step that is dated."""
        if self.status_time is not None:
            return self.status_time
        own = _TIME_OF.get(self.status) if self.status is not None else None
        stated = getattr(self, own) if own else None
        if stated is not None:
            return stated  # type: ignore[no-any-return]
        steps = (
            self.call_time,
            self.accept_time,
            self.dispatch_time,
            self.reply_time,
            self.complete_time,
            self.visit_time,
        )
        return max((step for step in steps if step is not None), default=None)

    @property
    def key(self) -> str:
        """What is the same event again: orders are re-sent whole, and come out of order."""
        at = self.at
        state = self.status or self.status_word
        return ":".join(
            ("order", self.order_no or self.step_id, self.unit_code or self.unit, state, at.isoformat() if at else "")
        )[:400]


_TIME_OF: Final = {
    Status.ACCEPTED: "accept_time",
    Status.DISPATCHED: "dispatch_time",
    Status.REPLIED: "reply_time",
    Status.HANDLED: "complete_time",
    Status.CLOSED: "complete_time",
    Status.VISITED: "visit_time",
}
# What an observation says elsewhere, or must not say.
_ELSEWHERE: Final = frozenset(
    {"source", "status", "point", "caller", "caller_name", "caller_hash", "warnings", "test", "status_time"}
)
_SAID: Final = tuple(spec.name for spec in fields(WorkOrder) if spec.name not in _ELSEWHERE)
_TEXTS: Final = ("title", "content", "address", "reply", "back_reason", "visit_result")
_SPACED: Final = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]\d{4}[- ](\d{4})(?!\d)")
_LANDLINE: Final = re.compile(r"(?<!\d)(0\d{2,3})[- ]?\d{5,6}(\d{2})(?!\d)")


def masked(text: str) -> str:
    """A text without the numbers of persons: mobile 3 and 4, landline its area and 2, identity number 6 and 4 digits."""
    text = _SPACED.sub(r"\1****\2", mask(text))
    return _LANDLINE.sub(lambda found: f"{found[1]}****{found[2]}", text)


def masked_number(number: str) -> str:
    """A caller's number shortened; empty for what is no number (a cipher text of the platform)."""
    digits = re.sub(r"[\s()+-]", "", number).removeprefix("86")
    if not digits.isdecimal() or not 5 <= len(digits) <= 20:
        return ""
    short = masked(digits)
    return short if short != digits else "****" + digits[-2:]


def masked_name(name: str) -> str:
    """The family name and a star."""
    return name[:1] + "*" if name else ""


def discreet(order: WorkOrder) -> WorkOrder:
    """The order with its texts masked, and without anything of its caller when it is confidential."""
    changed: dict[str, Any] = {
        name: short for name in _TEXTS if (text := getattr(order, name)) and (short := masked(text)) != text
    }
    if order.secret:
        changed |= {"caller": "", "caller_name": "", "caller_hash": "", "recording_id": "", "old_caller": None}
    return replace(order, **changed) if changed else order


def observed(order: WorkOrder) -> Observation:
    """The order's status with its unit, or the call when there is no order yet. Raises `Unreadable` without a number of either."""
    order = discreet(order)
    is_order = bool(order.order_no or order.step_id)
    said = order.warnings
    if is_order and order.status is None:
        said = (*said, "status_unknown" if order.status_word else "status_missing")
    return Observation(
        Kind.ORDER if is_order else Kind.CALL,
        named(order.order_no or order.step_id or order.call_id),
        "status" if is_order else "text",
        order.status.value if order.status else order.status_word or None if is_order else order.content or order.title,
        gateway=order.source,
        server_at=order.at,
        key=order.key if is_order else f"call:{order.call_id}",
        warnings=said,
        attributes=_attributes(order),
        point=order.point,
        marks=Mark.TEST if order.test else Mark.NONE,
        caller=order.caller,
    )


def _attributes(order: WorkOrder) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for name in _SAID:
        value = getattr(order, name)
        if value is None or value == "" or (name == "secret" and not value):
            continue
        found[name] = (
            value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, StrEnum) else value
        )
    if (number := masked_number(order.caller)) != "":
        found["caller_masked"] = number
    if order.caller_name:
        found["caller_name_masked"] = masked_name(order.caller_name)
    if order.caller_hash:
        found["caller_hash"] = order.caller_hash
    return found


def unreadable_row(source: str, row: int, detail: str) -> Observation:
    """A row that cannot be used beside others that can: said, so that it is not lost silently."""
    about: dict[str, Attribute] = {"row": row, "detail": detail[:200]}
    return Observation(
        Kind.NOTICE,
        named(source),
        "row_rejected",
        row,
        gateway=source,
        quality=Quality.BAD,
        warnings=("row_rejected",),
        attributes=about,
    )


def distinct(orders: Iterable[WorkOrder]) -> list[WorkOrder]:
    """The orders without those that say the same of the same unit again."""
    return list({order.key: order for order in orders}.values())
