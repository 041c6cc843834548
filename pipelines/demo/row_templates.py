"""Holds the roles as Arrow columns, one row per role, to build large catalogues from by index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.demo.large_roster import LargeRoster
from pipelines.demo.roles.role import COLLECTION, DEAL_IDS, RETIRED, STRICT, Role
from pipelines.demo.scenes.scene import COLOURS, KINDS
from pipelines.demo.tables import ORDINARY_ASSET, release_row
from pipelines.storage.columns import Column, join_text, list_array
from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, CONTRIBUTOR_SHARE, RELEASES_SCHEMA

IntArray = npt.NDArray[np.int64]
_STRINGS = pa.list_(pa.string())
_ID_DIGITS = 9
_UNNAMED_SUBJECT = str(release_row("", {})["subject_ref"])  # of a release without an id


def numbered_ids(prefix: str, numbers: IntArray) -> Column:
    """Returns ids such as `A000000017`."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), _ID_DIGITS, "0")
    return join_text(prefix, digits, "")


def media_uris(asset_ids: Column) -> Column:
    """Returns the path at which each asset's file would be."""
    return join_text("media/", asset_ids, ".jpg", "")


@dataclass(frozen=True)
class RaggedIndex:
    """Indexes a flat table with several items per role: each role's count and first position."""

    counts: IntArray
    first: IntArray

    @classmethod
    def from_counts(cls, counts: Sequence[int]) -> RaggedIndex:
        """Returns the index for roles with these numbers of items."""
        sizes = np.array(counts, dtype=np.int64)
        return cls(sizes, np.cumsum(sizes) - sizes)

    def flatten(self, roles: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Lists the items of rows with these roles.

        Returns:
            For each item: its row, its position within the row, and its position in the table.
        """
        counts = self.counts[roles]
        owners = np.repeat(np.arange(len(roles)), counts)
        ordinals = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return owners, ordinals, self.first[roles[owners]] + ordinals

    def offsets(self, roles: IntArray) -> npt.NDArray[np.int32]:
        """Returns Arrow list offsets for rows with these roles."""
        ends = np.concatenate([[0], np.cumsum(self.counts[roles])])
        return ends.astype(np.int32)


@dataclass(frozen=True)
class RowTemplates:
    """The values that rows are built from; arrays are indexed by role unless noted."""

    names: Column
    columns: pa.Table
    has_fixed_date: Column  # whether the role fixes created_at
    fixed_dates: Column
    reasons: Mapping[str, Column]  # by deal; the strict deal's have two entries per role
    titles: Column  # by subject, like the next two
    keywords: Column
    misses_keywords: IntArray
    contributor_ids: Column  # by position in the roster
    authors: RaggedIndex
    author_pools: IntArray  # by item of `authors`: first position of the pool, size, share_bp
    releases_by_role: RaggedIndex
    release_ids_by_role: RaggedIndex
    release_rows: pa.Table
    events: RaggedIndex
    event_rows: pa.Table

    @property
    def subject_count(self) -> int:
        """The number of titles and keyword lists."""
        return len(self.titles)

    def assets(self, roles: IntArray, columns: Mapping[str, Column]) -> pa.Table:
        """Returns rows of `assets`: the roles' columns, replaced by `columns` where given."""
        selected = self.columns.take(roles)
        arrays = [
            columns[field.name].cast(field.type) if field.name in columns else selected[field.name]
            for field in ASSETS_SCHEMA
        ]
        return pa.Table.from_arrays(arrays, schema=ASSETS_SCHEMA)

    def contributors(self, roles: IntArray, rotations: IntArray) -> tuple[Column, Column]:
        """Returns the column `contributors`, and each row's first author."""
        owners, ordinals, flat = self.authors.flatten(roles)
        start, size, share_bp = self.author_pools[flat].T
        # Neighbours in a pool, so that no asset has the same contributor twice.
        contributor_ids = self.contributor_ids.take(start + (rotations[owners] + ordinals) % size)
        shares = pa.StructArray.from_arrays(
            [contributor_ids, pa.array(share_bp, pa.int32())], fields=list(CONTRIBUTOR_SHARE)
        )
        offsets = self.authors.offsets(roles)
        lists = list_array(offsets, shares)
        # An asset without authors gets a neighbour's here; it has no consents, so it is not used.
        first = np.minimum(offsets[:-1], len(contributor_ids) - 1)
        return lists, contributor_ids.take(first)

    def releases(self, roles: IntArray, rows: IntArray) -> tuple[Column, pa.Table]:
        """Returns the column `release_ids`, and the rows of `releases` that it refers to."""
        owners, ordinals, _ = self.release_ids_by_role.flatten(roles)
        ids = _release_ids(rows[owners], ordinals)
        lists = list_array(self.release_ids_by_role.offsets(roles), ids)
        owners, ordinals, flat = self.releases_by_role.flatten(roles)
        table = self.release_rows.take(flat)
        named = _release_ids(rows[owners], ordinals)
        # Each release is of a different person unless the role names one: a revocation also applies
        # to other releases of the same person.
        subjects = pc.if_else(
            pc.equal(table["subject_ref"], pa.scalar(_UNNAMED_SUBJECT)),
            join_text(_UNNAMED_SUBJECT, named, ""),
            table["subject_ref"],
        )
        overrides = {"release_id": named, "subject_ref": subjects}
        arrays = [overrides.get(field.name, table[field.name]) for field in RELEASES_SCHEMA]
        return lists, pa.Table.from_arrays(arrays, schema=RELEASES_SCHEMA)

    def asset_consents(self, roles: IntArray, asset_ids: Column, authors: Column) -> pa.Table:
        """Returns the rows of `consents` that apply to one asset only."""
        owners, _, flat = self.events.flatten(roles)
        table = self.event_rows.take(flat)
        overrides = {"contributor_id": authors.take(owners), "asset_id": asset_ids.take(owners)}
        arrays = [overrides.get(field.name, table[field.name]) for field in CONSENTS_SCHEMA]
        return pa.Table.from_arrays(arrays, schema=CONSENTS_SCHEMA)


def _release_ids(rows: IntArray, ordinals: IntArray) -> Column:
    suffix = pa.array(ordinals).cast(pa.string())
    return join_text(numbered_ids("R", rows), suffix, "-")


def make_row_templates(roles: Sequence[Role], roster: LargeRoster) -> RowTemplates:
    """Turns roles into columns.

    Args:
        roles: The roles; other arrays refer to them by position.
        roster: The contributors to take authors from.
    """
    subjects = [
        (kind, colour, keyword_variant)
        for kind in KINDS
        for colour in COLOURS
        for keyword_variant in range(4)
    ]
    pools = [
        (*roster.pools[author.history], author.share_bp)
        for role in roles
        for author in role.authors
    ]
    releases = [release_row("", columns) for role in roles for columns in role.releases]
    events = [
        {
            "contributor_id": "",
            **event.columns,
        }
        for role in roles
        for event in role.events
    ]
    return RowTemplates(
        names=pa.array([role.name for role in roles]),
        columns=_role_table(roles),
        has_fixed_date=pa.array(["created_at" in role.columns for role in roles]),
        fixed_dates=pa.array([role.columns.get("created_at") for role in roles], pa.date32()),
        reasons={deal: _reasons(roles, deal) for deal in DEAL_IDS},
        titles=pa.array([f"A {colour} {kind}" for kind, colour, _ in subjects]),
        keywords=pa.array([_keywords(*look) for look in subjects], _STRINGS),
        misses_keywords=np.array(
            [_misses_keywords(keyword_variant) for _, _, keyword_variant in subjects],
            dtype=np.int64,
        ),
        contributor_ids=pa.array(roster.ids),
        authors=RaggedIndex.from_counts([len(role.authors) for role in roles]),
        author_pools=np.array(pools, dtype=np.int64),
        releases_by_role=RaggedIndex.from_counts([len(role.releases) for role in roles]),
        release_ids_by_role=RaggedIndex.from_counts(
            [len(role.releases) + role.unknown_releases for role in roles]
        ),
        release_rows=pa.Table.from_pylist(releases, schema=RELEASES_SCHEMA),
        events=RaggedIndex.from_counts([len(role.events) for role in roles]),
        event_rows=pa.Table.from_pylist(events, schema=CONSENTS_SCHEMA),
    )


def _role_table(roles: Sequence[Role]) -> pa.Table:
    nullable_schema = pa.schema([field.with_nullable(True) for field in ASSETS_SCHEMA])
    return pa.Table.from_pylist(
        [{**ORDINARY_ASSET, **role.columns} for role in roles], schema=nullable_schema
    )


def _reasons(roles: Sequence[Role], deal: str) -> Column:
    screening_reasons = [list(role.reasons.get(deal, ())) for role in roles]
    if deal != STRICT:
        return pa.array(screening_reasons, _STRINGS)
    code = "select.keywords"
    return pa.array(
        [*screening_reasons, *(sorted([*codes, code]) for codes in screening_reasons)], _STRINGS
    )


def _keywords(kind: str, colour: str, keyword_variant: int) -> list[str]:
    """Returns keywords; three in four variants are in the strict deal's collection, one retired."""
    return [
        kind,
        colour,
        *((), (COLLECTION,), (COLLECTION.upper(),), (COLLECTION, RETIRED))[keyword_variant],
    ]


def _misses_keywords(keyword_variant: int) -> bool:
    return keyword_variant in (0, 3)
