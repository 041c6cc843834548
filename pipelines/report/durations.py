"""Durations as people read them, with their units."""

from __future__ import annotations


def seconds_text(seconds: float) -> str:
    """Returns a duration for people.

    Example:
        >>> seconds_text(0.42), seconds_text(75.2), seconds_text(7_384)
        ('0.4 s', '1m 15s', '2h 03m')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}h {minutes:02d}m"
