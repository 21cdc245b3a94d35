"""A fault that cannot be had on this machine."""


class Skip(Exception):
    """The message says what is missing."""
