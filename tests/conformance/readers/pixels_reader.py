"""Compares the pixels that a loader gives for each sample with those that we decode.

Arguments: the loader (`webdataset`, `datasets`, `open_clip` or `energon`), and the families of each
delivery's folder, as JSON. Prints, for each sample by its key, by how much of 255 the loader's
pixels differ at most from ours; 255 if the picture has another size.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))
_MOST = 1 << 28


def expected(tars: list[Path]) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yields key, pixels and caption of each sample, in the order of the tars."""
    from pipelines.media.formats import parse_format
    from pipelines.media.images import decode_for_models

    for path in tars:
        with tarfile.open(path) as tar:
            members = [(item.name, tar.extractfile(item).read()) for item in tar]  # type: ignore[union-attr]
        for (name, data), (_, text) in zip(members[::3], members[1::3], strict=True):
            key, _, ending = name.partition(".")
            image = decode_for_models(data, parse_format(ending), _MOST, side=_MOST).image
            yield key, np.asarray(image), text.decode()


def difference(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Returns the largest difference of two pictures, of 255."""
    if ours.shape != theirs.shape:
        return 255
    return int(np.abs(ours.astype(np.int16) - theirs.astype(np.int16)).max())


def by_webdataset(delivery: Path, family: str, tars: list[Path]) -> dict[str, np.ndarray]:
    import webdataset

    source = webdataset.WebDataset([str(path) for path in tars], shardshuffle=False)
    return {one["__key__"]: np.asarray(one[family]) for one in source.decode("pilrgb")}


def by_datasets(delivery: Path, family: str, tars: list[Path]) -> dict[str, np.ndarray]:
    import datasets

    rows = datasets.load_dataset(str(delivery), family, split="train", streaming=True)
    return {row["__key__"]: np.asarray(row[family].convert("RGB")) for row in rows}


def by_open_clip(delivery: Path, family: str, tars: list[Path]) -> dict[str, np.ndarray]:
    """open_clip's evaluation loader gives pictures and captions in the order of the tars."""
    from open_clip_train.data import get_wds_dataset

    options = argparse.Namespace(
        val_data="::".join(map(str, tars)), val_num_samples=0, batch_size=1, workers=0
    )
    loader = get_wds_dataset(options, np.asarray, is_train=False, tokenizer=lambda text: [text])
    pairs = [(np.asarray(images[0]), texts[0]) for images, texts in loader.dataloader]
    wanted = [(key, text) for key, _, text in expected(tars)]
    if [text for _, text in pairs] != [text for _, text in wanted]:
        raise AssertionError(f"{len(pairs)} of {len(wanted)} samples, or another order")
    return {key: image for (image, _), (key, _) in zip(pairs, wanted, strict=True)}


def by_energon(delivery: Path, family: str, tars: list[Path]) -> dict[str, np.ndarray]:
    from megatron.energon import WorkerConfig, get_loader, get_val_dataset

    from tests.conformance.readers.energon_reader import TypedEncoder

    alone = WorkerConfig(rank=0, world_size=1, num_workers=0)
    source = get_val_dataset(
        delivery / f"energon-{family}.yaml",
        worker_config=alone,
        batch_size=1,
        task_encoder=TypedEncoder(),
        split_part="train",
    )
    return {
        sample.__key__.rpartition("/")[2]: (sample.image * 255)
        .round()
        .byte()
        .permute(1, 2, 0)
        .numpy()
        for batch in get_loader(source, watchdog_timeout_seconds=None)
        for sample in batch
    }


_LOADERS: dict[str, Any] = {
    "webdataset": by_webdataset,
    "datasets": by_datasets,
    "open_clip": by_open_clip,
    "energon": by_energon,
}


def main() -> None:
    loader, deliveries = sys.argv[1], json.loads(sys.argv[2])
    found: dict[str, int] = {}
    for folder, families in deliveries.items():
        for family in families:
            tars = sorted(Path(folder, "shards").glob(f"*-{family}-*.tar"))
            theirs = _LOADERS[loader](Path(folder), family, tars)
            for key, ours, _ in expected(tars):
                found[key] = difference(ours, theirs[key]) if key in theirs else 255
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
