"""Writes TIFF files of every layout from arrays, without the library that reads them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.integer] | npt.NDArray[np.floating]
BYTE, ASCII, SHORT, LONG, UNDEFINED, LONG8 = 1, 2, 3, 4, 7, 16
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
_SIZES = {BYTE: "B", SHORT: "H", LONG: "I", LONG8: "Q"}

Order = Literal["<", ">"]
Entry = tuple[int, bytes | Sequence[int]]


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        samples: [height, width] or [height, width, channels].
        photometric: TIFF's number of what the values mean.
        bits: Bits of a sample; 12 are packed.
        is_planar: Whether each channel is stored apart.
        entries: Further entries: type, and bytes or numbers, by tag.
        rows: Rows of a strip.
        sub: Pages that tag SubIFDs refers to.
    """

    samples: Samples
    photometric: int = RGB
    bits: int = 8
    is_planar: bool = False
    entries: Mapping[int, Entry] = field(default_factory=dict)
    rows: int = 16
    sub: tuple[Page, ...] = ()


def write_tiff(
    *pages: Page, order: Order = "<", big: bool = False, directory_first: bool = False
) -> bytes:
    """Returns a TIFF file.

    Args:
        pages: Its pages, in order.
        order: `<` for II, `>` for MM.
        big: Whether it is a BigTIFF.
        directory_first: Whether a directory stands before the strips of its page.
    """
    writer = _Writer(order, big)
    for page in pages:
        writer.add(page, directory_first)
    return bytes(writer.out)


class _Writer:
    def __init__(self, order: Order, big: bool) -> None:
        self.order, self.big = order, big
        self.offset = "Q" if big else "I"
        mark = b"II" if order == "<" else b"MM"
        head = struct.pack(f"{order}HHH", 43, 8, 0) if big else struct.pack(f"{order}H", 42)
        self.out = bytearray(mark + head)
        self.next_at = len(self.out)
        self.out += bytes(8 if big else 4)

    def _number(self, value: int) -> bytes:
        return struct.pack(self.order + self.offset, value)

    def add(self, page: Page, directory_first: bool) -> None:
        at = self._page(page, directory_first)
        self.out[self.next_at : self.next_at + len(self._number(0))] = self._number(at)
        self.next_at = self._end_of_directory(at)

    def _end_of_directory(self, at: int) -> int:
        count_bytes, entry_bytes = (8, 20) if self.big else (2, 12)
        format_ = f"{self.order}{'Q' if self.big else 'H'}"
        (count,) = struct.unpack_from(format_, self.out, at)
        return at + count_bytes + int(count) * entry_bytes

    def _page(self, page: Page, directory_first: bool) -> int:
        subs = [self._page(one, False) for one in page.sub]
        strips = _strips(page, self.order)
        if not directory_first:
            return self._directory(page, [self._put(strip) for strip in strips], strips, subs)
        length = len(self.out)
        at = self._directory(page, [0] * len(strips), strips, subs)
        end = len(self.out)
        del self.out[length:]
        offsets = [end + sum(map(len, strips[:n])) for n in range(len(strips))]
        self._directory(page, offsets, strips, subs)
        self.out += b"".join(strips)
        return at

    def _put(self, raw: bytes) -> int:
        at = len(self.out)
        self.out += raw + b"\0" * (len(raw) & 1)
        return at

    def _directory(
        self, page: Page, offsets: list[int], strips: list[bytes], subs: list[int]
    ) -> int:
        height, width = page.samples.shape[:2]
        channels = 1 if page.samples.ndim == 2 else page.samples.shape[2]
        entries: dict[int, Entry] = {
            256: (LONG, [width]),
            257: (LONG, [height]),
            258: (SHORT, [page.bits] * channels),
            259: (SHORT, [1]),
            262: (SHORT, [page.photometric]),
            273: (LONG, offsets),
            277: (SHORT, [channels]),
            278: (LONG, [page.rows]),
            279: (LONG, [len(strip) for strip in strips]),
            284: (SHORT, [2 if page.is_planar else 1]),
            **({330: (LONG, subs)} if subs else {}),
            **page.entries,
        }
        body = bytearray()
        for tag, (kind, values) in sorted(entries.items()):
            raw = values if isinstance(values, bytes) else self._pack(kind, values)
            count = len(raw) if isinstance(values, bytes) else len(values)
            body += struct.pack(f"{self.order}HH", tag, kind) + self._number(count)
            room = len(self._number(0))
            body += raw.ljust(room, b"\0") if len(raw) <= room else self._number(self._put(raw))
        count_format = f"{self.order}{'Q' if self.big else 'H'}"
        head = struct.pack(count_format, len(entries))
        return self._put(head + bytes(body) + self._number(0))

    def _pack(self, kind: int, values: Sequence[int]) -> bytes:
        return struct.pack(f"{self.order}{len(values)}{_SIZES[kind]}", *values)


def _strips(page: Page, order: Order) -> list[bytes]:
    planes = (
        [page.samples[:, :, channel] for channel in range(page.samples.shape[2])]
        if page.is_planar
        else [page.samples]
    )
    return [
        _packed(plane[top : top + page.rows], page.bits, order)
        for plane in planes
        for top in range(0, len(plane), page.rows)
    ]


def _packed(samples: Samples, bits: int, order: Order) -> bytes:
    if bits == 12:
        rows = []
        for row in samples.reshape(len(samples), -1).tolist():
            padded = [*row, 0] if len(row) % 2 else row
            for one, two in zip(padded[::2], padded[1::2], strict=True):
                rows.append(bytes((one >> 4, (one & 15) << 4 | two >> 8, two & 255)))
        return b"".join(rows)
    return samples.astype(samples.dtype.newbyteorder(order)).tobytes()
