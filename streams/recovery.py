"""Where a partition's reader begins after a restart, a move or a loss. Pure.

A snapshot knows exactly how far it has read. Without one (the first start, or a state that cannot be used) the committed offset is no more
than a hint: what was said in the last moments before a kill may not have been written. So a reader without a state goes some way back;
what it says again has the same keys and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """A partition as the log has it: first offset, the offset its next record will get, the group's committed offset (-1: none), and
    the offset it had reached some time ago.
    """

    begin: int
    end: int
    committed: int
    earlier: int

    @property
    def owed(self) -> int:
        """The offset that the consumer group brings next."""
        return self.committed if self.begin <= self.committed <= self.end else self.begin

    @property
    def fresh(self) -> int:
        """The last offset that counts as applied for a reader without a state."""
        return max(min(self.owed, self.earlier), self.begin) - 1

    def shorter(self, applied: int) -> bool:
        """Whether the log ends before what was applied: it is not the log that the state was made from."""
        return applied + 1 > self.end
