"""From what a resident tells the hotline to a signal: words for fire, gas, people trapped and flood, in Chinese and English.

A word counts where its clause says that it is so: not after a negation ("没有着火") or a condition ("如果起火"), not before a hedge
("火灾隐患"), not in a phrase that only contains it ("fire hydrant"), and not at all in a call about a drill. Where it is uncertain
("可能着火了", "might be on fire") it counts: a call too many costs a look. Calls without such a word are counted and say nothing;
a work order is a case also without one (`streams.orders`).
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from ingest.events import Call, Mark
from ingest.orders import ENDED, Order
from streams.detectors.pack import pack, unpack
from streams.orders import OrderRules, load_orders, order_key, signal_of
from streams.rules import InvalidRules, Name, Section
from streams.signal import Level, Origin, Signal, signal_key

SHIPPED: Final = Path(__file__).with_name("keywords.toml")
RULE: Final = "hotline"
REMEMBERED: Final = 50_000  # orders that are done, so that an earlier state that comes later does not open them
_CLAUSES: Final = re.compile(r"[,，.。;；!！?？、\n\r\t:：]+")
_ADJACENT: Final = 2  # characters between a negation and the word it denies
_REACH: Final = 6  # characters between a word and what makes it only a thought
_LATIN: Final = re.compile(r"[ -~]+")


class Kind(Section):
    """The words of one kind of emergency."""

    kind: Name
    level: Level
    words: tuple[str, ...] = Field(min_length=1)
    phrases: tuple[str, ...] = ()


class Keywords(Section):
    """Everything a keywords file says."""

    listen: int = Field(
        default=120,
        ge=10,
        title="Characters in which an emergency is named; what a long letter tells later is its story",
    )
    passed_over: tuple[str, ...] = ()
    negations: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    hedges: tuple[str, ...] = ()
    drills: tuple[str, ...] = ()
    kind: tuple[Kind, ...] = Field(min_length=1)


def load_keywords(path: Path | None = None) -> Keywords:
    """The keywords in a file, or the shipped ones. Raises `InvalidRules` with file and key."""
    path = path or SHIPPED
    try:
        return Keywords.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidRules("\n".join(lines)) from error
    except (OSError, ValueError) as error:
        raise InvalidRules(f"{path}: cannot be used: {error}") from error


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds any of the words, longest first, English ones as whole words in any case."""
    longest = sorted(words, key=len, reverse=True)
    parts = [rf"\b{re.escape(w)}\b" if _LATIN.fullmatch(w) else re.escape(w) for w in longest]
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


def _before(words: tuple[str, ...], signs: int, apart: int) -> str:
    """A pattern of a text that ends with any of the words and at most so many Chinese signs, or English words, after it."""
    latin, han = tuple(w for w in words if _LATIN.fullmatch(w)), tuple(w for w in words if not _LATIN.fullmatch(w))
    return rf"(?:{_any_of(latin).pattern})(?:\s+\S+){{0,{apart}}}\s*$|(?:{_any_of(han).pattern}).{{0,{signs}}}$"


class Listener:
    """Finds what kind of emergency a text speaks of."""

    def __init__(self, keywords: Keywords) -> None:
        self._drills = _any_of(keywords.drills)
        self._denied = _any_of(
            tuple(f"{no}{drill}" for no in ("不是", "并非", "not a ", "no ") for drill in keywords.drills)
        )
        self._passed_over = _any_of(keywords.passed_over)
        before = (_before(keywords.negations, _ADJACENT, 1), _before(keywords.conditions, _REACH, 3))
        self._before = re.compile("|".join(before), re.IGNORECASE)
        self._after = re.compile(rf".{{0,{_REACH}}}?(?:{_any_of(keywords.hedges).pattern})", re.IGNORECASE)
        self._listen = keywords.listen
        self._kinds = tuple((k, _any_of(k.phrases), _any_of(k.words)) for k in keywords.kind)

    def hear(self, text: str) -> tuple[Kind, str] | None:
        """The first kind the text speaks of and the word that said so, or None."""
        text = self._denied.sub(" ", " ".join(text.split())[: self._listen])
        if self._drills.search(text):
            return None
        text = self._passed_over.sub("·", text)
        for kind, phrases, words in self._kinds:
            for clause in _CLAUSES.split(phrases.sub("·", text)):
                for match in words.finditer(clause):
                    before, after = clause[: match.start()], clause[match.end() :]
                    if not (self._before.search(before) or self._after.match(after)):
                        return kind, match.group().lower()
        return None


class Calls:
    """The hotline's calls of one partition. There are no timers; what is kept are counts, and which orders are done."""

    def __init__(self, keywords: Keywords, orders: OrderRules | None = None) -> None:
        self.listener = Listener(keywords)
        self.orders = orders or load_orders()
        self.counts: Counter[str] = Counter()
        self._done: dict[str, float] = {}  # seconds since 1970, longest unheard first

    def update(self, event: Call) -> list[Signal]:
        """One call. A repeat gives the same signal with the same key. Muted calls say nothing."""
        if event.order is not None:
            return self._order(event, event.order)
        heard = None if event.marks.mutes else self.listener.hear(f"{event.category}。{event.text}")
        self.counts[heard[0].kind if heard else ""] += 1
        if heard is None:
            return []
        kind, word = heard
        return [Signal(
            signal_key(RULE, event.ident, event.observed_at),
            kind.kind, kind.level, Origin.HOTLINE, event.ident, RULE,
            event.observed_at, event.received_at, event.received_at, event.place,
            text="hotline_call", marks=event.marks, evidence={"word": word, "channel": event.channel, "address": event.address},
        )]  # fmt: skip

    def _order(self, event: Call, order: Order) -> list[Signal]:
        """One state of a work order. Tests, what a broker kept and another county's orders say nothing; late is what most orders are."""
        if (event.marks & ~Mark.LATE).mutes or not self.orders.ours(order):
            self.counts[""] += 1
            return []
        over = self._over(order)
        heard = None if over else self.listener.hear(f"{event.category}。{event.text}")
        emergency = (heard[0].kind, heard[0].level, heard[1]) if heard else None
        said = signal_of(event, order, self.orders, emergency, RULE, active=not over)
        self.counts[said.kind] += 1
        return [said]

    def _over(self, order: Order) -> bool:
        """Whether the unit has nothing to do about it any more. An earlier state that comes after that does not begin it again."""
        at = order.at.timestamp() if order.at else 0.0
        whole = order_key(order.platform, order.number)
        mine = f"{whole}/{order.unit}"
        if order.done:
            key = whole if order.state in ENDED else mine
            self._done[key] = max(at, self._done.pop(key, 0.0))
            while len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
            return True
        return any(at <= self._done.get(key, -1.0) for key in (whole, mine))

    def due_at(self) -> datetime | None:
        """Never: a call is heard at once."""
        return None

    def on_due(self, now: datetime) -> list[Signal]:  # noqa: ARG002
        """Nothing: a call is heard at once."""
        return []

    def snapshot(self) -> bytes:
        """The counts, and which orders are done since when, as bytes."""
        return pack({"counts": dict(self.counts), "done": self._done})

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described; raises `BrokenSnapshot`."""
        said = unpack(raw)
        earlier = not isinstance(said.get("counts"), dict)  # as it was written before there were orders
        self.counts = Counter(said if earlier else said["counts"])
        self._done = {} if earlier else said["done"]
