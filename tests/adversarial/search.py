"""Searches every byte of a delivery, both as stored and unpacked."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

_MEDIA = (".jpg", ".png", ".webp")


def searchable_content(delivery: Path) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of every file, and of unpacked tables, JSON and tar members."""
    for path in sorted(delivery.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(delivery).as_posix()
        data = path.read_bytes()
        yield name, name.encode() + b"\n" + data
        yield from _unpacked(name, data)


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if name.endswith(".parquet"):
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
        yield f"{name} as rows", repr(rows).encode()
    elif name.endswith(".npy"):
        array = np.load(io.BytesIO(data), allow_pickle=False)
        assert array.dtype == np.float16, name
    elif name.endswith(".json"):
        # Decoded, because JSON may have escaped what is searched for.
        yield f"{name} as values", repr(json.loads(data)).encode()
    elif name.endswith(".tar"):
        for member, inner in tar_members(data):
            yield f"{name}/{member}", inner
            yield from _unpacked(f"{name}/{member}", inner)


def tar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields the names and bytes of a tar's members."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            held = tar.extractfile(member)
            assert held is not None, member.name
            yield member.name, held.read()


def samples(delivery: Path) -> list[dict[str, Any]]:
    """Returns every sample as webdataset reads it: key, media bytes and JSON."""
    import webdataset  # slow to load, and no other test here needs it

    shards = sorted(str(path) for path in (delivery / "shards").glob("*.tar"))
    found = []
    for item in webdataset.WebDataset(shards, shardshuffle=False, empty_check=False):
        [media] = [value for name, value in item.items() if f".{name}" in _MEDIA]
        found.append({"key": item["__key__"], "media": media, "json": json.loads(item["json"])})
    return found


def found_in(data: bytes, pattern: re.Pattern[bytes]) -> set[bytes]:
    """Returns all distinct matches."""
    return set(pattern.findall(data))
