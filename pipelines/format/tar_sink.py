"""Defines sinks for tar bytes: those that take many pieces per call, and those that take one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable


class Writable(Protocol):
    """A sink for tar bytes."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Writes some or all of the bytes, from the first on, and returns how many."""


@runtime_checkable
class VectoredWritable(Protocol):
    """A sink that takes many pieces in one call, without joining them."""

    def writev(self, pieces: Sequence[bytes], /) -> None:
        """Writes all of the pieces, in order."""


def writev_for(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """Returns a function that writes pieces to a sink: the sink's own `writev` if it has one."""
    return sink.writev if isinstance(sink, VectoredWritable) else _write_one_by_one(sink)


def _write_one_by_one(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """Returns a `writev` for a sink that takes one piece per call, perhaps only a part of it."""

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
