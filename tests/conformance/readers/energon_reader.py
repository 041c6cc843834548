"""Reads families of a delivery through Megatron-Energon; runs where that is installed.

Arguments: `raw` (samples by key, with the digest of every field) or `typed` (what the family's own
metadataset makes of a sample), and the families of each delivery's folder, as JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import torch
from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    Sample,
    WorkerConfig,
    basic_sample_keys,
    get_loader,
    get_val_dataset,
    stateless,
)


@dataclasses.dataclass
class Raw(Sample):  # type: ignore[misc]  # Energon is untyped, or not here at all
    """A sample's fields as they are in the tar."""

    parts: dict[str, Any]


@stateless  # type: ignore[untyped-decorator]
def take_all(sample: dict[str, Any]) -> Raw:
    parts = {name: data for name, data in sample.items() if not name.startswith("__")}
    return Raw(**basic_sample_keys(sample), parts=parts)


class RawEncoder(DefaultTaskEncoder):  # type: ignore[misc]
    """Fields as bytes, samples in lists."""

    decoder = None
    cookers: ClassVar[list[Any]] = [Cooker(take_all)]

    def batch(self, samples: list[Any]) -> list[Any]:
        return samples

    def encode_batch(self, batch: list[Any]) -> list[Any]:
        return batch


class TypedEncoder(RawEncoder):
    """Fields decoded as Energon does by itself."""

    decoder = DefaultTaskEncoder.decoder


def read(delivery: Path, family: str, mode: str) -> dict[str, Any]:
    alone = WorkerConfig(rank=0, world_size=1, num_workers=0)
    more: dict[str, Any] = {"task_encoder": TypedEncoder(), "split_part": "train"}
    where = delivery / f"energon-{family}.yaml"
    if mode == "raw":
        where = delivery
        more = {"task_encoder": RawEncoder(), "split_part": family}
        more["dataset_config"] = "dataset-raw.yaml"
    source = get_val_dataset(where, worker_config=alone, batch_size=1, **more)
    batches = get_loader(source, watchdog_timeout_seconds=None)
    return {
        sample.__key__.rpartition("/")[2]: sample_fields(sample, mode)
        for batch in batches
        for sample in batch
    }


def sample_fields(sample: Any, mode: str) -> dict[str, Any]:
    if mode == "raw":
        return {name: hashlib.sha256(data).hexdigest() for name, data in sample.parts.items()}
    if isinstance(sample, Raw):
        return {name: type(data).__name__ for name, data in sample.parts.items()}
    assert isinstance(sample.image, torch.Tensor)
    return {"size": list(sample.image.shape), "caption": sample.caption}


def main() -> None:
    mode, deliveries = sys.argv[1], json.loads(sys.argv[2])
    found = {
        folder: {name: read(Path(folder), name, mode) for name in names}
        for folder, names in deliveries.items()
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
