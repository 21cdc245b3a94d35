"""The service clocks of a case: how long each may take, in whose time, and what moves them."""
