"""The page behind the address in a text of an instruction or of a dispatch: what it is about, and buttons. No sign-in, no script.

Looking at it says nothing: carriers and telephones open addresses by themselves. Only a pressed button is a receipt.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from alerts.instructions.instructing import UnknownInstruction
from alerts.instructions.instruction import MOVES, SAID, Instruction, Receipt, Recipient
from alerts.notices import CHINA
from alerts.outcome import NotAllowed
from alerts.words import Words, load_words
from api.http import case_slips
from api.http.desk import Desk, TheDesk
from api.slips import PATH

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Path(max_length=128)]
VIA: Final = "page"
BODY_LIMIT: Final = 8 * 1024  # bytes: one button and a remark
_ADDRESS: Final = PATH + "{instruction}/{person}/{signature}"
_WORDS: Final[Words] = load_words()
# Not no-referrer: a browser would then send the form from the origin `null`, which is refused as another site's.
_HEADERS: Final = {"cache-control": "no-store", "referrer-policy": "same-origin", "x-robots-tag": "noindex"}


@router.get(_ADDRESS)
def look(instruction: Text, person: Text, signature: Text, desk: TheDesk) -> Response:
    return _page(desk, instruction, person, signature)


@router.post(_ADDRESS)
async def press(instruction: Text, person: Text, signature: Text, request: Request, desk: TheDesk) -> Response:
    if int(request.headers.get("content-length") or BODY_LIMIT + 1) > BODY_LIMIT:
        return _gone(desk)
    async with request.form(max_fields=10, max_files=0) as form:
        said, note = str(form.get("receipt") or form.get("said") or ""), str(form.get("note", ""))
    return await run_in_threadpool(_pressed, desk, instruction, person, signature, said, note)


def _pressed(desk: Desk, instruction: str, person: str, signature: str, said: str, note: str) -> Response:
    if not desk.slips.genuine(instruction, person, signature):
        return _gone(desk)
    if desk.ledger.instructions.get(instruction) is None:
        return _case(desk, instruction, person, said, note)
    if said not in SAID:
        return _gone(desk)
    try:
        desk.conductor.instructor.receipt(instruction, person, Receipt(said), desk.clock.now(), via=VIA, note=note)
    except UnknownInstruction:
        return _gone(desk)
    except NotAllowed:
        return _page(desk, instruction, person, signature)  # it is over, and the page says so
    return _page(desk, instruction, person, signature, thanks=True)


def _page(desk: Desk, ident: str, person: str, signature: str, *, thanks: bool = False) -> Response:
    genuine = desk.slips.genuine(ident, person, signature)
    made = desk.ledger.instructions.get(ident) if genuine else None
    if genuine and made is None:
        return _case(desk, ident, person)
    part = desk.ledger.instructions.recipient(ident, person) if genuine else None
    if made is None or part is None:
        return _gone(desk)
    known = desk.roster().person(person)
    language = known.language if known else desk.notify.language
    return _html(language, _body(language, made, part, thanks), 200)


def _case(desk: Desk, ident: str, person: str, said: str = "", note: str = "") -> Response:
    """The page of a case, after what was pressed on it. What cannot be said any more changes nothing, and the page shows how it stands."""
    alert, who = desk.ledger.alert(ident), desk.roster().person(person)
    if alert is None or who is None:
        return _gone(desk)
    command = case_slips.command_of(said, alert, who, note) if said else None
    if command is not None:
        try:
            alert = desk.conductor.command(ident, command, desk.clock.now())
        except NotAllowed:
            command, alert = None, desk.ledger.alert(ident) or alert
    language = who.language or desk.notify.language
    page = case_slips.body(_WORDS, language, alert, who, desk.registry(), thanks=command is not None)
    return _html(language, page, 200, "case_page")


def _body(language: str, made: Instruction, part: Recipient, thanks: bool) -> str:
    def say(key: str, **values: str) -> str:
        return escape(_WORDS.text(language, "instruction_page", key, **values))

    receipt = _WORDS.text(language, "receipt", part.receipt)
    time = made.created_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
    lines = [
        f"<p>{say('to', name=part.name)}</p>",
        f"<h1>{escape(made.text)}</h1>",
        f"<p>{say('from', by=made.by, time=time)}</p>",
        f"<p>{say('state', receipt=receipt)}</p>",
    ]
    if thanks:
        lines.append(f'<p role="status">{say("thanks")}</p>')
    if made.over:
        return "\n".join([*lines, f"<p><strong>{say(made.standing)}</strong></p>"])
    lines.append(f"<p>{escape(_WORDS.text(language, 'demand', made.demanded))}</p>")
    may = [said for said in SAID if said in MOVES[part.receipt]]
    if may:
        buttons = "\n".join(f'<button name="receipt" value="{said}">{say(said)}</button>' for said in may)
        note = f'<label>{say("note")}<textarea name="note" rows="3" maxlength="500"></textarea></label>'
        lines.append(f'<form method="post">\n{note}\n{buttons}\n</form>')
    return "\n".join(lines)


def _gone(desk: Desk) -> Response:
    language = desk.notify.language
    said = escape(_WORDS.text(language, "instruction_page", "gone"))
    return _html(language, f"<p>{said}</p>", 404)


def _html(language: str, body: str, status: int, page_of: str = "instruction_page") -> Response:
    title = escape(_WORDS.text(language, page_of, "title"))
    page = (
        f'<!doctype html>\n<html lang="{"en" if language == "en" else "zh-CN"}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<link rel="stylesheet" href="/slip.css">\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
    )
    return Response(page, status, _HEADERS, media_type="text/html")
