"""Reads folders by their cards through Hugging Face `datasets`, in a process of its own.

`datasets` reads its settings when it is imported. Arguments: `samples` or `tables`, `whole` or
`streaming`, the delivery's folder, and the configs. Prints each config's rows: of samples, the
digest of every field by key; of tables, the rows themselves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import datasets
import rfc8785


def digest(value: Any) -> str:
    """Of a field as it lay in the tar; JSON comes parsed and is written in its one form again."""
    if isinstance(value, Mapping):
        value = value["bytes"] if "bytes" in value else rfc8785.dumps(dict(value))
    data = value.encode() if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()


def samples(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {
        row["__key__"]: {
            name: digest(value) for name, value in row.items() if not name.startswith("__")
        }
        for row in rows
    }


def main() -> None:
    what, way, delivery, *configs = sys.argv[1:]
    folder = delivery if what == "samples" else f"{delivery}/shards"
    found: dict[str, Any] = {}
    for config in configs:
        data = datasets.load_dataset(folder, config, split="train", streaming=way == "streaming")
        if what == "tables":
            found[config] = list(data)
            continue
        kind = datasets.Video if config == "mp4" else datasets.Image
        found[config] = samples(data.cast_column(config, kind(decode=False)))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
