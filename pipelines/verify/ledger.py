"""Verifies the ledger's log: entries, tiles, root, checkpoint, and an entry for every sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from pipelines.format.manifest import original_delivery
from pipelines.ledger.leaf import LEAF_VERSION
from pipelines.ledger.merkle import HASH_BYTES, ProofError, leaf_hash
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.ledger.tiles import (
    ENTRIES_PREFIX,
    TILE_WIDTH,
    entries_path,
    leaf_tile_paths,
    read_entry_bundle,
    root_from_tiles,
)
from pipelines.storage.store import Store
from pipelines.verify.report import ProblemReporter
from schemas import layout
from schemas.errors import FairshardError, counted
from schemas.manifest import Manifest

_MAX_NAMED = 20
SampleMedia = dict[str, tuple[str, str]]  # key: (shard, sha256 of the media)


class LoggedSample(NamedTuple):
    """What the entries of a sample should say; `rest` is the digest of `rest_of`."""

    shard: str
    media_sha256: str
    rest: bytes


def rest_of(asset: str, decision_sha256: str, contributors: Iterable[str]) -> bytes:
    """Returns a digest of what entries say besides shard and media, to keep it in little memory.

    Args:
        asset: Commitment to the asset, hex.
        decision_sha256: Digest of the decision, hex.
        contributors: Commitments to the contributors, hex, in any order. A row has one twice if the
            catalogue names a person twice; the ledger adds up the shares.
    """
    said = (asset, decision_sha256, *sorted(set(contributors)))
    return hashlib.sha256("\n".join(said).encode()).digest()


def check_ledger(
    store: Store,
    manifest: Manifest,
    samples: Mapping[str, LoggedSample],
    unknown: frozenset[str],
    report_problem: ProblemReporter,
) -> int:
    """Checks the log of a delivery.

    1. `log.vkey` is the manifest's key, and the checkpoint is signed by it.
    2. Size, root and origin match the manifest.
    3. Each level of tiles follows from the level below it, up to the root.
    4. The entries' hashes match the tiles.
    5. Each entry belongs to this delivery (or to the one that was packaged, if this is a patch) and
       to a sample with its shard, media, asset and decision, and each sample has an entry for each
       of its contributors, in their order.

    Args:
        store: The delivery.
        manifest: Its manifest, verified.
        samples: The samples in the shards, as far as they are known.
        unknown: Names of the shards whose samples are not known.
        report_problem: Called with each problem.

    Returns:
        The number of entries.
    """
    record = manifest.ledger
    try:
        published = store.read_bytes(layout.LOG_VKEY).decode("ascii", "replace").strip()
        if published != manifest.vkey:  # 1
            report_problem(layout.LOG_VKEY, "it is not the key that signed the manifest")
        text = store.read_bytes(layout.CHECKPOINT).decode("utf-8", "replace")
        origin, size, root = open_checkpoint(text, manifest.vkey, record.origin)
        if (origin, size, root.hex()) != (record.origin, record.entries, record.root):  # 2
            report_problem(layout.CHECKPOINT, "its size or root does not match the manifest")
            return 0
        if root_from_tiles(size, store.read_bytes) != root:  # 3
            report_problem(layout.CHECKPOINT, "the tiles do not lead to its root")
            return 0
        _check_entries(store, manifest, size, samples, unknown, report_problem)  # 4, 5
    except FairshardError as error:
        report_problem(layout.CHECKPOINT, str(error))
        return 0
    except FileNotFoundError as error:
        report_problem(layout.CHECKPOINT, f"a file of the log is missing: {error}")
        return 0
    except (ValueError, KeyError, TypeError) as error:  # signed, but not written by this program
        report_problem(
            layout.CHECKPOINT, f"an entry cannot be read: {type(error).__name__}: {error}"
        )
        return 0
    return size


def _check_entries(
    store: Store,
    manifest: Manifest,
    size: int,
    samples: Mapping[str, LoggedSample],
    unknown: frozenset[str],
    report_problem: ProblemReporter,
) -> None:
    without_entry = set(samples)
    leaves = _published_leaves(store, size, report_problem)
    read = ((path, json.loads(leaf)) for path, leaf in leaves)
    expected = (LEAF_VERSION, original_delivery(manifest), manifest.deal.terms_sha256)
    for key, group in groupby(read, key=lambda item: item[1]["key"]):
        entries, sample = list(group), samples.get(key)
        for path, entry in entries:
            if (entry["version"], entry["delivery"], entry["terms_sha256"]) != expected:
                text = f"an entry is of another delivery: {entry['delivery']}"
                report_problem(path, text, key=key)
            logged = (entry["shard"], entry["media_sha256"])
            if entry["shard"] not in unknown and (sample is None or sample[:2] != logged):
                report_problem(path, "an entry names a sample that is not in the shards", key=key)
        path, first = entries[0]
        if sample is not None and first["shard"] not in unknown:
            if key not in without_entry:
                report_problem(path, "the sample's entries are not together", key=key)
            elif _rest_of_entries([entry for _, entry in entries]) != sample.rest:
                text = "its asset, decision or contributors differ from the sample's"
                report_problem(path, text, key=key)
        without_entry.discard(key)
    for key in sorted(without_entry):
        report_problem(f"shards/{samples[key][0]}.tar", "the sample has no ledger entry", key=key)


def _rest_of_entries(entries: list[dict[str, str]]) -> bytes:
    """Returns `rest_of` the entries of a sample; nothing if they are about several assets."""
    both = {(entry["asset_commitment"], entry["decision_sha256"]) for entry in entries}
    if len(both) != 1:
        return b""
    return rest_of(*both.pop(), [entry["contributor_commitment"] for entry in entries])


def logged_media(store: Store, manifest: Manifest, sound: frozenset[str]) -> SampleMedia:
    """Returns what the ledger states about samples, from its sound entry bundles.

    Args:
        store: The delivery.
        manifest: Its manifest.
        sound: Paths of the files that match the manifest.
    """
    found: SampleMedia = {}
    for path in sorted(sound):
        if path.startswith(ENTRIES_PREFIX):
            for leaf in read_entry_bundle(store.read_bytes(path)):
                entry = json.loads(leaf)
                found[entry["key"]] = (entry["shard"], entry["media_sha256"])
    return found


def report_wrong_entries(
    store: Store,
    manifest: Manifest,
    sound: frozenset[str],
    damaged: frozenset[str],
    report_problem: ProblemReporter,
) -> None:
    """Reports the wrong entries in damaged bundles whose tiles are sound."""
    for index, (tile_path, width) in enumerate(leaf_tile_paths(manifest.ledger.entries)):
        path = entries_path(index, width) if width < TILE_WIDTH else entries_path(index)
        if path not in damaged or tile_path not in sound or not store.exists(path):
            continue
        tile = store.read_bytes(tile_path)
        try:
            leaves = read_entry_bundle(store.read_bytes(path))
        except ProofError as error:
            report_problem(path, str(error))
            continue
        hashes = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
        wrong = [
            at
            for at, (leaf, wanted) in enumerate(zip(leaves, hashes, strict=False))
            if leaf_hash(leaf) != wanted
        ]
        for at in wrong[:_MAX_NAMED]:
            report_problem(
                path, f"entry {index * TILE_WIDTH + at} is not the one hashed in {tile_path}"
            )
        if len(wrong) > _MAX_NAMED or len(leaves) != len(hashes):
            report_problem(
                path,
                f"{counted(len(leaves), 'entry', 'entries')}, {len(wrong):,} of them wrong, "
                f"expected {len(hashes):,}",
            )


def _published_leaves(
    store: Store, size: int, report_problem: ProblemReporter
) -> Iterator[tuple[str, bytes]]:
    """Yields every leaf with its bundle's path; reports bundles that differ from their tile."""
    for index, (tile_path, width) in enumerate(leaf_tile_paths(size)):
        path = entries_path(index, width) if width < TILE_WIDTH else entries_path(index)
        leaves = read_entry_bundle(store.read_bytes(path))
        hashes = b"".join(leaf_hash(leaf) for leaf in leaves)
        if hashlib.sha256(hashes).digest() != hashlib.sha256(store.read_bytes(tile_path)).digest():
            report_problem(path, f"its entries do not match the hashes in {tile_path}")
            return
        yield from ((path, leaf) for leaf in leaves)
