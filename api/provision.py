"""What must be there before any process starts: the ledger's tables, the log's topics, the series' bucket. Touches all three.

Each function may be repeated: it looks, does what is missing, says what it did, and waits for a server that is still coming up. What stands
in the way and needs a person is `Blocked`; a server that does not come is `Away`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from alerts.ledger import open_ledger
from alerts.ledger.migrate import HEAD, LedgerTooNew
from alerts.ledger.port import LedgerUnavailable
from ingest.log import LogUnavailable, configs_of, ensure_topics
from ingest.settings import LogSettings
from ingest.topics import plan
from streams.settings import SeriesSettings

Say = Callable[[str], None]
_PAUSE: Final = 0.5
_DAY: Final = 86_400
_GROUPS: Final = ((180, 7), (2, 1))  # InfluxDB's own steps: kept for at least so many days, groups of so many days …
_SHORTEST_GROUP: Final = _DAY // 24  # … else of an hour


class Blocked(RuntimeError):
    """Something is there and not as it must be, and a person has to decide. The message says what to do."""


class Away(RuntimeError):
    """A server did not answer in time. The message names it and the setting that says where it is."""


def provide_ledger(address: str, say: Say, *, within: float) -> None:
    """The ledger has the tables of this version. Raises `Blocked`, `Away`, or `ValueError` for an address that cannot be one."""
    deadline = time.monotonic() + within
    while True:
        try:
            open_ledger(address).close()
            say(f"ledger: its tables are of revision {HEAD} or one that this version can use")
            return
        except LedgerTooNew as error:
            raise Blocked(str(error)) from error
        except LedgerUnavailable as error:
            if time.monotonic() > deadline:
                shown = address.rpartition("@")[2]
                why = str(error).splitlines()[0]
                raise Away(
                    f"the ledger at {shown} did not answer within {within:g} s: {why}; is the database running, and are "
                    "ledger.url and ledger.password right?"
                ) from error
        time.sleep(_PAUSE)


async def provide_log(settings: LogSettings, say: Say, *, within: float) -> None:
    """Every topic is there with its partitions and copies, and is kept as the settings say. Raises `Blocked`, `Away`."""
    deadline = time.monotonic() + within
    try:
        await ensure_topics(settings, within=within)
    except LogUnavailable as error:
        raise (Away if "did not answer" in str(error) else Blocked)(str(error)) from error
    changed = list[str]()
    while settings.idempotent:  # the embedded broker, which is not, hangs up when it is asked how it keeps topics
        try:
            changed = await _kept_as_wanted(settings)
            break
        except (KafkaError, OSError) as error:
            if time.monotonic() > deadline:
                raise Away(
                    f"the log at {settings.brokers} has topics and does not tell how it keeps them: {error!r}"
                ) from error
        await asyncio.sleep(_PAUSE)
    say(f"log: {len(plan())} topics of {settings.partitions} partitions, {settings.replication} copies each")
    for line in changed:
        say(f"log: {line}")


async def _kept_as_wanted(settings: LogSettings) -> list[str]:
    """Put right how topics that are there are kept. Returns what was changed, one sentence each."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers, request_timeout_ms=15_000)
    await admin.start()
    try:
        names = [str(p.name) for p in plan()]
        for topic in await admin.describe_topics(names):
            copies = min(len(p["replicas"]) for p in topic["partitions"])
            if copies < settings.replication:
                raise Blocked(
                    f"topic {topic['topic']} has {copies} copies and log.replication says {settings.replication}: give its "
                    "partitions more replicas (kafka-reassign-partitions), or correct log.replication"
                )
        wanted = {str(p.name): configs_of(p, settings) for p in plan()}
        wrong = _differences(
            await admin.describe_configs([_resource(n, dict.fromkeys(wanted[n])) for n in names]), wanted
        )
        if wrong:
            for answer in await admin.alter_configs([_resource(name, wanted[name]) for name in wrong]):
                for code, message, _, name in answer.resources:
                    if code:
                        raise for_code(code)(f"the log did not change how it keeps {name}: {message}")
        return [f"{name} is now kept with {', '.join(what)}" for name, what in sorted(wrong.items())]
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await admin.close()


def _resource(name: str, configs: Mapping[str, str | None]) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(configs))


def _differences(answers: list[Any], wanted: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The topics that are kept otherwise than wanted, with what is to change."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        for code, message, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"the log does not tell how it keeps {name}: {message}")
            are = {entry[0]: entry[1] for entry in entries}
            differ = [f"{key}={value}" for key, value in wanted[name].items() if key in are and are[key] != value]
            if differ:
                found[name] = differ
    return found


def provide_series(settings: SeriesSettings, say: Say, *, within: float) -> None:
    """The bucket is there and keeps readings as long as the settings say; a fresh InfluxDB is set up first. Raises `Blocked`, `Away`."""
    if settings.store != "influx":
        say("series: the embedded store needs nothing")
        return
    deadline = time.monotonic() + within
    with httpx.Client(base_url=settings.url, timeout=10.0) as client:
        onboarding = Onboarding(settings, client)
        while True:
            try:
                for line in onboarding.provide():
                    say(f"series: {line}")
                return
            except (httpx.TransportError, Busy) as error:
                if time.monotonic() > deadline:
                    raise Away(
                        f"InfluxDB at {settings.url} did not answer within {within:g} s: {error or type(error).__name__}; is it "
                        "running, and is series.url right?"
                    ) from error
            time.sleep(_PAUSE)


class Busy(RuntimeError):
    """The server answers that it cannot answer yet."""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """One InfluxDB on its way to what the settings want of it."""

    settings: SeriesSettings
    client: httpx.Client

    def provide(self) -> list[str]:
        """Do what is missing and say it."""
        if self._ask("GET", "/api/v2/setup").get("allowed"):
            return [self._set_up()]
        found = self._ask("GET", "/api/v2/buckets", params={"name": self.settings.bucket, "org": self.settings.org})
        if not found.get("buckets"):
            return [self._make_bucket()]
        bucket = found["buckets"][0]
        kept = next((rule["everySeconds"] for rule in bucket.get("retentionRules", ())), 0)
        if kept == self._seconds:
            return [f"bucket {self.settings.bucket} is there and keeps readings {self._said}"]
        self._ask("PATCH", f"/api/v2/buckets/{bucket['id']}", json={"retentionRules": self._rules()})
        return [f"bucket {self.settings.bucket} now keeps readings {self._said}"]

    @property
    def _seconds(self) -> int:
        return self.settings.retention_days * _DAY

    @property
    def _said(self) -> str:
        return f"for {self.settings.retention_days} days" if self._seconds else "for ever"

    def _rules(self) -> list[dict[str, Any]]:
        """Retention works on whole groups of shards: a shorter one needs shorter groups, or it is refused."""
        if not self._seconds:
            return [{"type": "expire", "everySeconds": 0}]
        days = next((size for least, size in _GROUPS if self.settings.retention_days >= least), 0)
        return [
            {
                "type": "expire",
                "everySeconds": self._seconds,
                "shardGroupDurationSeconds": days * _DAY or _SHORTEST_GROUP,
            }
        ]

    def _set_up(self) -> str:
        # Nobody signs in to InfluxDB with this password: every part of Tocsin uses the token. A person can set another with
        # `influxd recovery user update`.
        self._ask("POST", "/api/v2/setup", json={
            "username": "tocsin", "password": secrets.token_urlsafe(24), "org": self.settings.org,
            "bucket": self.settings.bucket, "token": self.settings.token.get_secret_value(),
            "retentionPeriodSeconds": self._seconds,
        })  # fmt: skip
        return f"InfluxDB is set up: organisation {self.settings.org}, bucket {self.settings.bucket}, readings kept {self._said}"

    def _make_bucket(self) -> str:
        orgs = self._ask("GET", "/api/v2/orgs", params={"org": self.settings.org}).get("orgs") or []
        if not orgs:
            raise Blocked(
                f"InfluxDB at {self.settings.url} has no organisation {self.settings.org} that this token may see: correct series.org or "
                "series.token"
            )
        bucket = {"orgID": orgs[0]["id"], "name": self.settings.bucket, "retentionRules": self._rules()}
        self._ask("POST", "/api/v2/buckets", json=bucket)
        return f"bucket {self.settings.bucket} is made, readings kept {self._said}"

    def _ask(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        head = {} if path == "/api/v2/setup" else {"Authorization": f"Token {self.settings.token.get_secret_value()}"}
        answer = self.client.request(method, path, headers=head, **rest)
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        said = f"{answer.status_code} {answer.text[:200]}"
        if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Busy(said)
        if (
            answer.status_code == httpx.codes.NOT_FOUND and method == "GET"
        ):  # asked for a bucket or organisation that is not there
            return {}
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Blocked(
                f"InfluxDB at {self.settings.url} was set up before and does not know this token: set series.token to one that may "
                "write buckets of the organisation"
            )
        raise Blocked(f"InfluxDB at {self.settings.url} refused {method} {path}: {said}")
