"""What the watch over the system itself needs to know. Values only; read by `api.settings`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from ingest.settings import Section

Number = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]


class SelfwatchSettings(Section):
    """A synthetic alarm through the whole path, and who hears when a part stopped. Each API process watches."""

    every: float = Field(60.0, ge=0, title="Seconds between two synthetic alarms; 0 turns the watch off")
    probe: float = Field(10.0, gt=0, title="Seconds between two rounds of direct questions to every part")
    patience: float = Field(20.0, gt=0, title="Seconds a part may be away or late before it is named")
    grace: float = Field(60.0, ge=0, title="Seconds after the start in which nothing is named: parts may be coming up")
    repeat: float = Field(1800.0, gt=0, title="Seconds after which people hear again of what still stands")
    name: str = Field("", max_length=64, title="This API's name in its canary's; host and port without it")
    shards: tuple[str, ...] = Field((), title="Topic shards to send a canary through; those of mqtt.shards without it")
    username: str = Field(
        "", title="User on the MQTT broker, who may write tocsin/selfwatch/#; that of mqtt without it"
    )
    password: SecretStr = SecretStr("")
    people: tuple[Number, ...] = Field(
        (), title="Telephone numbers that hear what stopped, by this process itself and not through the outbox"
    )
    channels: tuple[Literal["sms", "voice", "log"], ...] = Field(
        (), title="Channels for that, tried in this order; those of notify.channels without it"
    )
