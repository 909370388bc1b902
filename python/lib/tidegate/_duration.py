"""Lengths of time in milliseconds, for rates."""

from __future__ import annotations

from enum import IntEnum

_LETTERS = (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


class Duration(IntEnum):
    """Milliseconds: ``Rate(5, Duration.SECOND * 2)``."""

    SECOND = 1_000
    MINUTE = 60_000
    HOUR = 3_600_000
    DAY = 86_400_000
    WEEK = 604_800_000

    def __mul__(self, factor: float) -> int:
        return int(int(self) * factor)

    __rmul__ = __mul__

    @staticmethod
    def readable(milliseconds: int) -> str:
        """A length of time for people, as ``1.5m``."""
        for letter, length in _LETTERS:
            if milliseconds >= length:
                return f"{milliseconds / length:.1f}{letter}"
        return f"{milliseconds}ms"
