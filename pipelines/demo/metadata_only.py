"""Writes catalogues of any size without media files, with the same roles as the demo library.

One template row per role is built first; all rows are taken from these by index, one row group at
a time. A million assets thus need the memory of one row group and a few integers per row.
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

from pipelines.demo.deals import DEALS, deal_text
from pipelines.demo.large_roster import (
    LargeRoster,
    make_large_roster,
    roster_agreements,
    roster_consents,
    roster_contributors,
)
from pipelines.demo.roles.instances import CLEAN, TABLE_ROLES
from pipelines.demo.roles.rights import READ_ROLES
from pipelines.demo.roles.role import IMAGES, MAIN, STRICT, Role
from pipelines.demo.row_templates import (
    RowTemplates,
    make_row_templates,
    media_uris,
    numbered_ids,
)
from pipelines.demo.tables import DEMO_CONTRIBUTORS
from pipelines.storage.columns import Column
from schemas.catalogue import (
    AGREEMENTS_SCHEMA,
    ASSETS_SCHEMA,
    CONSENTS_SCHEMA,
    RELEASES_SCHEMA,
)
from schemas.errors import InputError
from schemas.ledger import FULL_SPLIT_BP

ROW_GROUP_ROWS = 65_536
IntArray = npt.NDArray[np.int64]

# Without the roles of unreadable rows: these are not about rights, and a row without an id could
# not have an entry in the answer key.
METADATA_ROLES: tuple[Role, ...] = (
    CLEAN,
    *(role for role in TABLE_ROLES if role not in READ_ROLES),
)
_DEFAULT_PER_THOUSAND = 0.3  # the share of a role that states none
_FIRST_DAY = 17_897  # 2019-01-01 in days since 1970
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
    """Writes the tables, the three deals and `answer_key.parquet`.

    Args:
        out: The folder to write to; created if missing. It must not contain a catalogue.
        seed: Another seed distributes the roles differently.
        assets: Rows, at least twice the number of roles.

    Returns:
        The catalogue's folder.

    Raises:
        InputError: `assets` is too small, or `out` already contains a catalogue.
    """
    if assets < 2 * len(METADATA_ROLES):
        raise InputError(
            "The catalogue is too small to contain every case",
            f"{assets} assets",
            f"Ask for at least {2 * len(METADATA_ROLES)}.",
        )
    catalogue = out / "catalogue"
    if catalogue.exists():
        raise InputError("The catalogue exists already", str(catalogue), "Choose another folder.")
    catalogue.mkdir(parents=True)
    for deal in DEALS:
        text = deal_text(deal, _STRICT_MAX_ASSETS)
        (out / deal.file_name).write_text(text, encoding="utf-8")
    roster = make_large_roster(assets)
    contributors = pa.Table.from_pylist(roster_contributors(roster), schema=DEMO_CONTRIBUTORS)
    pq.write_table(contributors, catalogue / "contributors.parquet", compression="zstd")
    agreements = pa.Table.from_pylist(roster_agreements(roster), schema=AGREEMENTS_SCHEMA)
    pq.write_table(agreements, catalogue / "agreements.parquet", compression="zstd")
    _write_rows(out, catalogue, _draw_rows(seed, assets), roster)
    return catalogue


@dataclass(frozen=True)
class _DrawnRows:
    """The role of every row and the number in its id."""

    seed: int
    roles: npt.NDArray[np.int16]
    numbers: IntArray


def _draw_rows(seed: int, assets: int) -> _DrawnRows:
    weights = (
        np.array([role.per_thousand or _DEFAULT_PER_THOUSAND for role in METADATA_ROLES[1:]])
        / 1_000
    )
    edges = np.cumsum(weights)
    draws = np.random.default_rng(seed).random(assets)
    roles = np.searchsorted(edges, draws, side="right").astype(np.int16) + np.int16(1)
    roles[roles == len(METADATA_ROLES)] = 0  # draws beyond the last edge are clean assets
    # At least one row of each role, evenly spaced.
    roles[np.arange(len(METADATA_ROLES)) * assets // len(METADATA_ROLES)] = np.arange(
        len(METADATA_ROLES)
    )
    numbers = np.arange(assets, dtype=np.int64)
    duplicate_role = next(index for index, role in enumerate(METADATA_ROLES) if role.rows == 2)
    rows_of_role = np.flatnonzero(roles == duplicate_role)
    if len(rows_of_role) == 1:
        # The second row of the pair replaces a clean one.
        other_row = int(np.flatnonzero(roles == 0)[-1])
        roles[other_row] = duplicate_role
        rows_of_role = np.flatnonzero(roles == duplicate_role)
    if len(rows_of_role) % 2:
        roles[rows_of_role[-1]] = 0
        rows_of_role = rows_of_role[:-1]
    # Rows that share an id are about half the catalogue apart, in different row groups.
    half = len(rows_of_role) // 2
    numbers[rows_of_role[half:]] = rows_of_role[:half]
    return _DrawnRows(seed, roles, numbers)


def _write_rows(out: Path, catalogue: Path, drawn: _DrawnRows, roster: LargeRoster) -> None:
    templates = make_row_templates(METADATA_ROLES, roster)
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
        contributor_consents = pa.Table.from_pylist(roster_consents(roster), schema=CONSENTS_SCHEMA)
        writers["consents"].write_table(contributor_consents)
        for start in range(0, len(drawn.roles), ROW_GROUP_ROWS):
            for name, table in _row_group_tables(drawn, start, templates).items():
                writers[name].write_table(table, row_group_size=ROW_GROUP_ROWS)


def _row_group_tables(
    drawn: _DrawnRows, start: int, templates: RowTemplates
) -> dict[str, pa.Table]:
    """Returns one row group of assets, with its releases, consents and answers."""
    roles = drawn.roles[start : start + ROW_GROUP_ROWS].astype(np.int64)
    numbers = drawn.numbers[start : start + ROW_GROUP_ROWS]
    rows = np.arange(start, start + len(roles))
    rng = np.random.default_rng([drawn.seed, 1 + start // ROW_GROUP_ROWS])
    asset_ids = numbered_ids("A", numbers)
    subjects = rng.integers(0, templates.subject_count, len(roles))
    # Skewed, so that a few contributors made most of the library.
    rotations = (rng.random(len(roles)) ** 2 * FULL_SPLIT_BP).astype(np.int64)
    contributors, first_authors = templates.contributors(roles, rotations)
    release_ids, releases = templates.releases(roles, rows)
    columns = {
        "asset_id": asset_ids,
        "media_uri": media_uris(asset_ids),
        "contributors": contributors,
        "release_ids": release_ids,
        "title": templates.titles.take(subjects),
        "keywords": templates.keywords.take(subjects),
        "created_at": _created_dates(rng, roles, templates),
        "weight": pa.array(rng.integers(1, 21, len(roles)), mask=rng.random(len(roles)) < 0.1),
        "width": pa.array(rng.integers(560, 6_000, len(roles)), pa.int32()),
        "height": pa.array(rng.integers(560, 6_000, len(roles)), pa.int32()),
    }
    return {
        "assets": templates.assets(roles, columns),
        "releases": releases,
        "consents": templates.asset_consents(roles, asset_ids, first_authors),
        "answer": _answers(roles, subjects, asset_ids, templates),
    }


def _created_dates(rng: np.random.Generator, roles: IntArray, templates: RowTemplates) -> Column:
    days = rng.integers(0, 2_400, len(roles)).astype(np.int32) + np.int32(_FIRST_DAY)
    drawn = pa.array(days, pa.int32(), mask=rng.random(len(roles)) < 0.1).cast(pa.date32())
    dates: Column = pc.if_else(
        templates.has_fixed_date.take(roles), templates.fixed_dates.take(roles), drawn
    )
    return dates


def _answers(
    roles: IntArray, subjects: IntArray, asset_ids: Column, templates: RowTemplates
) -> pa.Table:
    # The strict deal has two entries per role: without and with the keywords' reason.
    with_keywords = roles + templates.misses_keywords[subjects] * len(METADATA_ROLES)
    arrays = [
        asset_ids,
        templates.names.take(roles),
        templates.reasons[MAIN].take(roles),
        templates.reasons[IMAGES].take(roles),
        templates.reasons[STRICT].take(with_keywords),
    ]
    return pa.Table.from_arrays(arrays, schema=ANSWER_SCHEMA)
