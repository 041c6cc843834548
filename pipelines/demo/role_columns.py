"""Roles as Arrow columns: one row a role, from which the rows of a large catalogue are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.demo.crowd import Crowd
from pipelines.demo.roles.role import COLLECTION, DEAL_IDS, RETIRED, STRICT, Role
from pipelines.demo.scenes.scene import COLOURS, KINDS
from pipelines.demo.tables import ORDINARY_ASSET, release_row
from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, CONTRIBUTOR_SHARE, RELEASES_SCHEMA
from schemas.reasons import Reason

Integers = npt.NDArray[np.int64]
# The stubs of pyarrow know neither joins of arrays with text nor lists of structs.
Column: TypeAlias = "pa.Array[Any]"
_join: Callable[..., Column] = pc.binary_join_element_wise
_lists: Callable[..., Column] = pa.ListArray.from_arrays
_STRINGS = pa.list_(pa.string())
_ID_DIGITS = 9


def numbered(prefix: str, numbers: Integers) -> Column:
    """Ids such as `A000000017`."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), _ID_DIGITS, "0")
    return _join(prefix, digits, "")


def media_uris(asset_ids: Column) -> Column:
    """Where each asset's file would lie."""
    return _join("media/", asset_ids, ".jpg", "")


@dataclass(frozen=True)
class Slots:
    """Several things a role: how many each has, and where its first stands in the flat table."""

    counts: Integers
    first: Integers

    @classmethod
    def of(cls, counts: Sequence[int]) -> Slots:
        """Slots of so many things each."""
        sizes = np.array(counts, dtype=np.int64)
        return cls(sizes, np.cumsum(sizes) - sizes)

    def spread(self, roles: Integers) -> tuple[Integers, Integers, Integers]:
        """For rows of these roles, of each thing: its row, its place there, its flat position."""
        counts = self.counts[roles]
        owners = np.repeat(np.arange(len(roles)), counts)
        places = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return owners, places, self.first[roles[owners]] + places

    def offsets(self, roles: Integers) -> Column:
        """List offsets for rows of these roles."""
        ends = np.concatenate([[0], np.cumsum(self.counts[roles])])
        return pa.array(ends.astype(np.int32))


@dataclass(frozen=True)
class Templates:
    """All that rows are taken from; the first axis of every array is the role, unless said."""

    names: Column
    columns: pa.Table
    dated: Column  # whether the role fixes created_at
    dates: Column
    reasons: Mapping[str, Column]  # by deal; the strict one's twice as long
    titles: Column  # by look, as the next two
    keywords: Column
    misses_keywords: Integers
    people: Column  # contributor ids by number
    authors: Slots
    author_pools: Integers  # by flat author: first number, size, share_bp
    releases_of: Slots
    release_ids_of: Slots
    release_rows: pa.Table
    events: Slots
    event_rows: pa.Table

    @property
    def look_count(self) -> int:
        """How many titles and lists of keywords there are."""
        return len(self.titles)

    def assets(self, roles: Integers, columns: Mapping[str, Column]) -> pa.Table:
        """Rows of `assets`: the role's columns, with those given in their places."""
        taken = self.columns.take(roles)
        arrays = [
            columns[field.name].cast(field.type) if field.name in columns else taken[field.name]
            for field in ASSETS_SCHEMA
        ]
        return pa.Table.from_arrays(arrays, schema=ASSETS_SCHEMA)

    def contributors(self, roles: Integers, turns: Integers) -> tuple[Column, Column]:
        """The column `contributors`, and each row's first author."""
        owners, places, flat = self.authors.spread(roles)
        start, size, share_bp = self.author_pools[flat].T
        # Neighbours in a pool, so that no work names anybody twice.
        people = self.people.take(start + (turns[owners] + places) % size)
        shares = pa.StructArray.from_arrays(
            [people, pa.array(share_bp, pa.int32())], fields=list(CONTRIBUTOR_SHARE)
        )
        offsets = self.authors.offsets(roles)
        lists = _lists(offsets, shares)
        # A work without authors ends up with a neighbour's, and has no consents to give it to.
        first = np.minimum(offsets.to_numpy()[:-1], len(people) - 1)
        return lists, people.take(first)

    def releases(self, roles: Integers, rows: Integers) -> tuple[Column, pa.Table]:
        """The column `release_ids`, and the rows of `releases` that it names."""
        owners, places, _ = self.release_ids_of.spread(roles)
        ids = _release_ids(rows[owners], places)
        lists = _lists(self.release_ids_of.offsets(roles), ids)
        owners, places, flat = self.releases_of.spread(roles)
        table = self.release_rows.take(flat)
        named = _release_ids(rows[owners], places)
        return lists, table.set_column(0, RELEASES_SCHEMA.field("release_id"), named)

    def asset_consents(self, roles: Integers, asset_ids: Column, authors: Column) -> pa.Table:
        """Rows of `consents` that narrow to one asset."""
        owners, _, flat = self.events.spread(roles)
        table = self.event_rows.take(flat)
        given = {"contributor_id": authors.take(owners), "asset_id": asset_ids.take(owners)}
        arrays = [given.get(field.name, table[field.name]) for field in CONSENTS_SCHEMA]
        return pa.Table.from_arrays(arrays, schema=CONSENTS_SCHEMA)


def _release_ids(rows: Integers, places: Integers) -> Column:
    suffix = pa.array(places).cast(pa.string())
    return _join(numbered("R", rows), suffix, "-")


def make_templates(roles: Sequence[Role], crowd: Crowd) -> Templates:
    """Turns roles into columns.

    Args:
        roles: The roles by number.
        crowd: Who the authors are taken from.
    """
    looks = [(kind, colour, mark) for kind in KINDS for colour in COLOURS for mark in range(4)]
    pools = [(*crowd.pools[a.history], a.share_bp) for role in roles for a in role.authors]
    releases = [release_row("", columns) for role in roles for columns in role.releases]
    events = [
        {"contributor_id": "", "purpose": e.purpose, "value": e.value, "given_at": e.given_at}
        for role in roles
        for e in role.events
    ]
    return Templates(
        names=pa.array([role.name for role in roles]),
        columns=_role_table(roles),
        dated=pa.array(["created_at" in role.columns for role in roles]),
        dates=pa.array([role.columns.get("created_at") for role in roles], pa.date32()),
        reasons={deal: _reasons(roles, deal) for deal in DEAL_IDS},
        titles=pa.array([f"A {colour} {kind}" for kind, colour, _ in looks]),
        keywords=pa.array([_keywords(*look) for look in looks], _STRINGS),
        misses_keywords=np.array([_misses_keywords(mark) for _, _, mark in looks], dtype=np.int64),
        people=pa.array(crowd.ids),
        authors=Slots.of([len(role.authors) for role in roles]),
        author_pools=np.array(pools, dtype=np.int64),
        releases_of=Slots.of([len(role.releases) for role in roles]),
        release_ids_of=Slots.of([len(r.releases) + r.unknown_releases for r in roles]),
        release_rows=pa.Table.from_pylist(releases, schema=RELEASES_SCHEMA),
        events=Slots.of([len(role.events) for role in roles]),
        event_rows=pa.Table.from_pylist(events, schema=CONSENTS_SCHEMA),
    )


def _role_table(roles: Sequence[Role]) -> pa.Table:
    loose = pa.schema([field.with_nullable(True) for field in ASSETS_SCHEMA])
    return pa.Table.from_pylist(
        [{**ORDINARY_ASSET, **role.columns} for role in roles], schema=loose
    )


def _reasons(roles: Sequence[Role], deal: str) -> Column:
    alone = [list(role.reasons.get(deal, ())) for role in roles]
    if deal != STRICT:
        return pa.array(alone, _STRINGS)
    code = Reason.SELECT_KEYWORDS.value
    return pa.array([*alone, *(sorted([*codes, code]) for codes in alone)], _STRINGS)


def _keywords(kind: str, colour: str, mark: int) -> list[str]:
    """Three in four are in the strict deal's collection; of these, one in three is retired."""
    return [kind, colour, *((), (COLLECTION,), (COLLECTION.upper(),), (COLLECTION, RETIRED))[mark]]


def _misses_keywords(mark: int) -> bool:
    return mark in (0, 3)
