"""Proofs from published tiles: leaves in trees of many sizes are proved, others refused."""

from __future__ import annotations

import pytest

from pipelines.ledger.merkle import ProofError, leaf_hash, root
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.ledger.tiles import entry_bundles, tiles
from tests.ledger.merkle_reference import mth, subproof


def published(size: int) -> tuple[dict[str, bytes], bytes]:
    """Returns the files of a log of `size` leaves, and its root."""
    leaves = [b"leaf %d" % index for index in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    return dict([*tiles(hashes), *entry_bundles(leaves)]), root(hashes)


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 65_536, 66_000])
def test_leaves_are_proved(size: int) -> None:
    files, top = published(size)
    log = PublishedLog(size, top, files.__getitem__)
    edges = {0, size // 3, size // 2, size - 1, max(0, size - 257), min(255, size - 1)}
    for index in sorted(edges):
        leaf = log.leaf(index)
        assert leaf == b"leaf %d" % index
        log.check(leaf_hash(leaf), index)
        with pytest.raises(ProofError):
            log.check(leaf_hash(b"another"), index)
    assert size < 65_536 or len(log.read_paths) < 20  # few of about five hundred files


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21, 33, 300])
def test_consistency_proofs_are_those_of_the_definition(size: int) -> None:
    files, top = published(size)
    log = PublishedLog(size, top, files.__getitem__)
    leaves = [b"leaf %d" % index for index in range(size)]
    for old in range(1, size + 1, 1 if size < 50 else 19):
        assert log.consistency(old) == subproof(old, leaves)
        assert log.prefix_root(old) == mth(leaves[:old])


def test_a_changed_tile_is_detected() -> None:
    files, top = published(700)
    for path, data in files.items():
        if path.startswith("tile/entries/"):
            continue
        changed = {**files, path: data[:5] + bytes([data[5] ^ 1]) + data[6:]}
        log = PublishedLog(700, top, changed.__getitem__)
        faults = 0
        for index in (0, 1, 257, 300, 699):
            try:
                log.check(leaf_hash(b"leaf %d" % index), index)
            except ProofError:
                faults += 1
        assert faults, path


def test_a_truncated_tile_or_bundle_is_refused() -> None:
    files, top = published(300)
    for path in ("tile/0/000", "tile/entries/001.p/44"):
        log = PublishedLog(300, top, {**files, path: files[path][:-40]}.__getitem__)
        with pytest.raises(ProofError):
            log.check(leaf_hash(log.leaf(299)), 299)
            log.check(leaf_hash(log.leaf(255)), 255)
