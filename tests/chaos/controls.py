"""Negative controls."""

CONTROLS: dict = {}


def caught(control, folder, seed) -> bool:
    raise NotImplementedError
