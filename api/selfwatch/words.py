"""What the system says to people about itself, in a telephone's length. Values come in, a text goes out; nothing personal is ever in it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from alerts.alert import Reason
from alerts.notices import CHINA
from api.selfwatch.parts import Grade, Part, Trouble


def said(language: str, trouble: Trouble, reason: Reason) -> str:
    """The text for a trouble that was found, or that still stands."""
    words = _words()[language]
    return str(words["say"]["repeat" if reason is Reason.REPEAT else trouble.grade]).format(
        part=words["part"][trouble.part],
        since=trouble.since.astimezone(CHINA).strftime("%H:%M"),
        means=words["means" if trouble.grade is Grade.STOPPED else "weak"][trouble.part],
    )


def said_well(language: str, part: Part) -> str:
    """The text for a part that is well again."""
    words = _words()[language]
    return str(words["say"]["well"]).format(part=words["part"][part])


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files("api.selfwatch").joinpath("words.toml").read_text(encoding="utf-8"))
