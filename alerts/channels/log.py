"""The channel that only writes a line: for evaluating, for drills, and where no provider is set up."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from alerts.alert import Notice
from alerts.channels.contract import Answer, Sent
from alerts.people.roster import Person, masked

log = logging.getLogger(__name__)


class LogChannel:
    """Every notice is one line in the log, with the number masked (law 14). It always works."""

    def send(self, notice: Notice, person: Person) -> Answer:
        log.info(
            "notice: person=%s phone=%s reason=%s level=%s text=%s",
            person.id, masked(person.phone), notice.reason.value, notice.level.value, notice.text,
        )  # fmt: skip
        return Sent(f"log-{notice.key}")

    def find(self, notice: Notice, person: Person) -> Sequence[str]:  # noqa: ARG002
        return ()  # a second line does no harm
