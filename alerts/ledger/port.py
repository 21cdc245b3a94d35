"""What the rest of Tocsin may ask of the ledger. Alert, timeline and outbox change in one transaction (law 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from alerts.alert import Alert, Entry, Notice
from alerts.delivery.bundles import Lane
from alerts.ledger.bundle_port import WritesBundles
from alerts.ledger.instruction_port import Instructions, WritesInstructions
from alerts.ledger.quiet_port import ReadsQuiet, WritesQuiet
from alerts.orders.summary import Standing
from alerts.people.duty import Duty
from alerts.people.roster import Person, Roster
from alerts.reports import Reports
from ingest.events import Place
from ingest.registry import Device, Grid, Registry
from ingest.unknown import UnknownDevice
from streams.signal import Level


class LedgerUnavailable(RuntimeError):
    """The ledger cannot be asked just now: commit nothing, try again."""


class Conflict(RuntimeError):
    """Somebody changed the alert meanwhile: read it again and decide again."""


class NotAdopted(ValueError):
    """A device that cannot be adopted: it is enrolled already, or there is no such grid. The message says what to do."""


class BadCursor(ValueError):
    """A page was asked for with a cursor that no page gave out."""


class Transaction(Protocol):
    """Reads and writes that happen together or not at all. Readers of it see what it has already written."""

    def alert(self, ident: str) -> Alert | None:
        """One alert, locked until the transaction ends where the database can."""

    def open_alerts(
        self,
        *,
        townships: Sequence[str],
        kinds: Sequence[str],
        near: Sequence[Place] = (),
        since: datetime | None = None,
    ) -> list[Alert]:
        """Every alert that is not over, of these townships and kinds: the candidates a signal may belong to.

        With `near`, only those in the grid of one of these places, or within about half a kilometre of the point of one
        (and perhaps a little farther: the caller measures). With `since`, only those last seen at or after it. In a
        storm both keep the answer small.
        """

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        """Several alerts at once, locked like one; unknown ids are passed over."""

    def open_with(self, identities: Sequence[str]) -> list[Alert]:
        """Every alert that is not over and has one of these identities (`Alert.identity`): an index lookup, cheap in a storm."""

    def holding(self, signal_keys: Sequence[str]) -> dict[str, str]:
        """Which of these signal keys were applied before, and to which alert (key -> alert id)."""

    def hold(self, keys: Mapping[str, str]) -> None:
        """Remember that signal keys were applied (key -> alert id)."""

    def notices(self, alert: str) -> list[Notice]:
        """Every notice of an alert, oldest first."""

    def notice(self, key: str) -> Notice | None:
        """One notice."""

    def unreachable(self, since: datetime) -> frozenset[str]:
        """`Ledger.unreachable`, as it was when the transaction began to write."""

    def save(self, alert: Alert, entries: Sequence[Entry]) -> Alert:
        """Write an alert and append entries; returns it with its new version.

        Its `version` must be the one in the ledger, 0 for a new one. Raises `Conflict` when somebody else has changed it.
        """

    def save_all(self, changes: Sequence[tuple[Alert, Sequence[Entry]]]) -> list[Alert]:
        """`save` for many alerts at once, in order, each at most once in `changes`; `Conflict` when any of them was changed meanwhile."""

    def queue(self, notices: Sequence[Notice]) -> int:
        """Put notices in the outbox in the state they carry; one whose key exists is passed over. Returns how many were new."""

    def update(self, *notices: Notice) -> None:
        """Write the new states of notices."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries without touching an alert."""

    @property
    def bundles(self) -> WritesBundles:
        """Held notices and the groups they belong to."""

    @property
    def instructions(self) -> WritesInstructions:
        """Downward instructions."""

    @property
    def quiet(self) -> WritesQuiet:
        """When not to ring."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a page of alerts is asked for; empty fields do not filter, except that canaries are only there when `kinds` names them."""

    levels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    handlings: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    townships: tuple[str, ...] = ()
    subject: str = ""
    open_only: bool = False
    since: datetime | None = None
    seen: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] | None = (
        None  # levels and grids that go together; any of them
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Alerts, worst and newest first, and the cursor of the next page (empty at the end)."""

    alerts: tuple[Alert, ...]
    cursor: str = ""


class Ledger(Protocol):
    """The whole ledger. Every method is synchronous and bounded in time; call it from a thread, not from an event loop."""

    def transaction(self, *, ahead: bool = False) -> AbstractContextManager[Transaction]:
        """A read-write transaction; an exception inside it undoes everything.

        With `ahead` the turn to write may be waited for only when there is something to write: then `Conflict` says that something that was
        read has changed meanwhile. For large batches that lock nothing; whoever meets a conflict decides again without it.
        """

    def alert(self, ident: str) -> Alert | None: ...
    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        """Several alerts, in one question; unknown ids are passed over."""

    def page(self, wanted: Filter, *, limit: int = 50, cursor: str = "") -> Page: ...
    def timeline(self, alert: str) -> list[Entry]: ...
    def entries_after(self, seq: int, *, limit: int = 500) -> list[Entry]:
        """The timeline of everything after `seq`, in order, without holes that a slow writer could fill later."""

    def last_seq(self) -> int: ...
    def outbox(self, *, alert: str = "", states: Sequence[str] = (), limit: int = 200) -> list[Notice]:
        """Notices; those of canaries only where their `alert` is named."""

    def notices_of(self, alerts: Sequence[str]) -> dict[str, list[Notice]]:
        """The notices of several alerts, each alert's oldest first; every alert that was asked for is in it."""

    def riders(self, carriers: Sequence[str]) -> dict[str, list[Notice]]:
        """What some messages of several speak for, the oldest first; every key that was asked for is in it."""

    def notice_by_provider_id(self, provider_id: str) -> Notice | None: ...

    def lease_notices(
        self, now: datetime, *, limit: int, lease: timedelta, at_least: Level = Level.BLUE
    ) -> list[Notice]:
        """Queued notices that are due, worst level first, then by turn, then oldest: each handed to one caller for `lease`.

        Only those of at least a level. They are `sending` from now on, and every handing out adds one to `attempts`. A
        notice whose lease ran out (its sender died) is handed out again.
        """

    def due_escalations(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        """Ids of alerts whose `escalate_at` or a timer of which has come, each handed to one caller for `lease`.

        Saving the alert ends its lease.
        """

    def due_lanes(self, now: datetime, *, limit: int) -> list[Lane]:
        """For whom something that is held falls due, or a group is to be told again: a cheap question to ask often."""

    def next_due(self) -> datetime | None:
        """When the next escalation, timer or notice, held ones too, falls due, to sleep until then."""

    def registry(self) -> Registry: ...
    def roster(self) -> Roster: ...
    def now(self) -> datetime | None:
        """The database's clock, which all processes of a city go by; None where it is this machine's own. Raises `LedgerUnavailable`."""

    def place_version(self) -> int:
        """Grows with every import: a cheap question to ask often."""

    def replace_place(
        self,
        grids: Sequence[Grid],
        devices: Sequence[Device],
        people: Sequence[Person],
        duties: Sequence[Duty] = (),
    ) -> int:
        """Put a checked place in force in one transaction; returns the new version.

        What is listed is added or updated, nothing is deleted, except that the duties of a person and kind take the place of
        all that there were of that person and kind.
        """

    def unreachable(self, since: datetime) -> frozenset[str]:
        """People whom the provider could not deliver a notice made at or after an instant, where none made since has left or waits."""

    def note_unknown(self, heard: Sequence[UnknownDevice]) -> None:
        """Remember devices that are not enrolled: counts add up, the first time stays, the later word is the sample.

        At most `ingest.unknown.MOST` are remembered; those unheard for longest leave first.
        """

    def unknown_devices(self, limit: int = 200) -> list[UnknownDevice]:
        """Devices that were heard and are not enrolled, the last heard first."""

    def adopt(self, device: Device) -> int:
        """Enrol a device in a known grid, in one transaction with its leaving the unknown; returns the place's new version.

        Raises `NotAdopted`. It need not have been heard.
        """

    @property
    def instructions(self) -> Instructions:
        """Downward instructions."""

    @property
    def quiet(self) -> ReadsQuiet:
        """When not to ring."""

    @property
    def reports(self) -> Reports:
        """What patrols and residents reported."""

    def whistled(self, limit: int = 1000) -> list[Alert]:
        """Cases with an open whistle, the oldest case first."""

    def given_to(self, people: Sequence[str], since: datetime) -> list[Alert]:
        """Cases given to one of these people, or at whose scene one of them is, that are open or were raised at or after an instant.

        The newest first, at most 1,000.
        """

    def stage_rows(self, since: datetime, until: datetime) -> list[Alert]:
        """Alerts raised between two instants, for response metrics; no canaries."""

    def orders(self, since: datetime, until: datetime) -> list[Standing]:
        """The hotline's orders that were linked between two instants, each with the case that has it now."""

    def counts(self) -> dict[str, int]:
        """How many alerts are open per level, notices per state, and totals, for metrics and health; no canaries."""

    def forget_canaries(self, before: datetime) -> int:
        """Delete some canaries raised before an instant with all that was said of them; returns how many.

        Nothing else is ever deleted from the timeline (law 5).
        """

    def close(self) -> None: ...
