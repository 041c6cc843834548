"""A library of pictures like an agency's: 2 megapixels and 200 KB, all different, all cleared.

Each picture is a unique field of colours, enlarged from a few numbers, with the grain of a crop
from one of a few textures on top. So the fields, and with them the perceptual hashes, differ from
picture to picture, and the grain makes the files as large as photographs.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, CONTRIBUTORS_SCHEMA

WIDTH, HEIGHT = 1_632, 1_224  # 2.0 megapixels
AS_OF = "2026-06-30"
_SEED = 20_260
_QUALITY = 85
_GRAIN = 2.6  # standard deviation, of 255; with the JPEG quality it gives files of about 200 KB
_TEXTURES = 2
_CONTRIBUTORS = 40
_PICTURES_PER_TASK = 50  # pictures that a process draws at a time

_DEAL = """\
deal_id = "{deal_id}"
buyer = "Example Models, Inc."
purposes = ["train_gen"]
territory = ["DE", "US"]
starts = 2026-07-01
ends = 2029-07-01
profile = "image-text"
media = ["image"]

[select]
min_short_side = 512
dedupe = "near"

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "100000.00"
currency = "USD"
agency_share = "0.40"
allocation = "per_asset"

[shards]
target_bytes = "512MiB"
"""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class BenchLibrary:
    """A library on disk.

    Attributes:
        catalogue: The folder to package from; the pictures are in its folder `media/`.
        pictures: Number of pictures.
        media_bytes: Total size of the pictures in bytes.
    """

    catalogue: Path
    pictures: int
    media_bytes: int


def make_library(folder: Path, pictures: int, workers: int) -> BenchLibrary:
    """Draws a library, or reuses an existing one; the bytes do not depend on `workers`."""
    catalogue = folder / "catalogue"
    if (catalogue / "consents.parquet").exists():  # the file that is written last
        sizes = [path.stat().st_size for path in (catalogue / "media").iterdir()]
        return BenchLibrary(catalogue, len(sizes), sum(sizes))
    (catalogue / "media").mkdir(parents=True, exist_ok=True)
    starts = range(0, pictures, _PICTURES_PER_TASK)
    with ProcessPoolExecutor(workers) as pool:
        draw = partial(_draw_some, catalogue / "media", pictures)
        sizes = list(pool.map(draw, starts))
    _write_tables(catalogue, pictures)
    return BenchLibrary(catalogue, pictures, sum(sizes))


def write_deal(folder: Path, deal_id: str, wids_md5: str = "give") -> Path:
    """Writes a deal that accepts every picture of the library; `wids_md5` is its key."""
    path = folder / f"{deal_id}.toml"
    text = _DEAL.format(deal_id=deal_id) + f'wids_md5 = "{wids_md5}"\n'
    path.write_text(text, encoding="utf-8")
    return path


def picture_name(number: int) -> str:
    """Returns the name of a picture's file in `media/`."""
    return f"{number:06d}.jpg"


def _draw_some(folder: Path, pictures: int, start: int) -> int:
    total = 0
    for number in range(start, min(start + _PICTURES_PER_TASK, pictures)):
        data = simplejpeg.encode_jpeg(_picture(number), quality=_QUALITY, colorsubsampling="420")
        (folder / picture_name(number)).write_bytes(data)
        total += len(data)
    return total


def _picture(number: int) -> Pixels:
    dice = np.random.default_rng([_SEED, number])
    few = dice.integers(0, 256, (7, 9, 3), np.uint8)
    field = Image.fromarray(few).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    texture = _textures()[int(dice.integers(_TEXTURES))]
    top, left = (int(dice.integers(room)) for room in (HEIGHT, WIDTH))
    grain = texture[top : top + HEIGHT, left : left + WIDTH, None]
    # In 16 bits, since the sum of two bytes may overflow a byte.
    picture: Pixels = np.clip(np.asarray(field, np.int16) + grain, 0, 255).astype(np.uint8)
    return picture


@lru_cache(maxsize=1)
def _textures() -> list[npt.NDArray[np.int16]]:
    """Returns grain of twice a picture's width and height, to take crops from."""
    dice = np.random.default_rng(_SEED)
    shape = (2 * HEIGHT, 2 * WIDTH)
    return [np.rint(dice.normal(0.0, _GRAIN, shape)).astype(np.int16) for _ in range(_TEXTURES)]


def _write_tables(catalogue: Path, pictures: int) -> None:
    tables = {
        "assets": (_assets(pictures), ASSETS_SCHEMA),
        "contributors": (_contributors(), CONTRIBUTORS_SCHEMA),
        "consents": (_consents(), CONSENTS_SCHEMA),
    }
    for name, (rows, schema) in tables.items():
        table = pa.Table.from_pylist(list(rows), schema=schema)
        pq.write_table(table, catalogue / f"{name}.parquet", compression="zstd")


def _assets(pictures: int) -> Iterator[dict[str, object]]:
    for number in range(pictures):
        yield {
            "asset_id": f"BENCH-{number:06d}",
            "media_uri": f"media/{picture_name(number)}",
            "media_type": "image",
            "contributors": [
                {"contributor_id": f"c-{number % _CONTRIBUTORS:03d}", "share_bp": 10_000}
            ],
            "licence_model": "RF",
            "licence_class": "creative",
            "status": "active",
            "title": f"Field of colours {number}",
            "keywords": ["colours", "texture"],
            "language": "en",
            "category": "illustration",
            "created_at": date(2024, 1, 1),
            "exclusive": False,
            "people_count": 0,
            "minors": False,
            "property": False,
            "sensitive": False,
            "digital_source_type": "digitalCreation",
        }


def _contributors() -> Iterator[dict[str, object]]:
    for number in range(_CONTRIBUTORS):
        yield {
            "contributor_id": f"c-{number:03d}",
            "display_name": f"Contributor {number}",
            "country": "DE",
            "currency": "EUR",
            "payee_ref": f"payee-{number:03d}",
        }


def _consents() -> Iterator[dict[str, object]]:
    for number in range(_CONTRIBUTORS):
        yield {
            "contributor_id": f"c-{number:03d}",
            "purpose": "all",
            "value": "allow",
            "given_at": datetime(2024, 1, 1, tzinfo=UTC),
            "agreement_ref": f"agreement-{number:03d}",
        }
