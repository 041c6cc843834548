"""The assets of the synthetic library: every column, some with faults; about half are cleared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.columns import Column, join_text, list_array
from schemas.catalogue import ASSETS_SCHEMA, CONTRIBUTOR_SHARE, grant_column
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, PURPOSES
from tests.bench.screening_library import (
    GROUPS_PER_FILE,
    RELEASES_PER_SHOOT,
    ROW_GROUP_ROWS,
    TODAY,
    HashDice,
    IntArray,
    LibrarySize,
    as_table,
    asset_ids,
    contributor_ids,
    dates,
    first_contributors,
    release_ids,
    shoot_day,
)

_SHARES = np.array([[10_000, 0, 0], [6_000, 4_000, 0], [5_000, 3_000, 2_000]])
_WORDS = [f"word{n}" for n in range(199)] + ["logo"]
_STRINGS = pa.list_(pa.string())
_SOURCES: Sequence[tuple[object, float]] = (
    (DIGITAL_SOURCE_TYPE_PREFIX + "digitalCapture", 0.0),
    ("digitalCapture", 0.1),
    ("negativeFilm", 0.02),
    (DIGITAL_SOURCE_TYPE_PREFIX + "trainedAlgorithmicMedia", 0.02),
    ("compositeSynthetic", 0.01),
    ("photo", 0.003),
    (None, 0.02),
)
_CODES: Sequence[tuple[object, float]] = (
    (None, 0.0),
    ("CC-BY-4.0", 0.06),
    ("CC0-1.0", 0.04),
    ("CC-BY-NC-4.0", 0.01),
    ("CC-BY-ND-4.0", 0.005),
    ("CC-BY-SA-4.0 OR MIT", 0.005),
    ("LicenseRef-House", 0.003),
)
_INSIDE: Sequence[tuple[object, float]] = (
    (None, 0.0),
    (["WORLD"], 0.1),
    (["US", "DE", "NO", "SE", "FR"], 0.05),
    (["US", "CA", "MX"], 0.03),
    (["DE", "NO", "US", "XX"], 0.002),
    ([], 0.01),
)
_OUTSIDE: Sequence[tuple[object, float]] = (
    (None, 0.0),
    (["CN", "RU"], 0.04),
    (["NO"], 0.01),
    (["WORLD"], 0.002),
)


def make_assets(size: LibrarySize, group: int) -> pa.Table:
    """Returns one row group of assets."""
    numbers = np.arange(group * ROW_GROUP_ROWS, min((group + 1) * ROW_GROUP_ROWS, size.assets))
    dice = HashDice(numbers, 6)
    ids = asset_ids(numbers)
    text = pa.string()
    columns = {
        "asset_id": ids,
        "media_uri": join_text("media/", ids, ".jpg", ""),
        "media_type": dice.pick([("image", 0.0), ("video", 0.02)], text),
        "contributors": _contributors(numbers, dice, size),
        "licence_model": dice.pick([("RF", 0.0), ("RM", 0.2), ("??", 0.002)], text),
        "licence_class": dice.pick([("creative", 0.0), ("editorial", 0.06)], text),
        "status": dice.pick(
            [("active", 0.0), ("withdrawn", 0.02), ("legal_hold", 0.003), ("x", 0.002)], text
        ),
        "title": join_text("A picture of something, number ", ids, ""),
        "keywords": _keywords(dice, len(numbers)),
        "licence_code": dice.pick(_CODES, text),
        "exclusive": dice.pick([(None, 0.0), (False, 0.3), (True, 0.02)], pa.bool_()),
        "exclusive_purposes": dice.pick(
            [(None, 0.0), (["search"], 0.01), (["train_gen", "index"], 0.005)], _STRINGS
        ),
        "exclusive_until": dates(TODAY - 900 + dice.below(1_800), dice.bernoulli(0.99)),
        "territories_in": dice.pick(_INSIDE, _STRINGS),
        "territories_out": dice.pick(_OUTSIDE, _STRINGS),
        "valid_from": dates(TODAY - 2_000 + dice.below(1_850), dice.bernoulli(0.7)),
        "valid_until": dates(TODAY + 800 + dice.below(8_000), dice.bernoulli(0.7)),
        "sensitive": pa.array(dice.bernoulli(0.01), mask=dice.bernoulli(0.3)),
        "digital_source_type": dice.pick(_SOURCES, text),
        "width": pa.array(np.full(len(numbers), 4_000)),
        "height": pa.array(np.full(len(numbers), 3_000)),
        **_people(dice, size),
    }
    said: Sequence[tuple[object, float]] = (
        ("allow", 0.0),
        (None, 0.4),
        ("unknown", 0.05),
        ("deny", 0.01),
        ("conditional", 0.005),
        ("maybe", 0.001),
    )
    columns |= {grant_column(purpose): dice.pick(said, text) for purpose in PURPOSES}
    return as_table(columns, ASSETS_SCHEMA)


def _contributors(numbers: IntArray, dice: HashDice, size: LibrarySize) -> Column:
    """Returns one to three contributors per asset; a few are unknown or have wrong shares."""
    extra = np.searchsorted([0.65, 0.9], dice.uniform(), side="right")
    who = np.stack(
        [first_contributors(numbers, size), *(dice.below(size.contributors) for _ in "23")], 1
    )
    who[dice.bernoulli(0.002), 0] = size.contributors  # an unknown one
    parts = _SHARES[extra]
    parts[dice.bernoulli(0.002), 0] -= 1
    held = np.arange(3) <= extra[:, None]
    shares = pa.StructArray.from_arrays(
        [contributor_ids(who[held]), pa.array(parts[held], pa.int32())],
        fields=list(CONTRIBUTOR_SHARE),
    )
    return list_array(_offsets(extra + 1), shares)


def _keywords(dice: HashDice, rows: int) -> Column:
    """Returns four keywords per asset."""
    places = np.stack([dice.below(len(_WORDS)) for _ in range(4)], 1).reshape(-1)
    words = pa.array(_WORDS).take(places)
    return list_array(_offsets(np.full(rows, 4)), words)


def _people(dice: HashDice, size: LibrarySize) -> dict[str, Column]:
    """Returns people for three in ten assets, and one shoot's releases of people and property."""
    shoot = dice.below(size.shoots)
    people = np.searchsorted([0.7, 0.9], dice.uniform(), side="right")
    owned = dice.bernoulli(0.04)
    unnamed = dice.bernoulli(0.02)  # one release is missing
    names = np.stack([people > 0, (people > 1) & ~unnamed, owned], 1)
    releases = shoot[:, None] * RELEASES_PER_SHOOT + np.array([0, 1, 3])
    stray = (people > 0) & dice.bernoulli(0.003)
    releases[stray, 0] = size.shoots * RELEASES_PER_SHOOT  # an unknown one
    lists = list_array(
        _offsets(names.sum(axis=1)),
        release_ids(releases[names]),
        mask=pa.array(np.asarray(~names.any(axis=1))),
    )
    return {
        "release_ids": lists,
        "people_count": pa.array(people, mask=dice.bernoulli(0.005)),
        "minors": pa.array(dice.bernoulli(0.01), mask=dice.bernoulli(0.01)),
        "property": pa.array(owned, mask=dice.bernoulli(0.01)),
        "created_at": dates(shoot_day(shoot) + dice.below(29), dice.bernoulli(0.01)),
    }


def _offsets(lengths: IntArray) -> npt.NDArray[np.int32]:
    return np.append(0, np.cumsum(lengths)).astype(np.int32)


def write_assets(folder: Path, size: LibrarySize, number: int) -> None:
    """Writes one file of assets, with one row group per batch."""
    first = number * GROUPS_PER_FILE
    with pq.ParquetWriter(folder / f"assets-{number:05d}.parquet", ASSETS_SCHEMA) as writer:
        for group in range(first, min(first + GROUPS_PER_FILE, size.groups)):
            writer.write_table(make_assets(size, group), row_group_size=ROW_GROUP_ROWS)
