"""What comes back about the notices of cases: receipts, and keys pressed on a telephone. A message of several is about all of them."""

from __future__ import annotations

from alerts.alert import Alert, Notice, NoticeState
from alerts.answering import pressed
from alerts.commands import Delivered
from alerts.delivery import letting_go
from alerts.docket import Docket
from alerts.outcome import Why


class UnknownNotice(LookupError):
    """There is no notice of that key."""


def known(docket: Docket, key: str) -> Notice:
    """The notice of a key. Raises `UnknownNotice`."""
    notice = docket.tx.notice(key)
    if notice is None:
        raise UnknownNotice(f"there is no notice {key}; what came is about something else")
    return notice


def received(docket: Docket, notice: Notice, state: NoticeState, provider_id: str, error: str) -> None:
    """A notice moved on its way."""
    if letting_go.speaks_for_others(notice):
        letting_go.carried(docket, notice, state, provider_id, error)
        return
    hopeless = state is NoticeState.FAILED and docket.hopeless(notice)
    why = Why.PROVIDER if state in {NoticeState.FAILED, NoticeState.DELIVERED} else ""
    docket.move(notice, state, Delivered(notice, state, why, error, hopeless), provider_id=provider_id)


def answered(docket: Docket, notice: Notice, state: NoticeState) -> Alert | None:
    """Somebody picked up, or pressed a key: what that says is done. The case, or the last that was taken of several."""
    if letting_go.speaks_for_others(notice):
        return letting_go.answered(docket, notice, state)
    alert = docket.get(notice.alert)
    if alert is None:
        raise UnknownNotice(f"the notice {notice.key} has no alert; the answer is for something else")
    told = docket.move(notice, state, Delivered(notice, state, Why.PROVIDER)) or alert
    said = pressed(told, notice) if state is NoticeState.ANSWERED else None
    return told if said is None else docket.apply(told, said)
