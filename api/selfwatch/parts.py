"""What can be wrong with the system, as the desk, the figures and the system's own notices name it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Part(StrEnum):
    """The parts of the path, upstream first: the order in which troubles are listed."""

    MQTT = "mqtt"
    LOG = "log"
    LEDGER = "ledger"
    SERIES = "series"
    GATEWAY = "gateway"
    WORKER = "worker"
    SENDER = "sender"
    API = "api"


class Grade(StrEnum):
    """How bad it is."""

    STOPPED = "stopped"
    WEAKENED = "weakened"  # it works, but late or without its reserve


class Why(StrEnum):
    """What shows it. Each has its words on the page (`watch.why.…`)."""

    NO_ANSWER = "no_answer"  # it does not answer a direct question
    NOT_TAKEN = "not_taken"  # mqtt lets us in and takes no messages
    COPIES = "copies"  # the log has fewer copies than it should
    NOT_READ = "not_read"  # gateway: what the broker took does not get into the log
    NOBODY = "nobody"  # worker: nobody reads the log
    STANDS = "stands"  # worker: there is more to read and the position does not move
    NOT_DETECTED = "not_detected"  # worker: in the log, and no signal
    NOT_CONDUCTED = "not_conducted"  # worker: a signal, and no alert
    BEHIND = "behind"  # worker, sender: it moves, and is late
    NOT_SENT = "not_sent"  # sender: an alert, and its notice does not leave
    OVERDUE = "overdue"  # sender: notices or escalations are due and nobody takes them
    NOT_KEPT = "not_kept"  # series: it answers, and readings do not arrive in it
    CLOCK = "clock"  # api: this machine's clock and the gateway's differ
    NOT_LOOKING = "not_looking"  # api: the watch itself stands still


@dataclass(frozen=True, slots=True)
class Trouble:
    """One part that stopped or is weakened, since when, and what shows it. `detail` is technical and holds nothing personal."""

    part: Part
    why: Why
    since: datetime
    grade: Grade = Grade.STOPPED
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the watch is; seconds. `sends_in_worker`: a dead worker is also why notices do not leave."""

    every: float = 60.0
    patience: float = 20.0
    sends_in_worker: bool = True
