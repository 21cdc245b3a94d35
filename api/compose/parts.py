"""What conducting and showing lean on, opened as the settings say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from alerts.conduct import Conductor
from alerts.instructions.instructed import no_link
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.policy import load_policies
from alerts.words import load_words
from api.compose import agreed
from api.placebook import PlaceBook
from api.settings import Settings
from api.slips import ReportLinks, Slips
from ingest.clock import Clock
from streams.series.port import Series
from streams.settings import SeriesSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """What conducting and showing lean on."""

    ledger: Ledger
    series: Series
    book: PlaceBook
    conductor: Conductor
    clock: Clock

    async def follow(self, stop: asyncio.Event) -> None:
        """Keep up with imports, and with the ledger's clock, until `stop`."""
        await asyncio.gather(self.book.follow(stop), agreed.follow(self.clock, self.ledger, stop))

    def close(self) -> None:
        self.series.close()
        self.ledger.close()


def open_series(settings: SeriesSettings) -> Series:
    """The series the settings name."""
    if settings.store == "influx":
        from streams.series.influx import InfluxSeries

        return InfluxSeries(settings)
    from streams.series.embedded import EmbeddedSeries

    return EmbeddedSeries(settings.path)


def slips_of(settings: Settings) -> Slips:
    """What signs the pages of instructions."""
    return Slips(settings.secret.get_secret_value(), settings.notify.public_url)


def report_links_of(settings: Settings) -> ReportLinks:
    """What signs the pages on which patrols and residents report."""
    own = settings.reports
    return ReportLinks(
        settings.secret.get_secret_value(), settings.notify.public_url, edition=own.edition, days=own.link_days
    )


def open_parts(settings: Settings) -> Parts:
    """Open ledger and series and put the conductor on them."""
    ledger = open_ledger(settings.ledger.address)
    clock = settings.clock.clock()
    agreed.agree(clock, ledger)
    book = PlaceBook(ledger, clock.now)
    conductor = Conductor(
        ledger,
        policies=load_policies(settings.notify.policies),
        registry=book.registry,
        roster=book.roster,
        words=load_words(),
        channels=settings.notify.channels,
        language=settings.notify.language,
        link=slips_of(settings).link if settings.notify.links else no_link,
        platforms=frozenset(platform.name for platform in settings.notify.platforms),
    )
    return Parts(ledger, open_series(settings.series), book, conductor, clock)
