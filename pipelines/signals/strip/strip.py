"""Removes the metadata of a file, all or all but statements about rights, and checks the result.

The picture's or film's own bytes are copied, never decoded. What was made is read again by the
readers that judge files: it must say the same about rights, and hold nothing personal. Whatever
cannot be shown so is not delivered.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.media.formats import Format
from pipelines.signals.file.container_texts import role_of_key
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.metadata_blocks import BlockKind
from pipelines.signals.file.metadata_tree import all_blocks
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.file.unknown_parts import COLOUR_PROFILE
from pipelines.signals.strip.jpeg import strip_jpeg
from pipelines.signals.strip.kept import CannotStripError, Kept, rights_statements
from pipelines.signals.strip.mp4 import strip_mp4
from pipelines.signals.strip.png import strip_png
from pipelines.signals.strip.tiff import strip_tiff
from pipelines.signals.strip.webp import strip_webp
from schemas.signal import AssertionKind, FileAssertion, Reading

STRIPPERS: dict[Format, Callable[[bytes, Kept], bytes]] = {
    "jpg": strip_jpeg,
    "png": strip_png,
    "webp": strip_webp,
    "tif": strip_tiff,
    "mp4": strip_mp4,
    "mov": strip_mp4,
}
# Assertions that are about people or about the whole file, and not about rights.
_NOT_OF_RIGHTS = frozenset(
    (
        AssertionKind.CREATOR,
        AssertionKind.MODEL_AGE,
        AssertionKind.PEOPLE_SHOWN,
        AssertionKind.UNJUDGED,
        AssertionKind.PERSONAL,
        AssertionKind.C2PA_STATE,
    )
)
# Texts that are kept as evidence though their field is not about rights.
_NOTES = ("JPEG COM", "GIF comment", "EXIF UserComment", "EXIF XPComment", "XMP exif:UserComment")


def strip_metadata(
    data: bytes, fmt: Format, setting: str, orientation: int, trust: TrustLists
) -> bytes:
    """Returns a file without its metadata.

    Args:
        data: The whole file.
        fmt: Its format.
        setting: `rights-only` or `none`, the deal's `rights.personal_data`.
        orientation: EXIF orientation by which the picture is displayed. Any other than 1 is stated
            in the new file, or the picture would lie on its side.
        trust: What the deal brings for reading.

    Raises:
        CannotStripError: If it cannot be done for certain.
    """
    stripper = STRIPPERS.get(fmt)
    if stripper is None:
        raise CannotStripError(
            f"metadata of a file of the kind {fmt} cannot be removed; export it as JPEG or PNG"
        )
    if setting == "none":
        kept = Kept(orientation)
        stripped = stripper(data, kept)
        _check_empty(stripped, fmt, kept, trust)
        return stripped
    before = read_embedded(data, fmt, trust)
    if any(claim.kind is AssertionKind.C2PA_STATE for claim in before.claims):
        raise CannotStripError("a signed C2PA manifest can only be kept or removed as a whole")
    stripped = stripper(data, rights_statements(data, orientation, before))
    check_rights(before, read_embedded(stripped, fmt, trust), removes_personal=True)
    return stripped


def _check_empty(data: bytes, fmt: Format, kept: Kept, trust: TrustLists) -> None:
    reading = read_embedded(data, fmt, trust)
    blocks, texts = all_blocks(data)
    exif = [block for block in blocks if block.kind is BlockKind.EXIF]
    others = len(blocks) - len(exif)
    # A TIFF is a block itself; what it holds besides is among the others.
    allowed = (data, kept.exif())
    # Colours depend on their profile, so it stays; what it says about rights is in the reading.
    written = [text for text in texts if not text.where.endswith(COLOUR_PROFILE)]
    is_empty = not written and not others and all(block.data in allowed for block in exif)
    claims = [claim for claim in reading.claims if claim.kind is not AssertionKind.UNJUDGED]
    if not is_empty or claims or reading.signals or reading.faults:
        raise CannotStripError("metadata are in a part of the file that must stay")


def check_rights(before: Reading, after: Reading, removes_personal: bool) -> None:
    """Checks that a file made from another one states the same rights.

    Args:
        before: What the other file states.
        after: What the new file states.
        removes_personal: Whether the new file must not have personal data outside of statements
            about rights.

    Raises:
        CannotStripError: If it does not; the message says why, without values.
    """
    were, are = _rights(before), _rights(after)
    if were != are:
        kinds = ", ".join(sorted({kind for kind, *_ in were ^ are}))
        raise CannotStripError(f"a statement about rights would be lost or changed: {kinds}")
    if after.faults:
        raise CannotStripError("what remains of the metadata cannot be read")
    personal = sorted({c.value for c in after.claims if c.kind is AssertionKind.PERSONAL})
    if personal and removes_personal:
        raise CannotStripError(f"personal data are in statements about rights: {personal[0]}")


def _rights(reading: Reading) -> set[tuple[str, ...]]:
    """Returns what a reading says about rights, wherever it was found."""
    signals = {("signal", item.purpose, item.value, item.said) for item in reading.signals}
    return signals | {(item.kind, item.value) for item in reading.claims if _is_of_rights(item)}


def _is_of_rights(claim: FileAssertion) -> bool:
    if claim.kind in _NOT_OF_RIGHTS:
        return False
    if claim.kind is not AssertionKind.TEXT:
        return True
    is_png_note = claim.where.startswith("PNG ") and not _is_rights_key(claim.where)
    return not (claim.where.startswith(_NOTES) or is_png_note)


def _is_rights_key(where: str) -> bool:
    """Whether the text of a PNG chunk, `PNG tEXt Copyright`, is about rights."""
    return role_of_key(" ".join(where.split(" ")[2:])) is TextRole.RIGHTS
