"""Where tar bytes go: sinks that take many pieces in one call, and those that take one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable


class Writable(Protocol):
    """Where tar bytes go."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Takes bytes, all or the first of them, and returns how many."""


@runtime_checkable
class VectoredWritable(Protocol):
    """A sink that takes many pieces in one call, without joining them."""

    def writev(self, pieces: Sequence[bytes], /) -> None:
        """Takes all of the pieces, in order."""


def writev_for(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """How all of some pieces are written to a sink: by its own `writev` if it has one."""
    return sink.writev if isinstance(sink, VectoredWritable) else _write_one_by_one(sink)


def _write_one_by_one(sink: Writable) -> Callable[[Sequence[bytes]], None]:
    """Writes pieces to a sink that takes one at a time, and perhaps not all of it."""

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
