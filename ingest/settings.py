"""Where the gateway finds the wire and the log. Values only; read from file and environment by `api.settings`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class Section(BaseModel):
    """A section of `tocsin.toml`: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class MqttSettings(Section):
    """The MQTT broker and this gateway's session on it."""

    host: str = Field("127.0.0.1", title="Host name or address of the broker")
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str = ""
    password: SecretStr = SecretStr("")
    ca_file: Path | None = Field(None, title="CA that signed the broker's certificate; setting it turns TLS on")
    client_id: str = Field(
        "tocsin-gateway", min_length=1, title="Stable: the broker keeps unacknowledged messages under it"
    )
    filters: tuple[str, ...] = Field(("tocsin/#",), min_length=1, title="Topic filters to subscribe to")
    shards: tuple[Annotated[str, Field(pattern=r"^[^/+#$\s]{1,64}$")], ...] = Field(
        (), title="First topic levels that this gateway serves; its filters and all topics stand behind them"
    )
    standby: bool = Field(False, title="Begin as the standby of another process with the same client id")
    standby_after: float = Field(
        5.0, gt=0, le=3600, title="Seconds without a word of the active gateway after which its standby takes over"
    )
    lane: Literal["auto", "fast", "stock"] = Field(
        "auto", title="fast cuts PUBLISH packets itself; stock is paho's own way; auto falls back"
    )
    max_unacknowledged: int = Field(5000, ge=1, title="Messages in hand before the gateway stops reading the wire")
    session_expiry: int = Field(
        7 * 86400, ge=60, title="Seconds the broker keeps the session while the gateway is away"
    )
    keepalive: int = Field(
        30, ge=2, title="Seconds; a broker gives a silent connection up after one and a half of them"
    )

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topic filters as the broker gets them."""
        return tuple(f"{shard}/{f}" for shard in self.shards for f in self.filters) or self.filters


class LogSettings(Section):
    """The log (Apache Kafka, or the embedded broker)."""

    brokers: str = Field("127.0.0.1:9092", title="host:port, comma separated")
    partitions: int = Field(12, ge=1)
    replication: int = Field(1, ge=1)
    min_insync: int = Field(1, ge=1, title="Replicas that must have a record before it counts as written (acks=all)")
    retention_days: int = Field(7, ge=1)
    idempotent: bool = Field(True, title="Idempotent producer; the embedded broker cannot, Kafka should")

    @property
    def fetch_wait_ms(self) -> int:
        """How long a reader's question may wait at the log for records. Kafka answers the moment there is one, and every
        question costs both sides; the embedded broker, which knows no idempotent producer, looks only every half wait.
        """
        return 100 if self.idempotent else 20

    @model_validator(mode="after")
    def _enough_replicas(self) -> LogSettings:
        if self.min_insync > self.replication:
            raise ValueError(
                f"min_insync is {self.min_insync} and there are only {self.replication} replicas: nothing could be written"
            )
        return self


def within(peer: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether an address is in one of the networks. A listener for both families sees an IPv4 address inside an IPv6 one; what a proxy
    says may be no address at all.
    """
    try:
        found = ip_address(peer)
    except ValueError:
        return False
    plain = found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
    return any(plain in network for network in networks)


class TcpDoor(Section):
    """Where devices connect that speak a dialect of their own over TCP."""

    dialect: Literal["gb26875", "hj212"]
    port: Annotated[int, Field(ge=0, le=65535)]
    host: str = Field("127.0.0.1", title="Address to listen on; 0.0.0.0 for every network")
    allow: tuple[IPv4Network | IPv6Network, ...] = Field((), title="Networks that may connect; everybody when empty")
    most: int = Field(2000, ge=1, title="Connections at once")
    idle: float = Field(900.0, gt=0, title="Seconds of silence after which a connection is closed")
    rate: float = Field(50.0, gt=0, title="Frames a second of one address; more is kept out for five minutes")
    accept_bad_crc: bool = Field(
        False, title="hj212: take packets with a wrong CRC, of stations that count it otherwise"
    )
    set_clocks: float | None = Field(
        None, gt=0, title="gb26875: set the clock of a panel that is further off than these seconds"
    )

    @model_validator(mode="after")
    def _of_its_dialect(self) -> TcpDoor:
        if self.accept_bad_crc and self.dialect != "hj212":
            raise ValueError(
                "accept_bad_crc is for the hj212 door: a frame of gb26875 with a bad sum is denied, as its standard says"
            )
        if self.set_clocks is not None and self.dialect != "gb26875":
            raise ValueError("set_clocks is for the gb26875 door: stations of hj212 are not set from here")
        return self


class PushDoor(Section):
    """A platform that pushes over HTTP to `/api/v1/push/{name}`."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    dialect: str = Field(min_length=1, title="One of `tocsin decode --list`")
    token: SecretStr = Field(
        SecretStr(""), title="What it must show: as a bearer token, in X-Tocsin-Token or as ?token="
    )
    token_file: Path | None = Field(None, title="The file that holds the token")
    allow: tuple[IPv4Network | IPv6Network, ...] = Field((), title="Networks it may come from; any when empty")
    rate: float = Field(50.0, gt=0, title="Messages a second; more is kept out for five minutes")
    signed_with: SecretStr = Field(SecretStr(""), title="onenet: the platform's token; what it did not sign is refused")
    aes_key: SecretStr = Field(SecretStr(""), title="onenet: the AES key of encrypted pushes, as its page shows it")

    @model_validator(mode="after")
    def _of_its_dialect(self) -> PushDoor:
        if self.dialect != "onenet" and (self.signed_with.get_secret_value() or self.aes_key.get_secret_value()):
            raise ValueError(f"push door {self.name}: signed_with and aes_key are for the dialect onenet")
        return self

    @model_validator(mode="after")
    def _is_guarded(self) -> PushDoor:
        if not self.allow and self.token_file is None and len(self.token.get_secret_value()) < 16:
            raise ValueError(
                f"push door {self.name} wants a token of 16 characters or more, a token_file, or networks to allow"
            )
        return self


class GatewaySettings(Section):
    """How the gateway reads messages."""

    profiles: Path | None = Field(None, title="TOML file with mapping profiles of sources that no dialect knows")
    hotlines: Path | None = Field(
        None,
        title="TOML file with the field names of hotline platforms, beside the families that ship (docs/orders.md)",
    )
    late_after: float = Field(
        300, gt=0, title="Seconds after which a reading is old on arrival: it corrects the record and never rings"
    )
    ahead_limit: float = Field(
        60, gt=0, title="Seconds a device's clock may run ahead before the gateway's clock stands in"
    )
    pace: float = Field(
        0.010, ge=0, le=1, title="Seconds between two writes of readings alone; 0 where the broker's window is small"
    )
    gap_grace: float = Field(
        10, ge=0, le=3600, title="Seconds for which a gateway's missing numbers may still come before a gap is told"
    )
    tcp: tuple[TcpDoor, ...] = Field((), title="Doors for devices that connect over TCP")
    frame_rows: int = Field(500, ge=1, le=5000, title="Rows at which a frame closes even if the wire has more")
