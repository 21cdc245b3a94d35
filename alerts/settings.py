"""What conducting and delivering need to know of their surroundings. Values only; read by `api.settings`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator

from alerts.orders.settings import HotlinePlatform
from ingest.settings import Section


class LedgerSettings(Section):
    """The ledger's database."""

    url: str = Field("sqlite:///var/ledger.db", title="SQLAlchemy address: sqlite:///FILE or postgresql+psycopg://…")
    password: SecretStr = Field(
        SecretStr(""),
        title="The database user's, when it does not stand in url; TOCSIN_LEDGER__PASSWORD_FILE reads it from a file",
    )

    @model_validator(mode="after")
    def _a_password_needs_a_user(self) -> LedgerSettings:
        if self.password.get_secret_value():
            parts = urlsplit(self.url)
            if not parts.username or parts.password is not None:
                raise ValueError(
                    "with ledger.password, ledger.url names a user and no password: postgresql+psycopg://USER@HOST/NAME"
                )
        return self

    @property
    def address(self) -> str:
        """The whole address, with the password: to open the ledger with, not to be shown."""
        password = self.password.get_secret_value()
        if not password:
            return self.url
        parts = urlsplit(self.url)
        user, _, host = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


class TwilioSettings(Section):
    """The default SMS and voice provider."""

    account_sid: str = ""
    auth_token: SecretStr = SecretStr("")
    sender: str = Field("", title="The number or messaging service that texts and calls come from")
    base_url: str = Field(
        "",
        title="Another provider of the same interface, such as the local telephone network of a demo; empty is Twilio",
    )
    timeout: float = Field(5.0, gt=0)
    validity: int = Field(300, ge=60, title="Seconds after which an undelivered text is worth nothing")


class NotifySettings(Section):
    """How people are told."""

    channels: tuple[str, ...] = Field(
        ("log",), title="Channels in use: log, sms, voice. The log channel only writes a line"
    )
    policies: Path | None = Field(
        None, title="TOML file with escalation policies; the shipped ones are used without it"
    )
    language: str = Field("zh", pattern="^(zh|en)$", title="Language of notices to people who have chosen none")
    public_url: str = Field("", title="Address under which the provider reaches this API, for receipts and key presses")
    links: bool = Field(
        False,
        title="Whether a text of an instruction carries the address of its page; carriers refuse addresses that are not registered",
    )
    platforms: tuple[HotlinePlatform, ...] = Field((), title="Hotline platforms that hear how their orders stand")
    twilio: TwilioSettings = TwilioSettings()

    @model_validator(mode="after")
    def _platforms_once(self) -> NotifySettings:
        names = [one.name for one in self.platforms]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"notify.platforms: {twice[0]} is there twice; keep one")
        return self

    @model_validator(mode="after")
    def _twilio_needs_an_account(self) -> NotifySettings:
        if {"sms", "voice"} & set(self.channels):
            missing = [n for n in ("account_sid", "sender") if not getattr(self.twilio, n)]
            missing += [] if self.twilio.auth_token.get_secret_value() else ["auth_token"]
            if missing or not self.public_url:
                raise ValueError(
                    "channels sms and voice need "
                    + ", ".join([*(f"twilio.{m}" for m in missing), *(() if self.public_url else ("public_url",))])
                )
        return self
