"""The section of a delivery's card that shows how each loader opens it, with commands to copy.

A test runs every block as it is written, in the environment that it names, with the delivery's
folder as the working directory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from pipelines.delivery.loading_torch import Block, torch_blocks
from pipelines.format.energon import ENERGON_VERSION, IMAGE_FAMILIES
from schemas import layout
from schemas.manifest import ShardRecord

#: The families that open_clip's trainer reads.
TRAINER_FAMILIES = ("jpg", "png", "webp")
_MOST_BATCH = 256
_STEPS = 10  # of an epoch of a small delivery

_WEBDATASET = """\
from glob import glob

import webdataset

tars = sorted(glob("{pattern}"))
data = webdataset.WebDataset(tars, shardshuffle=False){decode}
for sample in data:
    print(sample["__key__"], sample["txt"], {shown})
    break
"""
_DATASETS = """\
from pathlib import Path

from datasets import load_dataset

data = load_dataset(str(Path.cwd()), split="train", streaming=True){decode}
for sample in data:
    print(sample["__key__"], sample["txt"])
    break
"""
_DALI = """\
from glob import glob

from nvidia.dali import fn, pipeline_def, types

tars = sorted(glob("{pattern}"))


@pipeline_def(batch_size=1, num_threads=1, device_id=None)
def samples():
    members = fn.readers.webdataset(
        paths=tars,
        index_paths=[tar.replace(".tar", ".idx") for tar in tars],
        ext=["{family}", "txt", "json"],
        dtypes=[types.UINT8, types.UINT8, types.UINT8],
        missing_component_behavior="error",
    )
    return tuple(members)


pipe = samples()
pipe.build()
medium, text, record = pipe.run()
print(len(medium.at(0)), text.at(0).tobytes().decode())
"""
_ENERGON = """\
from megatron.energon import WorkerConfig, get_loader, get_train_dataset

data = get_train_dataset(
    "energon-{family}.yaml",
    worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
    batch_size=1,
    shuffle_buffer_size=None,
    max_samples_per_sequence=None,
)
for batch in get_loader(data):
    print(batch.__key__, batch.caption)
    break
"""
_TRAINER = """\
python -m open_clip_train.main --dataset-type webdataset \\
  --train-data '{urls}' \\
  --model ViT-S-32 --batch-size {batch} --workers 1 --epochs 1 --precision fp32 \\
  --logs ../logs
"""
_DUCKDB = """\
import duckdb

found = duckdb.sql(\"\"\"
    SELECT key, shard, media_offset, media_length, caption FROM 'samples.parquet'
    WHERE status = 'success' AND split = 'train'
      AND list_contains(keywords, 'sea')
      AND created_at >= DATE '2020-01-01'
      AND licence_class = 'creative' AND ai_generated = 'no'
\"\"\").fetchall()
print(len(found), "samples")
for key, shard, offset, length, caption in found[:1]:
    with open(f"shards/{shard}.tar", "rb") as tar:
        tar.seek(offset)
        print(key, len(tar.read(length)), caption)
"""
_VERIFY = "fairshard verify . --vkey ../agency.vkey\n"

# Of tools that are no loaders.
_TOOL_BLOCKS: list[Block] = [
    (
        "DuckDB",
        "`pip install duckdb==2.0.0`. `samples.parquet` has everything by which samples are "
        "chosen, and where their bytes are: no tar is opened to filter.",
        "python",
        _DUCKDB,
    ),
    (
        "fairshard",
        "`pip install fairshard`. The agency gave you its key apart from this delivery.",
        "sh",
        _VERIFY,
    ),
]


def default_family(shards: Sequence[ShardRecord]) -> str:
    """Returns the family that is opened without naming one: that with the most samples."""
    samples: dict[str, int] = defaultdict(int)
    for shard in shards:
        samples[shard.family] += shard.samples
    return min(samples, key=lambda family: (-samples[family], family))


def train_pattern(deal_id: str, family: str, ending: str = "tar") -> str:
    """Returns which shards of a family are for training, as a glob below `shards/`."""
    return f"{deal_id}-{family}-[0-9]*.{ending}"


def validation_pattern(deal_id: str, family: str, ending: str = "tar") -> str:
    """Returns which shards of a family are for validation, as a glob below `shards/`."""
    return f"{deal_id}-{family}-val-*.{ending}"


def loading_section(deal_id: str, shards: Sequence[ShardRecord]) -> list[str]:
    """Returns the lines of the section.

    Args:
        deal_id: The deal.
        shards: The delivery's shards.
    """
    train = [shard for shard in shards if layout.shard_split(shard.name) == "train"]
    family = default_family(train or shards)
    pattern = f"shards/{train_pattern(deal_id, family)}"
    decodes = family in IMAGE_FAMILIES
    blocks = _loader_blocks(pattern, family, decodes)
    blocks += torch_blocks(
        pattern, family, decodes, sum(shard.family == family for shard in train or shards)
    )
    if any(shard.family in TRAINER_FAMILIES for shard in train):
        blocks.append(_trainer_block(train))
    blocks += _TOOL_BLOCKS
    lines = [
        "## Loading",
        "",
        "Run these in this folder, each with the packages that it names. Write nothing into it:",
        "`fairshard verify` reports files that were not delivered.",
        "",
    ]
    for name, text, language, code in blocks:
        lines += [f"### {name}", "", text, "", f"```{language}", *code.splitlines(), "```", ""]
    return lines


def _loader_blocks(pattern: str, family: str, decodes: bool) -> list[Block]:
    """Returns the blocks of loaders that need no PyTorch dataset of their own.

    Args:
        pattern: Which shards are for training.
        family: Their family.
        decodes: Whether its samples are pictures.
    """
    blocks = [
        (
            "webdataset",
            "`pip install webdataset==1.0.2 pillow`. It skips what is damaged, and says nothing; "
            "run `fairshard verify` first.",
            "python",
            _WEBDATASET.format(
                pattern=pattern,
                decode='.decode("pil")' if decodes else "",
                shown=f'sample["{family}"].size' if decodes else f'len(sample["{family}"])',
            ),
        ),
        (
            "datasets",
            f"`pip install datasets==5.2.0 pillow`. Without a name, it opens `{family}`; the other "
            'families are opened by name: `load_dataset(str(Path.cwd()), "NAME", split="train")`.',
            "python",
            _DATASETS.format(decode="" if decodes else ".decode(False)"),
        ),
        (
            "NVIDIA DALI",
            "`pip install nvidia-dali-cuda120==2.4.0`. With the `.idx` beside each tar, no tar is "
            "read before its samples are.",
            "python",
            _DALI.format(pattern=pattern, family=family),
        ),
    ]
    if decodes:
        blocks.append(
            (
                "Megatron-Energon",
                f"`pip install megatron-energon=={ENERGON_VERSION}`. Nothing needs to be prepared. "
                "`.nv-meta/index.sqlite` has its media metadata, too.",
                "python",
                _ENERGON.format(family=family),
            )
        )
    return blocks


def _trainer_block(train: Sequence[ShardRecord]) -> Block:
    """Returns what open_clip's trainer is started with, for all families that it reads."""
    own = [shard for shard in train if shard.family in TRAINER_FAMILIES]
    samples = sum(shard.samples for shard in own)
    batch = min(_MOST_BATCH, max(1, samples // _STEPS))
    return (
        "open_clip's trainer",
        "`pip install open_clip_torch==3.3.0 webdataset==0.2.86`: the trainer does not work with "
        f"webdataset 1. `sizes.json` tells it that there are {samples:,} samples. `--workers` "
        f"times the number of processes must be at most {len(own):,}, the number of shards.",
        "sh",
        _TRAINER.format(urls=shard_urls([shard.name for shard in own]), batch=batch),
    )


def shard_urls(names: Sequence[str]) -> str:
    """Returns the paths of tars as webdataset expands them: braces for runs of numbers.

    Args:
        names: The shards' names.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for name in names:
        head, _, number = name.rpartition("-")
        numbers[head].append(int(number))
    found = []
    for head, own in sorted(numbers.items()):
        own.sort()
        breaks = [at for at, (one, next_) in enumerate(pairwise(own), 1) if next_ != one + 1]
        for start, end in pairwise([0, *breaks, len(own)]):
            run = f"{{{own[start]:05d}..{own[end - 1]:05d}}}"
            found.append(f"shards/{head}-{run}.tar")
    return "::".join(found)
