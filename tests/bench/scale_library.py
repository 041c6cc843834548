"""A library of any size for the scale benchmark; an asset's number determines everything in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, CONTRIBUTORS_SCHEMA

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
FILES_PER_FOLDER = 1_000
_SERIES = 100  # assets of one contributor
_ROW_GROUP = 65_536
_WORDS = "harbour meadow bridge market garden station river forest window orchard".split()

DEAL = """\
deal_id = "scale"
buyer = "Bench"
purposes = ["train_gen"]
territory = ["NO", "US"]
starts = 2026-01-01
ends = 2029-01-01
profile = "image-text"
media = ["image"]

[select]
dedupe = "near"
max_assets = 100000000

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "1000000.00"
currency = "USD"
agency_share = "0.40"

[shards]
target_bytes = "128MiB"
"""


@dataclass(frozen=True)
class PlantedCounts:
    """Numbers of assets of each kind in a library.

    Attributes:
        assets: All assets.
        withdrawn: Assets that are refused before any fetch.
        missing: Assets without a file, which fail.
        twins: Assets with the bytes of the previous asset.
        alike: Assets that look nearly like the previous asset.
    """

    assets: int
    withdrawn: int
    missing: int
    twins: int
    alike: int

    @property
    def delivered(self) -> int:
        """The number of samples that must be delivered."""
        return self.assets - self.withdrawn - self.missing - self.twins - self.alike


# (period, position): which assets are of a kind. An asset must not have two kinds, nor a kind that
# copies the previous asset if that one is withdrawn or missing. A twin has the contributors of the
# previous asset: a file that two contributors offer is contested, and neither asset is delivered.
WITHDRAWN, MISSING, TWIN, ALIKE = (50, 7), (1000, 513), (100, 36), (50, 21)


def planted_counts(assets: int) -> PlantedCounts:
    """Returns what `make_tables` plants in a library of this size."""
    return PlantedCounts(
        assets,
        *(len(range(first, assets, every)) for every, first in (WITHDRAWN, MISSING, TWIN, ALIKE)),
    )


def is_kind(kind: tuple[int, int], number: int) -> bool:
    """Returns whether an asset is of a planted kind."""
    every, first = kind
    return number % every == first


def bytes_from(number: int) -> int:
    """Returns the number of the asset whose bytes an asset has: its own or the previous one's."""
    return number - 1 if is_kind(TWIN, number) else number


def asset_id(number: int) -> str:
    """Returns an asset's id."""
    return f"A{number:08d}"


def media_uri(number: int) -> str:
    """Returns the path of an asset's file, relative to the catalogue."""
    return f"media/{number // FILES_PER_FOLDER:05d}/{number:08d}.jpg"


def title(number: int) -> str:
    """Returns an asset's title."""
    first, second = _WORDS[number % 10], _WORDS[number // 10 % 10]
    return f"A {first} beside a {second}, {number // 100}"


def keywords(number: int) -> list[str]:
    """Returns an asset's keywords."""
    return [_WORDS[number % 10], _WORDS[number // 10 % 10]]


def make_tables(folder: Path, assets: int) -> None:
    """Writes the catalogue's tables, one row group at a time."""
    people = [f"c{number:06d}" for number in range(-(-assets // _SERIES) + 1)]
    pq.write_table(
        pa.Table.from_pylist(
            [{"contributor_id": name, "display_name": name} for name in people],
            schema=CONTRIBUTORS_SCHEMA,
        ),
        folder / "contributors.parquet",
    )
    given = {"purpose": "all", "value": "allow", "given_at": datetime(2020, 1, 1, tzinfo=UTC)}
    pq.write_table(
        pa.Table.from_pylist(
            [{"contributor_id": name, **given} for name in people], schema=CONSENTS_SCHEMA
        ),
        folder / "consents.parquet",
    )
    with pq.ParquetWriter(folder / "assets.parquet", ASSETS_SCHEMA) as writer:
        for start in range(0, assets, _ROW_GROUP):
            numbers = range(start, min(assets, start + _ROW_GROUP))
            rows = [_asset(number, people) for number in numbers]
            writer.write_table(pa.Table.from_pylist(rows, schema=ASSETS_SCHEMA))


def _asset(number: int, people: Sequence[str]) -> dict[str, object]:
    first = number // _SERIES
    shares = [(first, 7_500), (first + 1, 2_500)] if number % 10 == 3 else [(first, 10_000)]
    return {
        "asset_id": asset_id(number),
        "media_uri": media_uri(number),
        "media_type": "image",
        "contributors": [
            {"contributor_id": people[who], "share_bp": share} for who, share in shares
        ],
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "withdrawn" if is_kind(WITHDRAWN, number) else "active",
        "title": title(number),
        "keywords": keywords(number),
        "people_count": 0,
        "minors": False,
        "property": False,
        "sensitive": False,
        "digital_source_type": "digitalCapture",
        "weight": 1 + number % 20,
    }
