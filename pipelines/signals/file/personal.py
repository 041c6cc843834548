"""Finds personal data in a file's metadata: its kinds and places, never the data themselves.

Statements about rights (`rights_fields`) do not count, whoever they name. docs/signals.md lists
what does.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.media.formats import Format, is_film
from pipelines.signals.file.contact_texts import personal_kinds
from pipelines.signals.file.container_mp4 import mp4_boxes
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.metadata_blocks import BlockKind, MetadataBlock, printable
from pipelines.signals.file.metadata_tree import all_blocks
from pipelines.signals.file.personal_exif import exif_kinds, iim_kinds
from pipelines.signals.file.personal_xmp import xmp_kinds
from pipelines.signals.file.text_fields import TextField
from schemas.signal import AssertionKind, FileAssertion, PersonalKind, raw_sha256

_MAX_FOUND = 500
_NAME_KEYS = frozenset(
    "author artist creator photographer by-line byline owner cameraownername \xa9art aart \xa9aut "
    "auth perf \xa9dir \xa9prd \xa9wrt \xa9prf \xa9nam_author director producer".split()
)
_POSITION_KEYS = frozenset(("\xa9xyz", "loci", "location.iso6709", "iso6709"))
_CAMERA_BOXES = (b"GPMF", b"CAME", b"MUID", b"FIRM", b"LENS", b"SDLN", b"SETT", b"TAGS", b"pmcc")
# Samples of telemetry tracks: GoPro, Google's camera motion, QuickTime's timed metadata, Sony.
_TELEMETRY = (b"gpmd", b"camm", b"mebx", b"rtmd", b"djmd", b"dbgi")

Found = tuple[PersonalKind, str, bytes]


def personal_data(data: bytes, fmt: Format) -> list[FileAssertion]:
    """Returns the kinds of personal data in a file, each once for each place.

    Args:
        data: The whole file.
        fmt: Its format.
    """
    claims: dict[tuple[PersonalKind, str], FileAssertion] = {}
    for kind, where, raw in _found(data, fmt):
        where = printable(where)
        if (kind, where) not in claims and len(claims) < _MAX_FOUND:
            # The digest of the block around it, since that of a serial number could be guessed.
            digest = raw_sha256(raw)
            claims[kind, where] = FileAssertion(AssertionKind.PERSONAL, kind, where, digest)
    return list(claims.values())


def _found(data: bytes, fmt: Format) -> Iterator[Found]:
    blocks, texts = all_blocks(data)
    for block in blocks:
        for kind, field in _block_kinds(block):
            yield kind, f"{field}, {block.where}", block.data
    for text in texts:
        for kind in _text_kinds(text):
            yield kind, text.where, data
    if is_film(fmt):
        yield from _mp4_kinds(data)
    if b"jumb" in data:
        yield from _c2pa_kinds(data)


def _block_kinds(block: MetadataBlock) -> Iterator[tuple[PersonalKind, str]]:
    if block.kind is BlockKind.XMP:
        yield from xmp_kinds(block.data)
    elif block.kind is BlockKind.EXIF:
        yield from exif_kinds(block)
    elif block.kind is BlockKind.IIM:
        yield from iim_kinds(block.data)


def _text_kinds(field: TextField) -> Iterator[PersonalKind]:
    text = field.text.strip("\0 \t\r\n")
    if not text or field.role is TextRole.RIGHTS:
        return
    key = field.key.strip().casefold()
    last = key.rpartition("quicktime.")[2]
    if key in _NAME_KEYS or last in _NAME_KEYS:
        yield PersonalKind.NAME
    if key in _POSITION_KEYS or last in _POSITION_KEYS or "gps" in key:
        yield PersonalKind.GPS
        return  # its digits are no phone number
    if "serial" in key:
        yield PersonalKind.SERIAL_NUMBER
    yield from personal_kinds(text)


def _mp4_kinds(data: bytes) -> Iterator[Found]:
    for box in mp4_boxes(data):
        name = printable(box.kind.decode("latin-1"))
        if box.kind in _CAMERA_BOXES and box.parents[-1:] == (b"udta",):
            yield PersonalKind.CAMERA_DATA, f"MP4 {name}", data[box.start : box.end]
        if box.kind in (b"\xa9xyz", b"loci") and box.end > box.start:
            yield PersonalKind.GPS, f"MP4 {name}", data[box.start : box.end]
        if box.kind == b"stbl" and box.parents[-2:] == (b"mdia", b"minf"):
            description = data[box.start : min(box.end, box.start + 64)]
            found = next((kind for kind in _TELEMETRY if kind in description), None)
            if found is not None:
                where = f"MP4 track {found.decode()}"
                yield PersonalKind.CAMERA_DATA, where, data[box.start : box.end]


def _c2pa_kinds(data: bytes) -> Iterator[Found]:
    """Authors, identities and positions in a manifest store: its labels show them."""
    if b"schema-org.CreativeWork" in data and b"author" in data:
        yield PersonalKind.NAME, "C2PA CreativeWork", data
    if b"cawg.identity" in data:
        yield PersonalKind.NAME, "C2PA cawg.identity", data
    if b"GPSLatitude" in data and any(
        label in data for label in (b"stds.exif", b"c2pa.metadata", b"cawg.metadata")
    ):
        yield PersonalKind.GPS, "C2PA metadata", data
