"""The cache of digests: which files count as unchanged, and which digests are not trusted."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from pipelines.features.digest_cache import (
    FileState,
    digest_cache_row,
    file_state,
    invalidate,
    load_digest_cache,
)
from pipelines.features.store import FeatureTable, open_feature_store
from pipelines.fetch.locate import FileLocation, S3Location
from pipelines.storage.open import open_store
from schemas.file_features import DigestCacheRow

_TICK_S = 0.02  # more than the resolution of file timestamps


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "a.jpg"
    path.write_bytes(b"one")
    return path


def state(path: Path) -> FileState:
    found = file_state(FileLocation(str(path.parent), str(path)))
    assert found is not None
    return found


def test_untouched_file_has_the_same_state(file: Path) -> None:
    before = state(file)
    file.read_bytes()
    assert state(file) == before
    assert before.size_bytes == 3


def test_every_change_alters_the_state(file: Path) -> None:
    states = [state(file)]
    times = file.stat()

    def note() -> None:
        time.sleep(_TICK_S)
        states.append(state(file))

    time.sleep(_TICK_S)
    file.write_bytes(b"two")  # the same length
    note()
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # set back, as some copies do
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    note()
    file.chmod(0o600)
    note()
    other = file.with_name("b.jpg")
    other.write_bytes(b"one")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(file)
    note()
    assert len({one.key for one in states}) == len(states)
    moved = file.rename(file.with_name("c.jpg"))
    assert state(moved).key not in {one.key for one in states}


def test_non_file_has_no_state(file: Path) -> None:
    root = file.parent
    (root / "link").symlink_to(file)
    os.mkfifo(root / "pipe")
    for name in ("link", "pipe", "missing"):
        assert file_state(FileLocation(str(root), str(root / name))) is None
    assert file_state(FileLocation(str(root.parent), str(root))) is None
    assert file_state(S3Location("bucket", "a.jpg")) is None


def table(folder: Path) -> FeatureTable[DigestCacheRow]:
    return open_feature_store(open_store(str(folder)), "clip", "captioner", "readers").digest_cache


def test_saved_digest_is_found(file: Path, tmp_path: Path) -> None:
    row = digest_cache_row(state(file), "ab" * 32, "jpg")
    table(tmp_path).save(0, 9, [row])
    table(tmp_path).save(0, 19, [row])  # units of another size have it as well
    assert load_digest_cache(table(tmp_path), 5, 5) == {state(file).key: row}
    assert load_digest_cache(table(tmp_path), 20, 29) == {}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_untrusted_digest_stays_untrusted(
    order: tuple[int, ...], file: Path, tmp_path: Path
) -> None:
    """The order of the feature files does not matter."""
    at = state(file)
    steps = [
        lambda: table(tmp_path).save(0, 9, [digest_cache_row(at, "ab" * 32, "jpg")]),
        lambda: invalidate(table(tmp_path), 0, 9, [at]),
        lambda: table(tmp_path).save(0, 19, [digest_cache_row(at, "ab" * 32, "jpg")]),
    ]
    for step in order:
        steps[step]()
    assert load_digest_cache(table(tmp_path), 0, 9)[at.key]["media_sha256"] == ""


def test_conflicting_digests_are_not_trusted(file: Path, tmp_path: Path) -> None:
    at = state(file)
    table(tmp_path).save(0, 9, [digest_cache_row(at, "ab" * 32, "jpg")])
    table(tmp_path).save(0, 9, [digest_cache_row(at, "cd" * 32, "jpg")])
    assert load_digest_cache(table(tmp_path), 0, 9)[at.key]["media_sha256"] == ""


@pytest.mark.parametrize("shift_s", [-1_000_000, 1_000_000])
def test_a_file_has_changed_when_its_bytes_or_its_status_did(shift_s: int, file: Path) -> None:
    """The later counts: a file whose time was set back has changed now."""
    now_s = time.time()
    os.utime(file, (now_s, now_s + shift_s))
    expected = now_s if shift_s < 0 else now_s + shift_s
    assert abs(state(file).changed_s - expected) < 60
