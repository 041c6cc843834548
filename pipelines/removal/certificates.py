"""Checks what a buyer's certificate of deletion says against notices and published versions.

The checks, numbered in the code: 1. it covers everything that must be deleted; 2. it names every
shard that the notices name, and no other; 3. what replaces one is a shard of a published version
without the samples, or nothing. A sample is recognised by its asset's id and by its file: the
commitments that a buyer knows are others in a version that was packaged with another key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.published import Published, find_versions, read_shard_tables
from pipelines.accounts.removals import RecordedNotice
from pipelines.format.notice import open_notice
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError
from schemas.notice import Notice, Reply

REFUSED = "Nothing was recorded. Ask the buyer for a corrected reply."
_MAX_NAMED = 3


class ReplyError(RunError):
    """Raised when a buyer's reply is forged, or does not answer the notices that it names."""


@dataclass(frozen=True)
class _Removed:
    """What must be gone: assets' ids and commitments, and digests of their files."""

    assets: frozenset[str]
    commitments: frozenset[str]
    media: frozenset[str]


@dataclass
class _Versions:
    """The published versions of the deals, and which of their shards have removed samples."""

    store: Store
    secrets: Collection[Opener]
    removed: _Removed
    shards: Mapping[str, tuple[Published, str]]
    _found: dict[str, set[str]] = field(default_factory=dict)

    def has_removed(self, digest: str) -> bool:
        """Whether the shard with a digest has a removed sample."""
        published, name = self.shards[digest]
        delivery = published.manifest.delivery
        if delivery not in self._found:
            self._found[delivery] = self._shards_with_removed(published)
        return name in self._found[delivery]

    def _shards_with_removed(self, published: Published) -> set[str]:
        removed, found = self.removed, set[str]()
        tables = read_shard_tables(self.store, published, ["asset", "media_sha256"])
        for shard, table in zip(published.manifest.shards, tables, strict=True):
            commitments, media = (set(values_of(table[name], str)) for name in table.column_names)
            if removed.commitments & commitments or removed.media & media:
                found.add(shard.name)
        names = ("asset_id", "shard", "media_sha256")
        rows = read_ledger_rows(
            self.store, published.deal_id, published.version, self.secrets, names
        )
        for asset, shard, media in zip(*(values_of(rows[n], str) for n in names), strict=True):
            if asset in removed.assets or media in removed.media:
                found.add(shard)
        return found


def check_certificate(
    log: AgencyLog,
    store: Store,
    reply: Reply,
    recorded: Sequence[RecordedNotice],
    secrets: Collection[Opener],
) -> None:
    """Checks a certificate against the notices and the versions that were published since.

    Args:
        log: The agency's log.
        store: The output.
        reply: The certificate.
        recorded: The notices that it names.
        secrets: The agency's secrets and the salts that its books keep, by which ledgers are
            checked.

    Raises:
        ReplyError: If it does not answer the notices; it says why.
        RunError: If a version that it names was altered, or is of a key that is not available.
    """
    notices = [open_notice(log.books.read_document(one.sha256)) for one in recorded]
    missing = sorted({part for one in notices for part in one.scope} - set(reply.scope))
    if missing:  # 1
        raise ReplyError(
            "The certificate does not cover everything that must be deleted",
            f"scope without {', '.join(missing)}",
            REFUSED,
        )
    wanted = _shards_of_notices(notices)
    _check_shards(reply, wanted)  # 2
    new = {one.replacement_sha256 for one in reply.shards} - {None}
    if not new:
        return
    shards = _published_shards(store, {notice.deal_id for notice in notices})
    removed = _removed(store, notices, recorded, secrets)
    versions = _Versions(store, secrets, removed, shards)
    for one in reply.shards:  # 3
        digest, why = one.replacement_sha256, ""
        if digest is None:
            continue
        if digest in wanted:
            why = "still has the samples"
        elif digest not in shards:
            why = "is not a shard of a published version"
        elif versions.has_removed(digest):
            why = "still has the samples"
        if why:
            raise ReplyError(
                "The certificate names a replacement that cannot be one",
                f"{one.name[:80]!a}: sha256 {digest} {why}",
                REFUSED,
            )


def _check_shards(reply: Reply, wanted: Mapping[str, str]) -> None:
    named = {shard.sha256: shard for shard in reply.shards}
    left_out = sorted(wanted[digest] for digest in wanted.keys() - named.keys())
    if left_out:
        more = f" and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
        raise ReplyError(
            "The certificate leaves out a shard that a notice names",
            f"{', '.join(left_out[:_MAX_NAMED])}{more}",
            REFUSED,
        )
    for shard in reply.shards:
        if shard.sha256 not in wanted:
            raise ReplyError(
                "The certificate names a shard that no notice names",
                f"{shard.name[:80]!a}, sha256 {shard.sha256}",
                REFUSED,
            )
        if shard.name != wanted[shard.sha256]:
            raise ReplyError(
                "The certificate has a shard by another name",
                f"{shard.name[:80]!a}, the notice has {wanted[shard.sha256]} with this sha256",
                REFUSED,
            )
    if len(named) != len(reply.shards):
        raise ReplyError(
            "The certificate names a shard twice", f"{len(reply.shards)} shards", REFUSED
        )


def _shards_of_notices(notices: Sequence[Notice]) -> dict[str, str]:
    """Returns the names of the shards that notices name, by digest."""
    return {
        shard.sha256: shard.name
        for notice in notices
        for delivery in notice.deliveries
        for shard in delivery.shards
    }


def _removed(
    store: Store,
    notices: Sequence[Notice],
    recorded: Sequence[RecordedNotice],
    secrets: Collection[Opener],
) -> _Removed:
    ids: dict[str, set[str]] = defaultdict(set)
    for one in recorded:
        for delivery, assets in one.assets.items():
            ids[delivery].update(assets)
    media: set[str] = set()
    for delivery, own in ids.items():
        deal_id, _, version = delivery.partition("/")
        rows = read_ledger_rows(store, deal_id, version, secrets, ("asset_id", "media_sha256"))
        pairs = zip(*(values_of(rows[n], str) for n in rows.column_names), strict=True)
        media.update(digest for asset, digest in pairs if asset in own)
    commitments = frozenset(
        sample.asset
        for notice in notices
        for delivered in notice.deliveries
        for shard in delivered.shards
        for sample in shard.samples
    )
    return _Removed(frozenset().union(*ids.values()), commitments, frozenset(media))


def _published_shards(store: Store, deals: set[str]) -> dict[str, tuple[Published, str]]:
    """Returns the shards of deals' published versions by digest, with version and name."""
    try:
        versions = [one for deal in sorted(deals) for one in find_versions(store, deal)]
    except InputError:
        return {}
    return {shard.sha256: (one, shard.name) for one in versions for shard in one.manifest.shards}
