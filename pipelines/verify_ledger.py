"""Verifying the ledger's log: entries, tiles, root, checkpoint, and that every sample is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

from pipelines import layout
from pipelines.delivery.stores import Store
from pipelines.ledger.entries import LEAF_VERSION
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.note import open_checkpoint
from pipelines.ledger.tiles import (
    TILE_WIDTH,
    entries_path,
    log_paths,
    read_entry_bundle,
    root_from_tiles,
)
from schemas.errors import FairshardError
from schemas.manifest import Manifest

Note = Callable[[str, str], None]
Samples = dict[str, tuple[str, str]]  # key: (shard, sha256 of the media)


def check_ledger(store: Store, manifest: Manifest, samples: Samples | None, note: Note) -> int:
    """Checks the log of a delivery.

    1. `log.vkey` is the manifest's key, and the checkpoint is signed by it.
    2. Size, root and origin are those of the manifest.
    3. The tiles follow from one another up to the root.
    4. The entries' hashes are the tiles'.
    5. Each entry is of this delivery and of a sample with its shard and media, and each sample has
       an entry.

    Args:
        store: The delivery.
        manifest: Its manifest, verified.
        samples: What the shards hold, or None where that is in doubt.
        note: Takes what is wrong.

    Returns:
        How many entries there are.
    """
    record = manifest.ledger
    published = store.read_bytes(layout.LOG_VKEY).decode("ascii", "replace").strip()
    if published != manifest.vkey:  # 1
        note(layout.LOG_VKEY, "not the key that signed the manifest")
    try:
        text = store.read_bytes(layout.CHECKPOINT).decode("utf-8", "replace")
        origin, size, root = open_checkpoint(text, manifest.vkey, record.origin)
        if (origin, size, root.hex()) != (record.origin, record.entries, record.root):  # 2
            note(layout.CHECKPOINT, "size or root is not the manifest's")
            return 0
        if root_from_tiles(size, store.read_bytes) != root:  # 3
            note(layout.CHECKPOINT, "the tiles do not come to its root")
            return 0
        _check_entries(store, manifest, size, samples, note)  # 4, 5
    except FairshardError as error:
        note(layout.CHECKPOINT, str(error))
        return 0
    except FileNotFoundError as error:
        note(layout.CHECKPOINT, f"a file of the log is missing: {error}")
        return 0
    except (ValueError, KeyError, TypeError) as error:  # signed, yet not of our making
        note(layout.CHECKPOINT, f"an entry cannot be read: {type(error).__name__}: {error}")
        return 0
    return size


def _check_entries(
    store: Store, manifest: Manifest, size: int, samples: Samples | None, note: Note
) -> None:
    unseen = set(samples or ())
    for path, leaf in _leaves(store, size, note):
        entry = json.loads(leaf)
        expected = (LEAF_VERSION, manifest.delivery, manifest.deal.terms_sha256)
        if (entry["version"], entry["delivery"], entry["terms_sha256"]) != expected:
            note(path, f"an entry of another delivery: {entry['delivery']}")
        if samples is None:
            continue
        told = (entry["shard"], entry["media_sha256"])
        if samples.get(entry["key"]) != told:
            note(path, f"an entry of a sample that the shards do not hold: {entry['key']}")
        unseen.discard(entry["key"])
    for key in sorted(unseen):
        note(f"shards/{(samples or {})[key][0]}.tar", f"sample {key} has no ledger entry")


def _leaves(store: Store, size: int, note: Note) -> Iterator[tuple[str, bytes]]:
    """Every leaf with the path of its bundle; a bundle that is not its tile's is noted."""
    for index, (tile_path, width) in enumerate(log_paths(size)):
        path = entries_path(index, width) if width < TILE_WIDTH else entries_path(index)
        leaves = read_entry_bundle(store.read_bytes(path))
        hashes = b"".join(leaf_hash(leaf) for leaf in leaves)
        if hashlib.sha256(hashes).digest() != hashlib.sha256(store.read_bytes(tile_path)).digest():
            note(path, f"its entries are not those hashed in {tile_path}")
            return
        yield from ((path, leaf) for leaf in leaves)
