"""Whom one could send to a case, and who is at its scene."""
