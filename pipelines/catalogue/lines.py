"""Reads numbered lines of limited length from a byte stream, tolerating invalid UTF-8."""

from __future__ import annotations

import io
from collections import deque
from typing import BinaryIO

from pipelines.catalogue.files import BLOCK_BYTES

MAX_LINE_BYTES = 16 * 2**20


class LineReader:
    """Iterates over the decoded lines of a stream, numbered from 1; lines can be pushed back.

    Invalid UTF-8 bytes become lone surrogates, which no column accepts, so they make only their
    own row fail.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._buffered = io.BufferedReader(_require_unbuffered(stream), BLOCK_BYTES)
        self._pushed_back: deque[tuple[int, str]] = deque()
        self._count = 0
        self.consumed: list[tuple[int, str]] = []  # since the start of the current record

    def __iter__(self) -> LineReader:
        return self

    def __next__(self) -> str:
        numbered = self._pushed_back.popleft() if self._pushed_back else self._read()
        self.consumed.append(numbered)
        return numbered[1]

    def _read(self) -> tuple[int, str]:
        line = self._buffered.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        self._count += 1
        if self._count == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := self._buffered.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            raise LineTooLongError(self._count)
        return self._count, line.decode("utf-8", "surrogateescape")

    def push_back_continuation(self) -> int:
        """Pushes back all lines of the record except the first, and returns the first's number."""
        first, *rest = self.consumed
        self._pushed_back.extendleft(reversed(rest))
        return first[0]


class LineTooLongError(Exception):
    """A line exceeds the maximum length of a row; `args[0]` is its line number."""


def _require_unbuffered(stream: BinaryIO) -> io.RawIOBase:
    if not isinstance(stream, io.RawIOBase):
        raise TypeError("lines are read from an unbuffered stream")
    return stream
