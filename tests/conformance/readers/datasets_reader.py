"""Reads folders by their cards through Hugging Face `datasets`, in a process of its own.

`datasets` reads its settings when it is imported. Arguments: `samples`, `tables` or `shots`;
`whole` or `streaming`; and the families of each delivery's folder, as JSON. Prints each family's
rows: of samples, the digest of every field by key; of tables, the rows themselves, by `all` those
of every family, and by "" those that are opened without a name; of shots, the rows of all tables.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import rfc8785


def digest(value: Any) -> str:
    """Of a field as it lay in the tar; JSON comes parsed and is written in its one form again."""
    if isinstance(value, list):  # of a .npy file, which comes parsed, too
        file = io.BytesIO()
        np.save(file, np.array(value, np.float16), allow_pickle=False)
        value = file.getvalue()
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


def read(what: str, delivery: str, families: list[str], streaming: bool) -> dict[str, Any]:
    how: dict[str, Any] = {"split": "train", "streaming": streaming}
    if what == "shots":
        files = sorted(str(path) for path in Path(delivery).glob("shots/*.parquet"))
        return {"shots": list(datasets.load_dataset("parquet", data_files=files, **how))}
    if what == "tables":
        folder = f"{delivery}/shards"
        tables = {name: list(datasets.load_dataset(folder, name, **how)) for name in families}
        tables["all"] = list(datasets.load_dataset(folder, "all", **how))
        return {**tables, "": list(datasets.load_dataset(folder, **how))}
    found = {}
    for name in families:
        kind = datasets.Video if name in ("mp4", "mov") else datasets.Image
        data = datasets.load_dataset(delivery, name, **how)
        data = data.cast_column(name, kind(decode=False))
        for other in data.features:
            if other.endswith(".png"):
                data = data.cast_column(other, datasets.Image(decode=False))
        found[name] = samples(data)
    return found


def main() -> None:
    what, way, deliveries = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    found = {}
    for folder, families in deliveries.items():
        if what != "shots" or "mp4" in families:
            found[folder] = read(what, folder, families, way == "streaming")
    json.dump(found, sys.stdout, default=str)  # dates


if __name__ == "__main__":
    main()
