"""Downward instructions over HTTP: sending one, who has not, receipts, reminders and the end.

What may only happen once carries an `Idempotency-Key`: the same request may be sent again until it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeVar

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from alerts.instructions.addressees import Target, Unaddressable
from alerts.instructions.instructing import Instructor, KeyUsed, UnknownInstruction
from alerts.instructions.instruction import LONGEST, Order, Receipt, Standing, subject
from alerts.ledger.port import BadCursor
from alerts.outcome import NotAllowed
from api.http import instruction_rows as rows
from api.http.desk import Desk, TheDesk, answer
from api.http.problems import Problem
from ingest.registry import GridLevel

router = APIRouter(prefix="/api/v1/instructions", tags=["instructions"])
Ident = Annotated[str, Path(description="Id of the instruction", max_length=64)]
Key = Annotated[
    str, Header(alias="Idempotency-Key", max_length=128, description="Makes it happen once: repeat it until answered")
]
_Some = Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=1000)]
_Kept: Final = ConfigDict(extra="forbid")
T = TypeVar("T")


class To(BaseModel):
    """Some people: each field that names something narrows. Several of them add up."""

    model_config = _Kept

    levels: list[GridLevel] = Field([], description="Levels of the grid tree that people answer for")
    areas: _Some = Field([], description="Codes of grids, with everything below them")
    roles: _Some = []
    people: _Some = []

    def value(self) -> Target:
        return Target(tuple(self.levels), tuple(self.areas), tuple(self.roles), tuple(self.people))


class Sent(BaseModel):
    """An instruction to be sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{
            "by": "县社会治理中心", "text": "今晚有暴雨，请巡查低洼院落，转移独居老人。",
            "to": [{"levels": ["grid"], "areas": ["yz-03"]}, {"people": ["p-031"]}], "but": ["p-077"],
            "demanded": "accepted", "urgent": True,
        }]},
    )  # fmt: skip

    by: str = Field(min_length=1, max_length=64, description="Who sends it: everybody reads this")
    text: str = Field(
        min_length=1, max_length=LONGEST, description="Everybody reads this; it is no place for personal data"
    )
    to: list[To] = Field(min_length=1, max_length=50)
    but: _Some = Field([], description="Ids of people who are left out")
    demanded: Literal["delivered", "read", "accepted", "done"] | None = Field(
        None, description="The receipt that is waited for; as the policy says when left out"
    )
    urgent: bool = False

    def order(self, key: str) -> Order:
        """The order under a key. Raises `Unaddressable`."""
        targets = tuple(to.value() for to in self.to)
        demanded = Receipt(self.demanded) if self.demanded else None
        return Order(key, self.by, self.text, targets, tuple(self.but), demanded, self.urgent)


class Received(BaseModel):
    """What a person said, as somebody at the desk heard it."""

    model_config = _Kept

    person: str = Field(min_length=1, max_length=128)
    receipt: Literal["read", "accepted", "done"]
    by: str = Field(min_length=1, max_length=64, description="Who notes it down")
    note: str = Field("", max_length=500)


class Asked(BaseModel):
    """Who asks for a reminder."""

    model_config = _Kept

    by: str = Field(min_length=1, max_length=64)


class Over(BaseModel):
    """Who ends or withdraws it, and why."""

    model_config = _Kept

    by: str = Field(min_length=1, max_length=64)
    why: str = Field("", max_length=500)


@router.post("", status_code=201, summary="下达指令 · Send an instruction; 200 when this key has sent it before")
def send(said: Sent, desk: TheDesk, idempotency_key: Key = "") -> Response:
    key = _key(idempotency_key)
    made, new = _asked(lambda: _instructor(desk).send(said.order(key), desk.clock.now()))
    return answer(_row(desk, made.id), 201 if new else 200, location=f"{router.prefix}/{made.id}")


@router.post("/preview", summary="预览 · Whom an instruction would go to now, with the reasons; nothing is sent")
def preview(said: Sent, desk: TheDesk) -> rows.Preview:
    found = _asked(lambda: _instructor(desk).preview(said.order("preview"), desk.clock.now()))
    return rows.preview_row(found)


@router.get("", summary="指令列表 · Instructions, the newest first, with how many people have come how far")
def list_instructions(
    desk: TheDesk,
    open_only: Annotated[bool, Query(alias="open")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=128)] = "",
) -> rows.InstructionPage:
    try:
        found, more = desk.ledger.instructions.page(open_only=open_only, limit=limit, cursor=cursor)
    except BadCursor as error:
        raise Problem("invalid", why=str(error)) from error
    tally = desk.ledger.instructions.tally([one.id for one in found])
    return rows.InstructionPage(instructions=[rows.instruction_row(i, tally.get(i.id, {})) for i in found], cursor=more)


@router.get("/{ident}", summary="一条指令 · One instruction with its people: `owing=true` is who has not")
def one_instruction(
    ident: Ident,
    desk: TheDesk,
    owing: bool = False,
    after: Annotated[str, Query(max_length=128, description="Go on after this person")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> rows.InstructionWhole:
    made = desk.ledger.instructions.get(ident)
    if made is None:
        raise Problem("no_such_thing", what=f"instruction {ident}")
    below = made.demanded if owing else None
    people = desk.ledger.instructions.recipients(ident, below=below, after=after, limit=limit)
    return rows.InstructionWhole(
        instruction=_row(desk, ident),
        townships=rows.township_rows(made, desk.ledger.instructions.by_grid(ident), desk.registry()),
        people=[rows.recipient_row(one, made, desk.registry()) for one in people],
        after=people[-1].person if len(people) == limit else "",
        timeline=[rows.entry_row(entry) for entry in desk.ledger.timeline(subject(ident))],
    )


@router.get(
    "/{ident}/people/{person}", summary="一人的签收过程 · One person's part, with every notice and what became of it"
)
def one_person(ident: Ident, person: Annotated[str, Path(max_length=128)], desk: TheDesk) -> rows.RecipientWhole:
    made, found = desk.ledger.instructions.get(ident), desk.ledger.instructions.recipient(ident, person)
    if made is None or found is None:
        raise Problem("no_such_thing", what=f"person {person} of instruction {ident}")
    part, registry = subject(ident, person), desk.registry()
    return rows.RecipientWhole(
        person=rows.recipient_row(found, made, registry),
        notices=[rows.notice_row(notice, registry) for notice in desk.ledger.outbox(alert=part)],
        timeline=[rows.entry_row(entry) for entry in desk.ledger.timeline(part)],
    )


@router.post("/{ident}/receipts", summary="代录回执 · Note down that a person has read, accepted or done it")
def receipt(ident: Ident, said: Received, desk: TheDesk) -> rows.RecipientRow:
    now, heard = desk.clock.now(), Receipt(said.receipt)
    found = _asked(lambda: _instructor(desk).receipt(ident, said.person, heard, now, by=said.by, note=said.note))
    made = desk.ledger.instructions.get(ident)
    if made is None:
        raise Problem("no_such_thing", what=f"instruction {ident}")
    return rows.recipient_row(found, made, desk.registry())


@router.post("/{ident}/remind", summary="催办 · Remind everybody who has not")
def remind(ident: Ident, said: Asked, desk: TheDesk, idempotency_key: Key = "") -> rows.Reminded:
    key = _key(idempotency_key)
    told = _asked(lambda: _instructor(desk).remind(ident, key, said.by, desk.clock.now()))
    return rows.Reminded(told=told, instruction=_row(desk, ident))


@router.post("/{ident}/withdraw", summary="撤回 · Withdraw it: everybody who was told hears that it does not hold")
def withdraw(ident: Ident, said: Over, desk: TheDesk) -> rows.InstructionRow:
    return _ended(desk, ident, Standing.WITHDRAWN, said)


@router.post("/{ident}/end", summary="结束 · End it: everybody who was told hears that there is nothing more to do")
def end(ident: Ident, said: Over, desk: TheDesk) -> rows.InstructionRow:
    return _ended(desk, ident, Standing.ENDED, said)


def _ended(desk: Desk, ident: str, standing: Standing, said: Over) -> rows.InstructionRow:
    _asked(lambda: _instructor(desk).end(ident, standing, said.by, said.why, desk.clock.now()))
    return _row(desk, ident)


def _instructor(desk: Desk) -> Instructor:
    return desk.conductor.instructor


def _row(desk: Desk, ident: str) -> rows.InstructionRow:
    made = desk.ledger.instructions.get(ident)
    if made is None:
        raise Problem("no_such_thing", what=f"instruction {ident}")
    return rows.instruction_row(made, desk.ledger.instructions.tally([ident]).get(ident, {}))


def _key(said: str) -> str:
    if not said.strip():
        raise Problem("key_missing")
    return said.strip()


def _asked(act: Callable[[], T]) -> T:
    """What the instructor answers; its refusals as problems."""
    try:
        return act()
    except UnknownInstruction as error:
        raise Problem("no_such_thing", what=str(error)) from error
    except Unaddressable as error:
        raise Problem("nobody_meant", why=str(error)) from error
    except KeyUsed as error:
        raise Problem("key_used", why=str(error)) from error
    except NotAllowed as error:
        raise Problem("instruction_over", why=str(error)) from error
