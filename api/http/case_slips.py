"""The page of a case for whoever was sent to it: sign for it, arrive, check in, say that it is done (签收, 到场, 报平安, 处置完毕).

It stands behind the address in the text of a dispatch (`api.http.slips` opens it). What a caller said is not on it (law 14).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert
from alerts.commands import Accept, Command, Handle
from alerts.dispatch.on_scene import silence
from alerts.dispatch.scene_commands import Arrive, CheckIn
from alerts.elapsed import Band
from alerts.moves import Move
from alerts.notices import CHINA, place_name
from alerts.people.roster import Person
from alerts.transitions import allowed
from alerts.words import Words
from ingest.registry import Registry

VIA: Final = "page"
# What a button says, in the order of the buttons.
_SAYS: Final[Mapping[str, Callable[[Person, str], Command]]] = MappingProxyType({
    "check_in": lambda who, note: CheckIn(who.name, VIA, note),
    "accept": lambda who, note: Accept(who.name, VIA, note),
    "arrive": lambda who, note: Arrive(who.name, note, via=VIA, person=who.id),
    "arrive_company": lambda who, note: Arrive(who.name, note, company=True, via=VIA, person=who.id),
    "handle": lambda who, note: Handle(who.name, note),
})  # fmt: skip
_MOVE: Final = MappingProxyType({
    "accept": Move.ACCEPT, "arrive": Move.ARRIVE, "arrive_company": Move.ARRIVE, "handle": Move.HANDLE,
})  # fmt: skip


def command_of(said: str, alert: Alert, person: Person, note: str) -> Command | None:
    """What a pressed button says about a case; None for one that the page does not offer this person now."""
    return _SAYS[said](person, note.strip()[:500]) if said in offered(alert, person.id) else None


def offered(alert: Alert, person: str) -> tuple[str, ...]:
    """The buttons of a person: none for a case that is over, or that is somebody else's by now."""
    scene = alert.work.scene
    there = scene is not None and scene.person == person
    if alert.handling.over or (alert.assignee != person and not there):
        return ()
    may = allowed(alert.handling)
    mine = alert.assignee == person
    return tuple(
        key for key in _SAYS if (there if key == "check_in" else _MOVE[key] in may and (mine or key == "handle"))
    )


def body(words: Words, language: str, alert: Alert, person: Person, registry: Registry, *, thanks: bool) -> str:
    """The page's HTML, in the person's language."""

    def say(key: str, **values: str) -> str:
        return escape(words.text(language, "case_page", key, **values))

    kind, level = words.text(language, "kind", alert.kind), words.text(language, "level", alert.level)
    place = place_name(registry, alert.place.grid, words.text(language, "place", "unknown"))
    at = alert.stages.get("event_at")
    lines = [
        f"<p>{say('to', name=person.name)}</p>",
        f"<h1>{say('what', kind=kind, level=level, place=place)}</h1>",
        f"<p>{say('since', time=_time(at))}</p>" if at else "",
    ]
    if thanks:
        lines.append(f'<p role="status">{say("thanks")}</p>')
    buttons = offered(alert, person.id)
    if not buttons:
        return "\n".join([*lines, f"<p><strong>{say('over' if alert.handling.over else 'not_yours')}</strong></p>"])
    due = next((one.at for one in silence(alert) if one.band is Band.WARN), None)
    if due is not None and "check_in" in buttons:
        lines.append(f"<p>{say('word_by', time=_time(due))}</p>")
    pressed = "\n".join(f'<button name="said" value="{key}">{say(key)}</button>' for key in buttons)
    note = f'<label>{say("note")}<textarea name="note" rows="3" maxlength="500"></textarea></label>'
    lines.append(f'<form method="post">\n{note}\n{pressed}\n</form>')
    return "\n".join(line for line in lines if line)


def _time(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%m-%d %H:%M")
