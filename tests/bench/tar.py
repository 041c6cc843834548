"""Tar writers against a plain sequential write of the same payload."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import webdataset

from pipelines.shards.tar import TarWriter
from tests.bench.measure import median_seconds

_PICTURE_BYTES = 112_000
_JSON_BYTES = 900


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
