"""Runs the benchmarks and prints their figures: `python -m tests.bench`."""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import webdataset

from pipelines.catalogue.read import open_catalogue
from pipelines.catalogue.small import read_small_tables
from pipelines.commands.common import parse_as_of
from pipelines.demo.metadata_only import make_metadata_only
from pipelines.demo.roles import AS_OF
from pipelines.rights.screen import build_index, screen_batch
from pipelines.shards.tar import TarWriter
from schemas.deal import load_deal

_PICTURE_BYTES = 112_000
_JSON_BYTES = 900


def median_seconds(action: Callable[[], object], rounds: int) -> float:
    """Median time of an action, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def bench_tar(folder: Path, samples: int, rounds: int) -> None:
    """Tar writers against a plain sequential write of the same payload."""
    source = random.Random(7)
    media = [source.randbytes(_PICTURE_BYTES) for _ in range(64)]
    text = source.randbytes(_JSON_BYTES)
    total = samples * (_PICTURE_BYTES + _JSON_BYTES)

    def plain() -> None:
        with (folder / "plain").open("wb") as sink:
            for index in range(samples):
                sink.write(media[index % 64])
                sink.write(text)

    def ours() -> None:
        with (folder / "ours.tar").open("wb") as sink:
            tar = TarWriter(sink)
            for index in range(samples):
                tar.add(f"{index:024x}.jpg", _PICTURE_BYTES, [media[index % 64]])
                tar.add(f"{index:024x}.json", _JSON_BYTES, [text])
            tar.close()

    def theirs() -> None:
        with webdataset.TarWriter(str(folder / "theirs.tar"), encoder=False) as sink:
            for index in range(samples):
                sink.write({"__key__": f"{index:024x}", "jpg": media[index % 64], "json": text})

    print(f"tar: {samples:,} samples, {total / 1e6:,.0f} MB, median of {rounds}")
    base = median_seconds(plain, rounds)
    rows: list[tuple[str, Callable[[], None]]] = [
        ("ours, with sha256 of members and tar, and md5", ours),
        ("webdataset TarWriter, no digest", theirs),
    ]
    print(f"  {'plain sequential write':<48} {total / base / 1e6:>8,.0f} MB/s  1.00 of plain")
    for name, action in rows:
        seconds = median_seconds(action, rounds)
        print(f"  {name:<48} {total / seconds / 1e6:>8,.0f} MB/s  {base / seconds:.2f} of plain")


def bench_screen(folder: Path, assets: int, rounds: int) -> None:
    """Screening a generated catalogue of many assets, consents and releases joined."""
    root = folder / "library"
    make_metadata_only(root, 0, assets)
    deal = load_deal(root / "deal.toml")
    catalogue = open_catalogue(str(root / "catalogue"))
    small = read_small_tables(catalogue)
    as_of_us = round(parse_as_of(AS_OF.isoformat()).timestamp() * 1e6)
    index = build_index(*small, deal, as_of_us)
    table: Any = pq.read_table(root / "catalogue" / "assets.parquet")
    batches = [table.slice(start, 65_536) for start in range(0, len(table), 65_536)]

    def screen() -> int:
        cleared = 0
        for batch in batches:
            mask = screen_batch(batch, index, deal, np.zeros(len(batch), np.bool_))
            cleared += int((mask == 0).sum())
        return cleared

    seconds = median_seconds(screen, rounds)
    print(
        f"screen: {assets:,} assets, {len(small[1]):,} consent events, {len(small[2]):,} releases: "
        f"{assets / seconds:,.0f} assets/s on one core, {screen():,} cleared"
    )


def main() -> None:
    """Parses the options and runs every benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4_000, help="samples in a tar")
    parser.add_argument("--assets", type=int, default=1_000_000, help="assets to screen")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    shared_memory = Path("/dev/shm")  # a disk would measure itself
    base = shared_memory if shared_memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
        print(f"{os.cpu_count()} cores; files in {'memory' if base else 'the temporary folder'}")
        bench_tar(Path(folder), options.samples, options.rounds)
        bench_screen(Path(folder), options.assets, options.rounds)


if __name__ == "__main__":
    main()
