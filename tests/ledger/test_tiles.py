"""The files of a log have the paths and bytes that C2SP tlog-tiles specifies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.merkle import ProofError, leaf_hash, root
from pipelines.ledger.tiles import (
    entries_path,
    entry_bundles,
    read_entry_bundle,
    root_from_tiles,
    tile_path,
    tiles,
)
from schemas.errors import InputError


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 0, 1, "tile/0/000.p/1"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 256, "tile/0/x001/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (5, 1234067, 8, "tile/5/x001/x234/067.p/8"),
        (63, 10**9, 255, "tile/63/x001/x000/x000/000.p/255"),
    ],
)
def test_a_tile_has_the_specified_path(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path
    assert entries_path(index, width) == path.replace(f"tile/{level}/", "tile/entries/")


@pytest.mark.parametrize(
    ("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_numbers_out_of_range_have_no_path(level: int, index: int, width: int) -> None:
    with pytest.raises(InputError):
        tile_path(level, index, width)


@pytest.mark.long
def test_the_specifications_example_of_70000_leaves() -> None:
    files = dict(tiles(hashes(70_000)))
    full = [path for path in files if path.startswith("tile/0/") and ".p/" not in path]
    assert len(full) == 273
    assert sorted(set(files) - set(full)) == [
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert files["tile/2/000.p/1"] == root(hashes(65_536))
    assert root_from_tiles(70_000, files.__getitem__) == root(hashes(70_000))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 1000])
def test_tiles_hold_the_roots_of_their_subtrees(size: int) -> None:
    leaves = hashes(size)
    files = dict(tiles(leaves))
    assert (size == 0) == (not files)
    for path, data in files.items():
        _, level, rest = path.split("/", 2)
        number, _, width = rest.partition(".p/")
        assert len(data) == 32 * int(width or 256)
        span = 256 ** int(level)
        for offset in range(len(data) // 32):
            start = (int(number) * 256 + offset) * span
            assert data[offset * 32 :][:32] == root(leaves[start : start + span])
    assert root_from_tiles(size, files.__getitem__) == root(leaves)


def test_altered_tiles_are_detected() -> None:
    files = dict(tiles(hashes(700)))
    for path in files:
        changed = dict(files)
        changed[path] = bytes([files[path][0] ^ 1]) + files[path][1:]
        try:
            found = root_from_tiles(700, changed.__getitem__)
        except ProofError as error:
            assert error.which == "tile/1/000.p/2"
        else:
            assert path == "tile/0/002.p/188"  # no tile above covers it, but the root does
            assert found != root(hashes(700))
        changed[path] = files[path][:-1]
        with pytest.raises(ProofError):
            root_from_tiles(700, changed.__getitem__)


@given(st.lists(st.binary(max_size=40), max_size=600))
def test_bundles_round_trip(leaves: list[bytes]) -> None:
    files = list(entry_bundles(leaves))
    assert [leaf for _, data in files for leaf in read_entry_bundle(data)] == leaves
    full, rest = divmod(len(leaves), 256)
    expected = [entries_path(index) for index in range(full)]
    assert [path for path, _ in files] == expected + ([entries_path(full, rest)] if rest else [])


def test_a_bundle_has_the_specified_bytes() -> None:
    assert list(entry_bundles([b"ab", b"", b"x" * 65535])) == [
        ("tile/entries/000.p/3", b"\x00\x02ab\x00\x00\xff\xff" + b"x" * 65535)
    ]
    with pytest.raises(InputError, match="65535"):
        list(entry_bundles([b"x" * 65536]))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x03ab", b"\x00\x01a\x00", b"\x00\x00" * 257])
def test_malformed_bundles_are_refused(data: bytes) -> None:
    with pytest.raises(ProofError, match="entry bundle"):
        read_entry_bundle(data)
