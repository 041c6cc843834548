"""A catalogue of any size without media: the same roles, made by the column.

One row a role is built by hand; every other row is taken from these by index, a row group at a
time, so a million assets need the memory of one row group and a few integers a row.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.demo.crowd import Crowd, crowd_consents, crowd_contributors, make_crowd
from pipelines.demo.deals import DEALS, deal_text
from pipelines.demo.role_columns import Column, Templates, make_templates, media_uris, numbered
from pipelines.demo.roles.cast import CLEAN, TABLE_ROLES
from pipelines.demo.roles.rights import READ_ROLES
from pipelines.demo.roles.role import IMAGES, MAIN, STRICT, Role
from schemas.catalogue import (
    ASSETS_SCHEMA,
    CONSENTS_SCHEMA,
    CONTRIBUTORS_SCHEMA,
    RELEASES_SCHEMA,
)
from schemas.errors import InputError
from schemas.ledger import FULL_SPLIT_BP

ROW_GROUP = 65_536
Integers = npt.NDArray[np.int64]

# Rows that cannot be read are no matter of rights, and one without an id would have no answer.
LARGE_ROLES: tuple[Role, ...] = (CLEAN, *(role for role in TABLE_ROLES if role not in READ_ROLES))
_RARE = 0.3  # in a thousand: the share of a role that states none
_ONE_DAY_OF_2019 = 17_897  # 2019-01-01 in days since 1970
_STRICT_MAX_ASSETS = 100_000

ANSWER_SCHEMA = pa.schema(
    [
        pa.field("asset_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        # Screening reasons, sorted; empty where the deal clears the asset.
        pa.field("reasons_main", pa.list_(pa.string()), nullable=False),
        pa.field("reasons_images", pa.list_(pa.string()), nullable=False),
        pa.field("reasons_strict", pa.list_(pa.string()), nullable=False),
    ]
)


def make_metadata_only(out: Path, seed: int = 0, assets: int = 1_000_000) -> Path:
    """Writes the four tables, the three deals and `answer_key.parquet`.

    Args:
        out: A folder; it is made, and must not hold a catalogue yet.
        seed: Another seed spreads the roles otherwise.
        assets: Rows, at least a few hundred.

    Returns:
        The catalogue's folder.

    Raises:
        InputError: If there are fewer rows than roles, or a catalogue is there already.
    """
    if assets < 2 * len(LARGE_ROLES):
        raise InputError(
            "A catalogue that small cannot hold every case",
            f"{assets} assets",
            f"Ask for at least {2 * len(LARGE_ROLES)}.",
        )
    catalogue = out / "catalogue"
    if catalogue.exists():
        raise InputError("There is a catalogue already", str(catalogue), "Name another folder.")
    catalogue.mkdir(parents=True)
    for deal in DEALS:
        text = deal_text(deal, _STRICT_MAX_ASSETS)
        (out / deal.file_name).write_text(text, encoding="utf-8")
    crowd = make_crowd(assets)
    contributors = pa.Table.from_pylist(crowd_contributors(crowd), schema=CONTRIBUTORS_SCHEMA)
    pq.write_table(contributors, catalogue / "contributors.parquet", compression="zstd")
    _write_rows(out, catalogue, _draw(seed, assets), crowd)
    return catalogue


@dataclass(frozen=True)
class _Drawn:
    """What is drawn for every row at once: its role and the number in its id."""

    seed: int
    roles: npt.NDArray[np.int16]
    numbers: Integers


def _draw(seed: int, assets: int) -> _Drawn:
    weights = np.array([role.share or _RARE for role in LARGE_ROLES[1:]]) / 1_000
    edges = np.cumsum(weights)
    throws = np.random.default_rng(seed).random(assets)
    roles = np.searchsorted(edges, throws, side="right").astype(np.int16) + np.int16(1)
    roles[roles == len(LARGE_ROLES)] = 0  # beyond the last edge: a clean one
    # One of each at least, evenly apart.
    roles[np.arange(len(LARGE_ROLES)) * assets // len(LARGE_ROLES)] = np.arange(len(LARGE_ROLES))
    numbers = np.arange(assets, dtype=np.int64)
    twice = next(index for index, role in enumerate(LARGE_ROLES) if role.rows == 2)
    places = np.flatnonzero(roles == twice)
    if len(places) == 1:
        # Its twin must be a row that nobody needs.
        twin = int(np.flatnonzero(roles == 0)[-1])
        roles[twin] = twice
        places = np.flatnonzero(roles == twice)
    if len(places) % 2:
        roles[places[-1]] = 0
        places = places[:-1]
    # A row and its twin lie half the catalogue apart, in different row groups.
    half = len(places) // 2
    numbers[places[half:]] = places[:half]
    return _Drawn(seed, roles, numbers)


def _write_rows(out: Path, catalogue: Path, drawn: _Drawn, crowd: Crowd) -> None:
    templates = make_templates(LARGE_ROLES, crowd)
    files = {
        "assets": (catalogue / "assets.parquet", ASSETS_SCHEMA),
        "consents": (catalogue / "consents.parquet", CONSENTS_SCHEMA),
        "releases": (catalogue / "releases.parquet", RELEASES_SCHEMA),
        "answer": (out / "answer_key.parquet", ANSWER_SCHEMA),
    }
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            for name, (path, schema) in files.items()
        }
        general = pa.Table.from_pylist(crowd_consents(crowd), schema=CONSENTS_SCHEMA)
        writers["consents"].write_table(general)
        for start in range(0, len(drawn.roles), ROW_GROUP):
            for name, table in _chunk(drawn, start, templates).items():
                writers[name].write_table(table, row_group_size=ROW_GROUP)


def _chunk(drawn: _Drawn, start: int, templates: Templates) -> dict[str, pa.Table]:
    """One row group of assets, with the releases, consents and answers that belong to it."""
    roles = drawn.roles[start : start + ROW_GROUP].astype(np.int64)
    numbers = drawn.numbers[start : start + ROW_GROUP]
    rows = np.arange(start, start + len(roles))
    dice = np.random.default_rng([drawn.seed, 1 + start // ROW_GROUP])
    asset_ids = numbered("A", numbers)
    looks = dice.integers(0, templates.look_count, len(roles))
    # A few contributors have made most of the library.
    turns = (dice.random(len(roles)) ** 2 * FULL_SPLIT_BP).astype(np.int64)
    contributors, first_authors = templates.contributors(roles, turns)
    release_ids, releases = templates.releases(roles, rows)
    columns = {
        "asset_id": asset_ids,
        "media_uri": media_uris(asset_ids),
        "contributors": contributors,
        "release_ids": release_ids,
        "title": templates.titles.take(looks),
        "keywords": templates.keywords.take(looks),
        "created_at": _created(dice, roles, templates),
        "weight": pa.array(dice.integers(1, 21, len(roles)), mask=dice.random(len(roles)) < 0.1),
        "width": pa.array(dice.integers(560, 6_000, len(roles)), pa.int32()),
        "height": pa.array(dice.integers(560, 6_000, len(roles)), pa.int32()),
    }
    return {
        "assets": templates.assets(roles, columns),
        "releases": releases,
        "consents": templates.asset_consents(roles, asset_ids, first_authors),
        "answer": _answers(roles, looks, asset_ids, templates),
    }


def _created(dice: np.random.Generator, roles: Integers, templates: Templates) -> Column:
    days = dice.integers(0, 2_400, len(roles)).astype(np.int32) + np.int32(_ONE_DAY_OF_2019)
    drawn = pa.array(days, pa.int32(), mask=dice.random(len(roles)) < 0.1).cast(pa.date32())
    chosen: Column = pc.if_else(templates.dated.take(roles), templates.dates.take(roles), drawn)
    return chosen


def _answers(roles: Integers, looks: Integers, asset_ids: Column, templates: Templates) -> pa.Table:
    # The strict deal's reasons stand twice: without and with those of the keywords.
    by_keyword = roles + templates.misses_keywords[looks] * len(LARGE_ROLES)
    arrays = [
        asset_ids,
        templates.names.take(roles),
        templates.reasons[MAIN].take(roles),
        templates.reasons[IMAGES].take(roles),
        templates.reasons[STRICT].take(by_keyword),
    ]
    return pa.Table.from_arrays(arrays, schema=ANSWER_SCHEMA)
