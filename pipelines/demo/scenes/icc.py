"""Makes two ICC profiles with reproducible bytes: sRGB, and a wide-gamut one (ICC.1:2001).

Little CMS writes the current time into a new profile, so the date is overwritten.
"""

from __future__ import annotations

import struct
from functools import cache

from PIL import ImageCms

_STAMP = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
_GAMMA = 2.2
# The primaries of Adobe RGB (1998), adapted to D50: the colorant tags of that specification.
_WIDE_COLUMNS = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}
_D50 = (0.9642, 1.0, 0.8249)


@cache
def srgb_profile() -> bytes:
    """Returns Little CMS's sRGB profile with a fixed date."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data[:24] + _STAMP + data[36:]


@cache
def wide_profile() -> bytes:
    """Returns a display profile of version 2 with wider primaries and a gamma of 2.2."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(_GAMMA * 256))
    tags = {
        b"desc": _description(b"Demo Wide RGB"),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0\0\0\0",
        b"wtpt": _xyz(_D50),
        **{name: _xyz(value) for name, value in _WIDE_COLUMNS.items()},
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = [struct.pack(">I", len(tags))], []
    offset = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table.append(name + struct.pack(">II", offset, len(data)))
        body.append(padded)
        offset += len(padded)
    return _header(offset) + b"".join(table) + b"".join(body)


def _header(size: int) -> bytes:
    head = struct.pack(">I4xI", size, 0x02400000) + b"mntrRGB XYZ " + _STAMP + b"acsp"
    illuminant = b"".join(_fixed(part) for part in _D50)
    return head.ljust(68, b"\0") + illuminant + b"\0" * (128 - 68 - 12)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(part) for part in value)


def _description(text: bytes) -> bytes:
    # The ASCII text, then an empty Unicode and an empty Macintosh description.
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" * (1 + 8 + 3 + 67)
