"""Accounts for every reference: a no, a revocation or a withdrawal must reach what it names.

`ReferenceWatch` is made of the small tables; each batch of assets says which of the watched
references it reaches; `judge_references` says what reached nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.agreement_references import AgreementReferences
from pipelines.catalogue.join_watch import JoinWatch, Positions, positions_of
from pipelines.storage.columns import Column, join_text, list_items, struct_field, values_of
from schemas.rights import Permission

_JOINT = "\0"  # in no id: they are normalised


@dataclass(frozen=True)
class ReachedReferences:
    """What some assets reach of a watch's references, as positions in its lists.

    Attributes:
        contributors: Of `ReferenceWatch.contributors`.
        pairs: Of `ReferenceWatch.pairs`.
        releases: Of `ReferenceWatch.releases`.
        odd_asset_ids: Assets' ids that were written in another way, as they are compared.
        joined: For each of `ReferenceWatch.joins`, of its keys.
        level_assets: Of `ReferenceWatch.level_assets`.
    """

    contributors: Positions
    pairs: Positions
    releases: Positions
    odd_asset_ids: tuple[str, ...] = ()
    joined: tuple[Positions, ...] = ()
    level_assets: Positions = field(default_factory=lambda: _none())


@dataclass(frozen=True)
class ReferenceWatch:
    """References of the small tables that only the assets can settle.

    Attributes:
        listed: Ids in the contributors table.
        contributors: Ids that consents name and the contributors table does not have.
        contributor_no: Where one of them said anything but yes.
        pairs: Asset and contributor of consents about one asset, joined.
        pair_no: Where one of them is anything but a yes.
        releases: Releases that are revoked or deny machine learning.
        agreements: What is wrong with agreements.
        joins: Files that are joined to a table.
        level_assets: Assets that the deal's price puts in a level.
    """

    listed: Column
    contributors: Column
    contributor_no: npt.NDArray[np.bool_]
    pairs: Column
    pair_no: npt.NDArray[np.bool_]
    releases: Column
    agreements: AgreementReferences
    joins: tuple[JoinWatch, ...] = ()
    level_assets: Column = field(default_factory=lambda: pa.array([], pa.string()))

    @cached_property
    def pair_assets(self) -> Column:
        """The asset of each pair."""
        parts: Column = pc.list_element(pc.split_pattern(self.pairs, _JOINT, max_splits=1), 0)
        return parts

    def reached_by(
        self, assets: pa.Table, unread: pa.Table, odd_asset_ids: Sequence[str]
    ) -> ReachedReferences:
        """Returns what a batch reaches.

        Args:
            assets: Rows that were read.
            unread: Rows with a value that could not be read; they become failed assets, so that
                whatever names one of them has no effect but is accounted for.
            odd_asset_ids: From `pipelines.catalogue.notes.CellNotes`.
        """
        contributors, pairs, releases, level_assets = [], [], [], []
        joined: list[list[Positions]] = [[] for _ in self.joins]
        for table in (assets, unread):
            if len(table):
                for found, join in zip(joined, self.joins, strict=True):
                    if join.known is None:
                        found.append(join.reached_by(table))
                contributors.append(self._contributors_in(table))
                pairs.append(self._pairs_in(table))
                releases.append(positions_of(_items(table, "release_ids"), self.releases))
                ids = table.column("asset_id").combine_chunks()
                level_assets.append(positions_of(ids, self.level_assets))
        if len(unread):
            ids = unread.column("asset_id").combine_chunks()
            pairs.append(_rows_in(self.pair_assets, ids) if len(self.pairs) else _none())
        return ReachedReferences(
            _union(contributors),
            _union(pairs),
            _union(releases),
            tuple(odd_asset_ids),
            tuple(map(_union, joined)),
            _union(level_assets),
        )

    def _contributors_in(self, table: pa.Table) -> Positions:
        if not len(self.contributors):
            return _none()
        return positions_of(
            struct_field(_items(table, "contributors"), "contributor_id"), self.contributors
        )

    def _pairs_in(self, table: pa.Table) -> Positions:
        if not len(self.pairs):
            return _none()
        named = _rows_in(table.column("asset_id").combine_chunks(), self.pair_assets)
        if not len(named):
            return _none()
        subset = table.select(["asset_id", "contributors"]).take(named)
        lists = subset.column("contributors").combine_chunks()
        asset_ids = subset.column("asset_id").combine_chunks().take(pc.list_parent_indices(lists))
        ids = struct_field(list_items(lists), "contributor_id")
        return positions_of(join_text(asset_ids, ids, _JOINT), self.pairs)


def _none() -> Positions:
    return np.zeros(0, np.int64)


def _union(found: Sequence[Positions]) -> Positions:
    return np.unique(np.concatenate([_none(), *found]))


def _items(table: pa.Table, column: str) -> Column:
    return list_items(table.column(column).combine_chunks())


def _rows_in(values: Column, known: Column) -> Positions:
    """Returns the rows of values that are known."""
    return np.flatnonzero(pc.is_in(values, value_set=known).to_numpy(zero_copy_only=False))


def watch_references(
    contributors: pa.Table,
    consents: pa.Table,
    releases: pa.Table,
    agreements: AgreementReferences,
    joins: Sequence[JoinWatch] = (),
    level_assets: Iterable[str] = (),
) -> ReferenceWatch:
    """Collects the references that must be looked for among the assets.

    Args:
        contributors: The contributors table.
        consents: The consents table.
        releases: The releases table.
        agreements: What is wrong with agreements.
        joins: Files that are joined to a table.
        level_assets: Assets that the deal's price puts in a level.
    """
    listed = pc.unique(contributors.column("contributor_id").combine_chunks())
    is_no = pc.not_equal(consents.column("value"), pa.scalar(Permission.ALLOW.value))
    who = consents.column("contributor_id").combine_chunks()
    unlisted = pc.invert(pc.is_in(who, value_set=listed))
    unknown, unknown_no = _distinct(who.filter(unlisted), is_no.filter(unlisted))
    narrowed = pc.is_valid(consents.column("asset_id"))
    about = consents.filter(narrowed)
    joined = join_text(
        about.column("asset_id").combine_chunks(),
        about.column("contributor_id").combine_chunks(),
        _JOINT,
    )
    pairs, pair_no = _distinct(joined, is_no.filter(narrowed))
    # A word that is none of ours may be meant as a denial.
    others = pa.array([v.value for v in Permission if v is not Permission.DENY] + [None])
    denies = pc.invert(pc.is_in(releases.column("ml_use"), value_set=others))
    against = pc.or_kleene(pc.is_valid(releases.column("revoked_at")), denies)
    return ReferenceWatch(
        listed,
        unknown,
        unknown_no,
        pairs,
        pair_no,
        pc.unique(releases.column("release_id").filter(against).combine_chunks()),
        agreements,
        tuple(joins),
        pa.array(sorted(set(level_assets)), pa.string()),
    )


def _distinct(
    texts: Column, is_no: Column | pa.ChunkedArray[pa.BooleanScalar]
) -> tuple[Column, npt.NDArray[np.bool_]]:
    """Returns the distinct texts, and where one of them comes with a no."""
    encoded = texts.dictionary_encode()
    said_no = np.zeros(len(encoded.dictionary), np.bool_)
    flags = is_no.combine_chunks() if isinstance(is_no, pa.ChunkedArray) else is_no
    no_rows = flags.cast(pa.int8()).fill_null(1).to_numpy(zero_copy_only=False) != 0
    said_no[encoded.indices.to_numpy()[no_rows]] = True
    return encoded.dictionary, said_no


@dataclass(frozen=True)
class UnreachedReferences:
    """What the assets of a catalogue did not reach.

    Attributes:
        contributors: Unknown contributors who said no.
        pairs: No's about one asset: the asset and the contributor.
        releases: Revoked or denying releases that no asset names.
        asset_ids: Assets' ids that stand in several rows once they are written alike.
        agreements: What is wrong with agreements.
        other: How many other references reach nothing, by kind.
        joined: Keys of joined rows that may limit what is allowed, each with its join.
        joined_rows: The rows of each joined file, by its name.
        level_assets: Assets that the deal's price puts in a level, and that are not there.
    """

    contributors: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    releases: tuple[str, ...]
    asset_ids: tuple[str, ...]
    agreements: AgreementReferences
    other: dict[str, int] = field(default_factory=dict)
    joined: tuple[tuple[str, JoinWatch], ...] = ()
    joined_rows: dict[str, TableCount] = field(default_factory=dict)
    level_assets: tuple[str, ...] = ()


def find_unreached(
    watch: ReferenceWatch,
    reached: Iterable[ReachedReferences],
    asset_ids: Callable[[], Iterator[Column]],
) -> UnreachedReferences:
    """Compares what is watched with what was reached.

    Args:
        watch: The references.
        reached: What every batch of assets reaches.
        asset_ids: Reads the ids of all assets again, which is needed only if some were respelled.
    """
    contributors = np.zeros(len(watch.contributors), np.bool_)
    pairs = np.zeros(len(watch.pairs), np.bool_)
    releases = np.zeros(len(watch.releases), np.bool_)
    level_assets = np.zeros(len(watch.level_assets), np.bool_)
    odd_ids: set[str] = set()
    joined = [join.settled() for join in watch.joins]
    for batch in reached:
        for found, positions in zip(joined, batch.joined, strict=True):
            found[positions] = True
        contributors[batch.contributors] = True
        pairs[batch.pairs] = True
        releases[batch.releases] = True
        level_assets[batch.level_assets] = True
        odd_ids.update(batch.odd_asset_ids)
    lost_pairs = watch.pairs.filter(pa.array(~pairs & watch.pair_no))
    other = {
        "consents_of_unknown_contributors": int((~contributors & ~watch.contributor_no).sum()),
        "consents_about_unknown_assets": int((~pairs & ~watch.pair_no).sum()),
        "agreements_with_unknown_contributors": watch.agreements.unknown_contributors,
        "joined_rows_without_rights": sum(
            int((~found & ~join.is_no).sum())
            for found, join in zip(joined, watch.joins, strict=True)
        ),
    }
    return UnreachedReferences(
        _sorted(watch.contributors, ~contributors & watch.contributor_no),
        tuple(sorted(_split_pair(pair) for pair in values_of(lost_pairs, str))),
        _sorted(watch.releases, ~releases),
        _repeated(odd_ids, asset_ids) if odd_ids else (),
        watch.agreements,
        other,
        tuple(
            (key, join)
            for found, join in zip(joined, watch.joins, strict=True)
            for key in _sorted(join.keys, ~found & join.is_no)
        ),
        {
            join.name: replace(join.count, rows=int(found.sum()), unmatched=int((~found).sum()))
            for found, join in zip(joined, watch.joins, strict=True)
        },
        _sorted(watch.level_assets, ~level_assets),
    )


def _sorted(values: Column, chosen: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(sorted(values_of(values.filter(pa.array(chosen)), str)))


def _split_pair(pair: str) -> tuple[str, str]:
    asset_id, _, contributor_id = pair.partition(_JOINT)
    return asset_id, contributor_id


def _repeated(odd_ids: set[str], asset_ids: Callable[[], Iterator[Column]]) -> tuple[str, ...]:
    wanted = pa.array(sorted(odd_ids), pa.string())
    counts: Counter[str] = Counter()
    for ids in asset_ids():
        counts.update(values_of(ids.filter(pc.is_in(ids, value_set=wanted)), str))
    return tuple(sorted(name for name, count in counts.items() if count > 1))
