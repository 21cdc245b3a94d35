"""Are all brokers there, and does every topic stand as the settings want it, with all its copies? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from api.doctor.finding import Finding
from api.doctor.logview import LogView
from ingest.log import configs_of
from ingest.settings import LogSettings
from ingest.topics import Topic, plan


def brokers(seen: LogView, settings: LogSettings) -> Iterator[Finding]:
    """As many as there should be copies, and each address of the settings answers."""
    count, found = len(seen.brokers), f"{len(seen.brokers)} in the cluster: {', '.join(seen.brokers)}"
    if seen.unreachable:
        do = "start it, or correct log.brokers; docs/operations.md says how a broker is replaced"
        yield Finding("brokers", False, f"{found}; no answer from {', '.join(seen.unreachable)}", do)
    elif count < settings.replication:
        do = "start the missing ones: topics are kept in so many copies (log.replication)"
        yield Finding("brokers", False, f"{found}; {settings.replication} are needed", do)
    else:
        yield Finding("brokers", True, found)


def topics(seen: LogView, settings: LogSettings) -> Iterator[Finding]:
    """Every topic is there, with its partitions, its copies and its way of being kept."""
    counts = Counter(p.topic for p in seen.partitions)
    missing = sorted(set(Topic) - counts.keys())
    if missing:
        yield Finding("topics", False, f"there is no {', '.join(missing)}", "run `tocsin migrate`")
        return
    wrong = [f"{topic} has {n} partitions" for topic, n in sorted(counts.items()) if n != settings.partitions]
    if wrong:
        do = f"log.partitions says {settings.partitions}: correct it, or see `Move townships` in docs/operations.md"
        yield Finding("topics", False, "; ".join(wrong), do)
    else:
        yield Finding("topics", True, f"{len(counts)} topics of {settings.partitions} partitions")
    yield _copies(seen, settings)
    if seen.kept:
        yield _kept(seen, settings)


def _copies(seen: LogView, settings: LogSettings) -> Finding:
    def named(found: list[str]) -> str:
        return f"{len(found)} partitions, {found[0]} among them" if found else ""

    closed = [f"{p.topic}/{p.number}" for p in seen.partitions if p.leader < 0 or p.in_sync < settings.min_insync]
    if closed:
        do = f"start brokers until {settings.min_insync} copies of each are in sync (log.min_insync): nothing is written there"
        return Finding("copies", False, f"closed for writing: {named(closed)}", do)
    short = [f"{p.topic}/{p.number}" for p in seen.partitions if p.in_sync < p.replicas]
    if short:
        do = "a broker is away or catches up; the next one that dies may stop the log"
        return Finding("copies", False, f"short of copies: {named(short)}", do)
    few = [f"{p.topic}/{p.number}" for p in seen.partitions if p.replicas < settings.replication]
    if few:
        do = f"log.replication says {settings.replication}: give them more replicas (kafka-reassign-partitions)"
        return Finding("copies", False, f"fewer copies than wanted: {named(few)}", do)
    return Finding("copies", True, f"every partition has {settings.replication}, all in sync")


def _kept(seen: LogView, settings: LogSettings) -> Finding:
    wrong = [
        f"{p.name}: {key} is {seen.kept[p.name][key]}, not {value}"
        for p in plan(settings.partitions)
        for key, value in configs_of(p, settings).items()
        if p.name in seen.kept and seen.kept[p.name].get(key, value) != value
    ]
    if wrong:
        return Finding("retention", False, "; ".join(wrong[:3]), "run `tocsin migrate`: it puts this right")
    least = next(iter({k["min.insync.replicas"] for k in seen.kept.values() if "min.insync.replicas" in k}), "?")
    return Finding("retention", True, f"{settings.retention_days} days, at least {least} copies before a yes")
