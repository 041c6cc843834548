"""Tests the metadata that are put into renditions."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageOps

from pipelines.media.render import RenderSettings, render_picture
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.strip.carry import carry_metadata

_RIGHT_TOP = 6
# TIFF's types that a number can have, and how it is packed; RATIONAL has two of them, elsewhere.
_KINDS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
_RATIONAL = 5


def _exif(order: str, kind: int) -> bytes:
    """Returns EXIF with an orientation of a type, and nothing else."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, 1)
    entry = struct.pack(f"{order}HHI", 0x0112, kind, 1)
    if kind == _RATIONAL:
        return (
            head
            + entry
            + struct.pack(f"{order}II", 26, 0)
            + struct.pack(f"{order}II", _RIGHT_TOP, 1)
        )
    return (
        head + entry + struct.pack(f"{order}{_KINDS[kind]}", _RIGHT_TOP).ljust(4, b"\0") + bytes(4)
    )


@pytest.mark.parametrize("kind", [*_KINDS, _RATIONAL])
@pytest.mark.parametrize("order", "<>")
def test_a_rendition_is_not_turned_again(order: str, kind: int) -> None:
    out = io.BytesIO()
    Image.new("RGB", (24, 16)).save(out, "JPEG", exif=b"Exif\0\0" + _exif(order, kind))
    data = out.getvalue()
    rendered = render_picture(data, "jpg", 1 << 20, RenderSettings("jpg", 95, 0, (255, 255, 255)))

    carried = carry_metadata(data, "jpg", rendered, "jpg", "keep", TrustLists(""))

    with Image.open(io.BytesIO(rendered)) as before, Image.open(io.BytesIO(carried)) as after:
        assert ImageOps.exif_transpose(after).size == before.size
