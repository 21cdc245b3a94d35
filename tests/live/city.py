"""A small city on real servers: gateway, two workers, sender and API as processes, and everybody who stands around them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, SecretStr

from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.people.roster import Person
from api.child import free_ports
from api.county.telephone import TelephoneNetwork
from api.keeper import Keeper
from api.stack import environment_of
from ingest.registry import Device, Grid, GridLevel
from streams.series.influx import InfluxSeries
from tests.live.servers import Influx, Kafka, Mosquitto, Postgres

SID, TOKEN = "AClive0000000000000000000000000000", "live"
GRIDS = 6
PARTITIONS = 4
PARTS = {"gateway": "gateway", "worker-1": "worker", "worker-2": "worker", "sender": "sender", "api": "api"}
# one text to the grid leader and nothing more, so that every further text is one too many
CALM = """
version = "live"

[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
"""


def told(section: BaseModel) -> dict[str, Any]:
    """A section of settings, as far as it was set, in the clear."""
    dumped = section.model_dump(exclude_unset=True)
    return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in dumped.items()}


def place() -> tuple[list[Grid], list[Device], list[Person]]:
    """A county of two townships; every grid has one smoke detector and one leader."""
    grids = [Grid("c", "实地县", GridLevel.COUNTY)]
    grids += [Grid(f"c-{t}", f"第{t}镇", GridLevel.TOWNSHIP, "c") for t in range(2)]
    grids += [Grid(f"c-{n % 2}-{n}", f"第{n}网格", GridLevel.GRID, f"c-{n % 2}") for n in range(GRIDS)]
    devices = [Device(f"smoke-{n}", "smoke", "gw-live", f"c-{n % 2}-{n}") for n in range(GRIDS)]
    people = [Person(f"p{n}", f"第{n}网格长", number(n), "grid_leader", f"c-{n % 2}-{n}") for n in range(GRIDS)]
    return grids, devices, people


def number(n: int) -> str:
    """The telephone number of the leader of the nth grid."""
    return f"+861000000{n:04d}"


class City:
    """`with City(…) as city`: everything is provided by `tocsin migrate`, and every part has said that it is ready."""

    def __init__(self, folder: Path, *, kafka: Kafka, mosquitto: Mosquitto, postgres: Postgres, influx: Influx) -> None:
        self.network = TelephoneNetwork(SID, TOKEN)
        self.keeper = Keeper(folder / "parts")
        self.mosquitto = mosquitto
        self.log = kafka.settings(partitions=PARTITIONS)
        self.ledger_url = postgres.new_database()
        self.series_settings = influx.settings(bucket=influx.new_bucket())
        self.api_port = free_ports(1)[0]
        policies = folder / "policies.toml"
        policies.write_text(CALM, encoding="utf-8")
        twilio = {"account_sid": SID, "auth_token": TOKEN, "sender": "+10000000000", "base_url": self.network.url}
        values = {
            "mqtt": told(mosquitto.settings()),
            "log": told(self.log),
            "ledger": {"url": self.ledger_url},
            "series": told(self.series_settings),
            "worker": {"sends": False},
            "api": {"port": self.api_port},
            "notify": {"channels": ("sms",), "policies": policies, "public_url": self.api_url, "twilio": twilio},
        }
        own = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
        self.env, self._folder = own | environment_of(values), folder
        self.ledger: Ledger
        self.series: InfluxSeries

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`tocsin …` with this city's settings."""
        command = [sys.executable, "-m", "api.command", *arguments]
        return subprocess.run(
            command,
            env=self.env,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __enter__(self) -> Self:
        provided = self.command("migrate")
        assert provided.returncode == 0, provided.stderr
        self.ledger = open_ledger(self.ledger_url)
        self.ledger.replace_place(*place())
        self.series = InfluxSeries(self.series_settings)
        self.network.__enter__()
        try:
            for name, verb in PARTS.items():
                self.keeper.add(name, verb, self.env)
            self.keeper.start()
            for name in PARTS:
                self.keeper.await_ready(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.keeper.stop()
        self.network.__exit__()
        self.series.close()
        self.ledger.close()
