"""Reads shards through NVIDIA DALI's WebDataset reader, on the CPU; runs where DALI is installed.

Arguments: what to do with samples that lack a member (`empty`, which is DALI's default, or `skip`),
and the families of each delivery's folder, as JSON. DALI does not say keys; each sample's JSON
does.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from nvidia.dali import fn, pipeline_def, types


def endings(path: str) -> list[str]:
    """The members of a tar's first sample, by ending; DALI must be told which there are."""
    with tarfile.open(path) as tar:
        names = [name.partition(".") for name in tar.getnames()]
    return [ending for key, _, ending in names if key == names[0][0]]


def read(tars: list[str], family: str, behaviour: str) -> dict[str, dict[str, str]]:
    fields = endings(tars[0])
    assert [fields[0], *fields[-2:]] == [family, "txt", "json"]

    @pipeline_def(batch_size=1, num_threads=1, device_id=None)  # type: ignore[untyped-decorator]
    def shards() -> Any:
        kinds = [types.UINT8] * len(fields)
        samples = fn.readers.webdataset(
            paths=tars,
            ext=fields,
            dtypes=kinds,
            missing_component_behavior=behaviour,
            name="shards",
        )
        return tuple(samples)

    pipe = shards()
    pipe.build()
    found: dict[str, dict[str, str]] = {}
    count = pipe.epoch_size("shards")
    for _ in range(count):
        parts = dict(zip(fields, (part.at(0).tobytes() for part in pipe.run()), strict=True))
        key = json.loads(parts["json"])["key"] if parts["json"] else f"empty {len(found)}"
        found[key] = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    assert len(found) == count
    return found


def read_all(delivery: Path, families: list[str], behaviour: str) -> dict[str, Any]:
    shard_records = json.loads((delivery / "MANIFEST.json").read_bytes())["shards"]
    found = {}
    for family in families:
        names = [item["name"] for item in shard_records if item["family"] == family]
        tars = [str(delivery / "shards" / f"{name}.tar") for name in names]
        found[family] = read(tars, family, behaviour)
    return found


def main() -> None:
    behaviour, deliveries = sys.argv[1], json.loads(sys.argv[2])
    found = {
        folder: read_all(Path(folder), names, behaviour) for folder, names in deliveries.items()
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
