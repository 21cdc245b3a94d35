"""Questions that say how bad it is, and what their answers make of a case (研判)."""
