"""Checks that a file is the one that the catalogue describes."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.catalogue import AssetRow
from schemas.errors import BadRecord
from schemas.features import FactsRow
from schemas.reasons import Reason

# Catalogues round durations to seconds, and measure other tracks than the picture's.
_DURATION_TOLERANCE_MS = 1_000


def check_described(row: AssetRow, facts: FactsRow) -> None:
    """Compares bytes, width, height and duration with the file, where the catalogue has them.

    Width and height may be those of the picture as displayed or as stored.

    Raises:
        BadRecord: `media.not_as_described`, naming both values of everything that differs.
    """
    differences = "; ".join(_differences(row, facts))
    if differences:
        raise BadRecord(Reason.MEDIA_NOT_AS_DESCRIBED, differences)


def _differences(row: AssetRow, facts: FactsRow) -> Iterator[str]:
    if row["bytes"] is not None and row["bytes"] != facts["bytes"]:
        yield f"the catalogue says {row['bytes']} bytes, the file has {facts['bytes']}"
    given = (row["width"], row["height"])
    sizes = (
        (facts["width"], facts["height"]),
        (facts["stored_width"], facts["stored_height"]),
    )
    if not any(_fits(given, size) for size in sizes):
        said = " x ".join("?" if side is None else str(side) for side in given)
        found = " x ".join(map(str, sizes[0]))
        yield f"the catalogue says {said} pixels, the file has {found}"
    duration_ms = row["duration_ms"]
    if duration_ms is not None and _differs(duration_ms, facts["duration_ms"]):
        yield f"the catalogue says {duration_ms} ms, the file has {facts['duration_ms']}"


def _fits(given: tuple[int | None, int | None], size: tuple[int, int]) -> bool:
    return all(side is None or side == own for side, own in zip(given, size, strict=True))


def _differs(said_ms: int, found_ms: int) -> bool:
    return abs(said_ms - found_ms) > max(_DURATION_TOLERANCE_MS, found_ms // 100)
