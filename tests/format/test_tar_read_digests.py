"""Digests while a tar is read: a failure raises one error and no thread remains."""

from __future__ import annotations

import hashlib
import io
import threading

import pytest

from tests.format.strict_tar import read_members
from tests.format.tar_oracle import slow_tar


class HashingError(Exception):
    """An unexpected error."""


# Sizes: hashed by the reader, hashed by either thread, and larger than a read.
@pytest.mark.parametrize("size", [100, 500_000, 3_000_000])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_failing_digest_raises_after_complete_members(
    size: int, good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, placed = slow_tar([(f"{at}.jpg", bytes([at]) * size) for at in range(8)])
    before, real, left = threading.active_count(), hashlib.sha256, iter(range(good))

    def sha256(content: memoryview) -> object:
        if next(left, None) is None:
            raise HashingError
        return real(content)

    monkeypatch.setattr(hashlib, "sha256", sha256)
    found = []
    with pytest.raises(HashingError):
        for member in read_members(io.BytesIO(data)):
            found.append(member)
    assert threading.active_count() == before
    assert found == placed[: len(found)] and len(found) <= good


@pytest.mark.parametrize("rounds", range(5))
def test_members_that_span_reads_are_hashed_between_small_ones(rounds: int) -> None:
    sizes = [2047, 2048, 2_500_000, 0, 1_048_576, 1_047_552, 5_000_000 + rounds * 512, 1, 700_000]
    data, placed = slow_tar([(f"{at}.jpg", bytes([at]) * size) for at, size in enumerate(sizes)])
    assert list(read_members(io.BytesIO(data))) == placed
