"""Writes a sparse library: the catalogue's tables, media with planned outcomes, and the deal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.demo.scenes.films import FilmSpec, SceneShot, write_film
from pipelines.demo.scenes.render import draw_scene_spec
from schemas.catalogue import ASSETS_SCHEMA
from tests.end_to_end.sparse import Fate, Library, Planted

_DENIAL = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    b'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/></rdf:RDF></x:xmpmeta>'
)
_SIDE, _SMALL_SIDE = 96, 48  # pixels; the deal requires 64
_FAMILIES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "mp4": ""}
_DEAL = """\
deal_id = "sparse"
buyer = "Few Ltd"
purposes = ["train_gen"]
territory = ["US"]
starts = 2026-01-01
ends = 2029-01-01
profile = "video-text"
media = ["image", "video"]

[rights]
inference = "pack-without"

[select]
min_short_side = 64
dedupe = "{dedupe}"

[price]
pool = "1000.01"
currency = "USD"
agency_share = "0.40"

[shards]
target_bytes = "{target}"

[limits]
dead_letter_share = "1.00"
"""


def write_library(library: Library, root: Path) -> None:
    """Writes catalogue, media and deal into a folder."""
    catalogue = root / "catalogue"
    (catalogue / "media").mkdir(parents=True)
    for asset in library.assets:
        write_media(asset, catalogue)
    rows = [_row(asset) for asset in library.assets]
    rows += [_row(Planted(name, Fate.WITHDRAWN, 0)) for name in library.padding]
    people = sorted({name for asset in library.assets for name, _ in asset.people} | {"c-1"})
    # There is no agreement, since it would override what a file says.
    given = {"purpose": "all", "value": "allow", "given_at": "2025-01-01T00:00:00Z"}
    tables = {
        "assets": pa.Table.from_pylist(rows, ASSETS_SCHEMA),
        "contributors": pa.Table.from_pylist([{"contributor_id": name} for name in people]),
        "consents": pa.Table.from_pylist([{"contributor_id": name, **given} for name in people]),
    }
    for name, table in tables.items():
        pq.write_table(table, catalogue / f"{name}.parquet")
    deal = _DEAL.format(dedupe=library.dedupe, target=library.target)
    (root / "deal.toml").write_text(deal, encoding="utf-8")


def _row(asset: Planted) -> dict[str, Any]:
    return {
        "asset_id": asset.asset_id,
        "media_uri": asset.path,
        "media_type": "video" if asset.family == "mp4" else "image",
        "contributors": [{"contributor_id": who, "share_bp": part} for who, part in asset.people],
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "withdrawn" if asset.fate is Fate.WITHDRAWN else "active",
        "title": None if asset.fate is Fate.WORDLESS else f"Number {asset.picture}",
        "people_count": 0,
        "minors": False,
        "property": False,
        "sensitive": False,
        "digital_source_type": "digitalCapture",
        "grant_inference": "deny" if asset.fate in (Fate.UNSEEN, Fate.WORDLESS) else None,
    }


def write_media(asset: Planted, catalogue: Path) -> None:
    """Writes an asset's file, if it has one by its fate."""
    path = catalogue / asset.path
    if asset.fate in (Fate.MISSING, Fate.WITHDRAWN):
        return
    if asset.family == "mp4":
        shots = (SceneShot(draw_scene_spec(asset.picture), 12),)
        write_film(path, FilmSpec(asset.picture, shots, 160, 120, 12))
    else:
        path.write_bytes(_picture(asset))
    if asset.fate is Fate.BROKEN:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


def _picture(asset: Planted) -> bytes:
    """Returns squares of random colours, which no model knows and which differ by number."""
    side = _SMALL_SIDE if asset.fate is Fate.SMALL else _SIDE
    squares = np.random.default_rng(asset.picture).integers(0, 256, (6, 6, 3), np.uint8)
    image = Image.fromarray(squares).resize((side, side), Image.Resampling.NEAREST)
    out = io.BytesIO()
    said = {"xmp": _DENIAL} if asset.fate is Fate.DENIED else {}
    image.save(out, _FAMILIES[asset.family], quality=90, **said)
    return out.getvalue()
