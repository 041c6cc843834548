"""Sinks for tar bytes: those that take many pieces per call, and those that take one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable


class Writable(Protocol):
    """A sink for tar bytes."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Writes all of the bytes or the first of them, and returns how many."""


@runtime_checkable
class VectoredWritable(Protocol):
    """A sink that takes many pieces in one call, without joining them."""

    def writev(self, pieces: Sequence[bytes], /) -> None:
        """Writes all of the pieces, in order."""


def writev_for(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """Returns a function that writes pieces to a sink: its own `writev` if it has one."""
    return sink.writev if isinstance(sink, VectoredWritable) else _write_one_by_one(sink)


def _write_one_by_one(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """Returns a `writev` for a sink that takes one piece at a time, perhaps not completely."""

    def writev(pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            taken = sink.write(piece)
            rest = memoryview(piece)
            while taken < len(rest):
                if taken <= 0:
                    raise OSError("the sink accepts no more bytes")
                rest = rest[taken:]
                taken = sink.write(rest)

    return writev
