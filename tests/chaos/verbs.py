"""The product's processes under another module's hand, with the arguments they always take."""

from __future__ import annotations

import contextlib

import typer


def run() -> None:
    """`VERB …` as the command line has it."""
    from api.command import process

    alone = typer.Typer(add_completion=False)
    for verb in (process.gateway, process.worker, process.sender, process.api):
        alone.command()(verb)
    with contextlib.suppress(KeyboardInterrupt):
        alone()
