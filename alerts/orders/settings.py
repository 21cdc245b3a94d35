"""Which hotline platforms hear how their orders stand, and in which names. Values only; read by `api.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, field_validator, model_validator

from alerts.orders.order import Report
from ingest.settings import Section

FIELDS: Final = (
    "key", "platform", "order_no", "seq", "report", "status", "at", "case", "unit", "text", "finding",
)  # fmt: skip
_SHORTEST: Final = 16


class HotlinePlatform(Section):
    """One platform that is written back to (docs/orders.md)."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        title="As in the topic hotline/NAME/… or the push door by which its orders come",
    )
    url: str = Field(pattern=r"^https?://", title="Where reports are posted")
    secret: SecretStr = Field(SecretStr(""), title="Shared with the platform: reports are signed with it")
    secret_file: Path | None = Field(None, title="The file that holds the secret")
    fields: dict[str, str] = Field(
        {}, title="Our names of fields to the platform's; only these are sent. Ours, when empty"
    )
    words: dict[Report, str] = Field({}, title="The platform's words for `status`, where they are not ours")
    ok_field: str = Field(
        "", title="The field of its answer that says whether it was taken; the HTTP status alone when empty"
    )
    ok_values: tuple[str, ...] = Field(("0", "200"), title="What that field says then")
    timeout: float = Field(5.0, gt=0, le=5, title="Seconds; less than a sender's lease")

    @field_validator("fields")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(value) - set(FIELDS)):
            raise ValueError(f"no such field of a report: {', '.join(unknown)}; there are {', '.join(FIELDS)}")
        return value

    @model_validator(mode="after")
    def _is_signed(self) -> HotlinePlatform:
        if self.secret_file is None and len(self.secret.get_secret_value()) < _SHORTEST:
            raise ValueError(f"platform {self.name} wants a secret of {_SHORTEST} characters or more, or a secret_file")
        return self

    def key(self) -> str:
        """The secret. Raises `ValueError` for a file that cannot be read or holds too little."""
        if self.secret_file is None:
            return self.secret.get_secret_value()
        try:
            found = self.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"notify.platforms {self.name}: the secret file {self.secret_file} cannot be read: {error}"
            ) from error
        if len(found) < _SHORTEST:
            raise ValueError(
                f"notify.platforms {self.name}: the secret in {self.secret_file} has less than {_SHORTEST} characters"
            )
        return found
