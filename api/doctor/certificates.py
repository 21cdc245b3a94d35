"""Do the certificates hold, and for how long? Reads the CA's file and asks the MQTT broker for its own. Touches files and the network."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from api.doctor.finding import Finding
from ingest.settings import MqttSettings

SOON: Final = 30  # days
_WITHIN: Final = 5.0


def judged(part: str, ends: datetime, now: datetime, do: str) -> Finding:
    """A certificate by its last day."""
    days = (ends - now).total_seconds() / 86400
    said = f"{ends:%Y-%m-%d}, in {days:.0f} days" if days >= 0 else f"{ends:%Y-%m-%d}, {-days:.0f} days ago"
    return Finding(part, days >= SOON, f"ends {said}", "" if days >= SOON else do)


def certificates(settings: MqttSettings, now: datetime | None = None) -> Iterator[Finding]:
    """The CA's certificates, and the broker's as it shows it; nothing without TLS."""
    file = settings.ca_file
    if file is None:
        return
    now = now or datetime.now(UTC)
    try:
        ends = [c.not_valid_after_utc for c in x509.load_pem_x509_certificates(file.read_bytes())]
    except (OSError, ValueError) as error:
        yield Finding(
            "certificate of the CA", False, f"{file}: {error}", "mqtt.ca_file names a PEM file that can be read"
        )
        return
    do = "make a new CA certificate, give it to gateways and clients beside the old one, then change the broker's"
    yield judged("certificate of the CA", min(ends), now, do)
    yield _shown(settings, file, now)


def _shown(settings: MqttSettings, file: Path, now: datetime) -> Finding:
    part, where = "certificate of mqtt", f"{settings.host}:{settings.port}"
    context = ssl.create_default_context(cafile=str(file))
    try:
        with (
            socket.create_connection((settings.host, settings.port), timeout=_WITHIN) as plain,
            context.wrap_socket(plain, server_hostname=settings.host) as sealed,
        ):
            shown = sealed.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        do = "give the broker a certificate of this CA for this name that has not ended"
        return Finding(part, False, f"{where}: {error.verify_message}", do)
    except OSError as error:  # ssl.SSLError is one: a port without TLS too
        return Finding(part, False, f"{where}: no TLS: {error}", "is mqtt.port the one with TLS?")
    ends = x509.load_der_x509_certificate(shown or b"").not_valid_after_utc
    return judged(part, ends, now, "renew the broker's certificate and restart it")
