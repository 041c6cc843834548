"""A synthetic, reproducible library of any size as Parquet, for the screening benchmark.

The number of an asset, release or contributor determines all its values, so that any part can be
made independently in any process, and a release's shoot fits the assets that name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.storage.columns import Column, join_text
from schemas.catalogue import CONSENTS_SCHEMA, CONTRIBUTORS_SCHEMA, RELEASES_SCHEMA
from schemas.deal import Deal

ROW_GROUP_ROWS = 65_536
GROUPS_PER_FILE = 16
AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
AS_OF_US = round(AS_OF.timestamp()) * 1_000_000

_DAY_US = 86_400_000_000
TODAY = AS_OF_US // _DAY_US
RELEASES_PER_SHOOT = 4  # releases: three models and a property
ASSETS_PER_SERIES = 8  # consecutive assets of one contributor
_MANY = 10**10  # numbers are written with this many digits

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def bench_deal() -> Deal:
    """Returns the deal to screen for: strict, with the terms that some rules need to apply."""
    return Deal.model_validate(
        {
            "deal_id": "bench",
            "buyer": "Bench",
            "purposes": ["train_gen"],
            "territory": ["US", "DE", "NO"],
            "starts": date(2026, 1, 1),
            "ends": date(2028, 12, 31),
            "select": {"keywords_none": ["logo"]},
            "agreements": [
                {
                    "ref": "AG-1",
                    "signed_at": date(2026, 1, 5),
                    "purposes": ["train_gen", "inference"],
                    "contributors": contributor_ids(np.arange(500)).to_pylist(),
                }
            ],
            "price": {"pool": "100000.00", "currency": "USD"},
        }
    )


@dataclass(frozen=True)
class LibrarySize:
    """The size of a library, from its number of assets."""

    assets: int

    @property
    def contributors(self) -> int:
        """The number of contributors, one per hundred assets."""
        return max(10, self.assets // 100)

    @property
    def shoots(self) -> int:
        """The number of shoots, such that there is one release per five assets."""
        return max(2, self.assets // 5 // RELEASES_PER_SHOOT)

    @property
    def groups(self) -> int:
        """The number of row groups of assets."""
        return -(-self.assets // ROW_GROUP_ROWS)

    @property
    def files(self) -> int:
        """The number of files of assets."""
        return -(-self.groups // GROUPS_PER_FILE)


class HashDice:
    """Pseudo-random numbers hashed from given numbers; every call gives a new series."""

    def __init__(self, numbers: IntArray, kind: int) -> None:
        self._state = numbers.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
        self._state += np.uint64(kind * 0x8CB92BA72F3D8DD7 % 2**64)

    def uniform(self) -> npt.NDArray[np.float64]:
        """Returns the next number for each."""
        self._state += np.uint64(0x9E3779B97F4A7C15)
        mixed = self._state.copy()
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64

    def below(self, limit: int) -> IntArray:
        """Returns an integer from 0 up to but not including a limit, for each."""
        return np.minimum((self.uniform() * limit).astype(np.int64), limit - 1)

    def bernoulli(self, share: float) -> BoolArray:
        """Returns booleans that are true in this share of the cases."""
        return np.asarray(self.uniform() < share)

    def pick(self, choices: Sequence[tuple[object, float]], kind: pa.DataType) -> Column:
        """Returns one of the choices for each, by their shares; the first gets the remainder."""
        edges = np.cumsum([share for _, share in choices[1:]])
        place = np.searchsorted(edges, self.uniform(), side="right")
        place = np.where(place == len(edges), 0, place + 1)
        return pa.array([choice for choice, _ in choices], kind).take(place)


def _names(prefix: str, numbers: IntArray) -> Column:
    digits = pa.array(numbers + _MANY).cast(pa.string())
    return join_text(prefix, digits, "")


def _scrambled(numbers: IntArray) -> IntArray:
    """Maps each number to another one below 2^32, so that neighbours do not have similar ids."""
    return numbers * 2_654_435_761 % 2**32


def asset_ids(numbers: IntArray) -> Column:
    """Returns the ids of assets."""
    return _names("A", _scrambled(numbers))


def contributor_ids(numbers: IntArray) -> Column:
    """Returns the ids of contributors."""
    return _names("c", _scrambled(numbers))


def release_ids(numbers: IntArray) -> Column:
    """Returns the ids of releases."""
    return _names("rel-", _scrambled(numbers))


def first_contributors(numbers: IntArray, size: LibrarySize) -> IntArray:
    """Returns each asset's first contributor: a few make most assets, and assets come in series."""
    chance = HashDice(numbers // ASSETS_PER_SERIES, 1).uniform()
    return np.asarray((chance**2 * size.contributors).astype(np.int64))


def shoot_day(shoots: IntArray) -> IntArray:
    """Returns the first day of each shoot."""
    return TODAY - 1500 + HashDice(shoots, 2).below(1200)


def dates(days: IntArray, absent: BoolArray) -> Column:
    """Returns days as dates, some of them null."""
    return pa.array(days.astype(np.int32), mask=absent).cast(pa.date32())


def make_contributors(size: LibrarySize) -> pa.Table:
    """Returns the table of contributors."""
    ids = contributor_ids(np.arange(size.contributors))
    names = join_text("Contributor ", ids, "")
    return as_table({"contributor_id": ids, "display_name": names}, CONTRIBUTORS_SCHEMA)


def make_consents(size: LibrarySize) -> pa.Table:
    """Returns three events per contributor, and one event for every hundredth asset."""
    who = np.arange(size.contributors)
    dice = HashDice(who, 3)
    words = [("allow", 0.0), ("deny", 0.015), ("conditional", 0.01), ("unknown", 0.01)]
    everything = [("all", 0.0), ("train_gen", 0.1), ("data_mining", 0.05)]
    parts = []
    for purposes, start in (
        (everything, 1200),
        ([("train_gen", 0.0), ("all", 0.1)], 600),
        ([("inference", 0.0), ("search", 0.2)], 300),
    ):
        given = AS_OF_US - (start - dice.below(start + 3)) * _DAY_US
        parts.append(_events(contributor_ids(who), None, given, dice, words, purposes))
    numbers = np.arange(0, size.assets, 100)
    particular = [("deny", 0.0), ("allow", 0.45), ("conditional", 0.1)]
    dice = HashDice(numbers, 4)
    given = AS_OF_US - (700 - dice.below(703)) * _DAY_US
    who_ids = contributor_ids(first_contributors(numbers, size))
    parts.append(_events(who_ids, asset_ids(numbers), given, dice, particular, everything))
    return pa.concat_tables(parts).combine_chunks()


def _events(
    who: Column,
    assets: Column | None,
    given: IntArray,
    dice: HashDice,
    values: Sequence[tuple[object, float]],
    purposes: Sequence[tuple[object, float]],
) -> pa.Table:
    columns = {
        "contributor_id": who,
        "purpose": dice.pick(purposes, pa.string()),
        "value": dice.pick(values, pa.string()),
        "given_at": pa.array(given).cast(pa.timestamp("us", tz="UTC")),
        "agreement_ref": dice.pick([(None, 0.0), ("AG-1", 0.1), ("AG-2", 0.1)], pa.string()),
    }
    if assets is not None:
        columns["asset_id"] = assets
    return as_table(columns, CONSENTS_SCHEMA)


def make_releases(size: LibrarySize, first: int, last: int) -> pa.Table:
    """Returns the releases of the shoots from `first` up to `last`."""
    numbers = np.arange(first * RELEASES_PER_SHOOT, last * RELEASES_PER_SHOOT)
    dice = HashDice(numbers, 5)
    shoot, place = numbers // RELEASES_PER_SHOOT, numbers % RELEASES_PER_SHOOT
    day = shoot_day(shoot)
    long = np.where(dice.bernoulli(0.005), 900, 30)
    minor = dice.bernoulli(0.03)
    kinds = pa.array(["model", "model", "model", "property"]).take(place)
    subject = _names("s", numbers)
    witness = pc.if_else(
        dice.bernoulli(0.01), subject, contributor_ids(first_contributors(numbers, size))
    )
    undated = dice.bernoulli(0.02)
    columns = {
        "release_id": release_ids(numbers),
        "kind": pc.if_else(dice.bernoulli(0.01), "studio", kinds),
        "subject_ref": subject,
        "signed_at": dates(day + dice.below(20), dice.bernoulli(0.01)),
        "subject_signed": pa.array(dice.bernoulli(0.98)),
        "photographer_signed": pa.array(dice.bernoulli(0.98), mask=dice.bernoulli(0.005)),
        "guardian_signed": pa.array(minor & dice.bernoulli(0.9)),
        "witness_ref": pc.if_else(dice.bernoulli(0.2), witness, None),
        "minor": pa.array(minor),
        "valid_until": dates(TODAY + 400 + dice.below(9_000), dice.bernoulli(0.7)),
        "revoked_at": pa.array((day + 50 + dice.below(2_000)) * _DAY_US, mask=dice.bernoulli(0.97)),
        "ml_use": dice.pick(
            [("allow", 0.0), ("deny", 0.02), ("conditional", 0.03), (None, 0.01)], pa.string()
        ),
        "biometric_rider": pa.array(dice.bernoulli(0.5)),
        "shoot_from": dates(day, undated),
        "shoot_until": dates(day + long, undated),
    }
    return as_table(columns, RELEASES_SCHEMA)


def as_table(columns: dict[str, Column], schema: pa.Schema) -> pa.Table:
    """Returns a table with all columns of a schema; missing ones are null."""
    rows = len(next(iter(columns.values())))
    return pa.table(
        [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def write_small_tables(folder: Path, size: LibrarySize) -> None:
    """Writes contributors, consents and releases."""
    pq.write_table(make_contributors(size), folder / "contributors.parquet")
    pq.write_table(make_consents(size), folder / "consents.parquet")
    with pq.ParquetWriter(folder / "releases.parquet", RELEASES_SCHEMA) as writer:
        for first in range(0, size.shoots, 250_000):
            writer.write_table(make_releases(size, first, min(first + 250_000, size.shoots)))
