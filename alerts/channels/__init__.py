"""Ways to reach a person: one module each. `contract` says what one must do; how to add another stands in the README.

Only the channels named in the settings are built; `receipts` reads what a provider tells us afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from alerts.channels.contract import Channel
from alerts.orders.reports import channel_of
from alerts.settings import NotifySettings


def build_channels(settings: NotifySettings) -> Mapping[str, Channel]:
    """The channels in use, by name, in the order of the settings. Raises `ValueError` for a name that is no channel."""
    return {name: _build(name, settings) for name in settings.channels}


def build_platforms(settings: NotifySettings) -> Mapping[str, Channel]:
    """The ways to the hotline platforms that are written back to, by channel. Raises `ValueError` for a secret that cannot be read."""
    if not settings.platforms:
        return {}
    from alerts.channels.hotline import HotlineDoor

    return {channel_of(platform.name): HotlineDoor(platform) for platform in settings.platforms}


def _build(name: str, settings: NotifySettings) -> Channel:
    # The provider's client takes a second to load: only who uses it pays for it.
    match name:
        case "log":
            from alerts.channels.log import LogChannel

            return LogChannel()
        case "sms":
            from alerts.channels.twilio_sms import TwilioSms

            return TwilioSms(settings.twilio, settings.public_url)
        case "voice":
            from alerts.channels.twilio_voice import TwilioVoice

            return TwilioVoice(settings.twilio, settings.public_url)
    raise ValueError(f"notify.channels: {name!r} is no channel; there are log, sms and voice")


__all__ = ["Channel", "build_channels", "build_platforms"]
