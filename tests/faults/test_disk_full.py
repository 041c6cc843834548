"""An output on a disk that fills up: a tmpfs that is too small, by a lot or by a little."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import ShardedLibrary
from tests.faults.outputs import Expected, check_ended, check_error_message, check_not_torn
from tests.faults.runs import RunStarter

PAGE = os.sysconf("SC_PAGE_SIZE")


def _mount(*words: object) -> str:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or "mount failed"


@contextmanager
def disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Mounts a tmpfs of a size, and unmounts it at the end."""
    folder.mkdir()
    refused = _mount("-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder)
    if refused:
        pytest.skip(f"no tmpfs can be mounted: {refused}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")


def needed(library: ShardedLibrary, runs: RunStarter, expected: Expected, folder: Path) -> int:
    """Returns the peak disk use of a run in bytes, or slightly less since it is sampled."""
    with disk(folder / "large", 1 << 30) as place:
        output = library.warm(place / "out")
        before = _used(place)
        run = runs.start(*library.package(output.uri, "--workers", 1))
        peak_bytes = before
        while not run.ended():
            peak_bytes = max(peak_bytes, _used(place))
        assert run.wait() == 0, run.output_text()
        check_ended(output, expected)
    assert peak_bytes > before
    return peak_bytes


def _used(place: Path) -> int:
    seen = os.statvfs(place)
    return (seen.f_blocks - seen.f_bfree) * seen.f_frsize


def fill(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, place: Path, sizes: Sequence[int]
) -> int:
    """Runs on a disk that grows until one run ends; returns how many runs found it full."""
    full = 0
    with disk(place, sizes[0]):
        output = library.warm(place / "out")
        for size in sizes:
            assert not _mount("-o", f"remount,size={size}", place)
            run = runs.start(*library.package(output.uri, "--workers", 1))
            if run.wait() == 0:
                break
            assert run.code == 1, run.output_text()
            check_error_message(run.errors())
            # The message says what failed, where and why.
            pattern = rf"cannot be written: {re.escape(str(place))}\S* \(No space left on device\)"
            assert re.search(pattern, run.errors()), run.errors()
            assert "Free space" in run.errors()
            check_not_torn(output, expected)
            full += 1
        assert not _mount("-o", f"remount,size={1 << 30}", place)
        run = runs.start(*library.package(output.uri, "--workers", 1))
        assert run.wait() == 0, run.output_text()
        check_ended(output, expected)
    return full


@pytest.mark.slow
def test_run_on_a_growing_full_disk_reports_and_recovers(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    features = sum(path.stat().st_size for path in library.features.rglob("*") if path.is_file())
    sizes = [features + 200 * PAGE, features + 2_000_000]
    assert fill(library, runs, expected, tmp_path / "disk", sizes) == 2


@pytest.mark.slow
def test_every_disk_size_reports_and_recovers(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    """Sizes from one that fits only the claim to one that is a single block too small."""
    peak_bytes = needed(library, runs, expected, tmp_path)
    features = sum(path.stat().st_size for path in library.features.rglob("*") if path.is_file())
    start = features + 40 * PAGE
    tried = [start + (peak_bytes - start) * step // 10 for step in range(10)]
    tried += [peak_bytes - pages * PAGE for pages in (64, 16, 4, 1)]
    full = 0
    for number, size in enumerate(tried):
        full += fill(library, runs, expected, tmp_path / str(number), [size])
    print(f"{len(tried)} sizes from {start:,} to {peak_bytes - PAGE:,} bytes; full {full} times")
    assert full >= 10
