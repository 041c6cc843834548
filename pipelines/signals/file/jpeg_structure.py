"""The segments of a JPEG from its start to its end, those between its scans included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

START = b"\xff\xd8\xff"
SOS, _EOI = 0xDA, 0xD9
# Behind a scan's header: 0xFF and what is neither a stuffed zero, a restart marker nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class JpegSegment:
    """One segment of a JPEG.

    Attributes:
        marker: The second byte of its marker.
        start: Offset of its payload in the file.
        end: Where its payload ends; behind that of SOS is a scan, up to the next marker.
    """

    marker: int
    start: int
    end: int

    @property
    def at(self) -> int:
        """Offset of its marker, before the size."""
        return self.start - 4


@dataclass(frozen=True)
class JpegPicture:
    """One JPEG picture in a file.

    Attributes:
        segments: Its segments with a payload, in order.
        end: Where it ends, after its end marker; None if it is damaged or truncated.
        has_bare_markers: Whether markers without a payload are between its segments.
    """

    segments: tuple[JpegSegment, ...]
    end: int | None
    has_bare_markers: bool = False


def read_picture(data: bytes, start: int = 0) -> JpegPicture:
    """Reads the structure of the JPEG picture that starts at an offset; never raises."""
    segments: list[JpegSegment] = []
    has_bare_markers = False
    at = start + 2
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            return JpegPicture(tuple(segments), at + 2, has_bare_markers)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a payload
            has_bare_markers = True
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > len(data):
            break
        segments.append(JpegSegment(marker, at + 4, end))
        at = end
        if marker == SOS:
            following = _MARKER.search(data, at)
            if following is None:
                break
            at = following.start()
    return JpegPicture(tuple(segments), None, has_bare_markers)


def picture_starts(data: bytes) -> Iterator[int]:
    """Every offset at which a JPEG picture may start: the file's own, and any other inside it."""
    at = data.find(START)
    while at >= 0:
        yield at
        at = data.find(START, at + 2)
