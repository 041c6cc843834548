"""The blocks of a delivery's card for loaders of PyTorch; see `pipelines.delivery.loading`."""

from __future__ import annotations

from typing import TypeAlias

#: Title, text, language and code.
Block: TypeAlias = "tuple[str, str, str, str]"

_TORCH = """\
from glob import glob

import webdataset
from torch.utils.data import DataLoader

tars = sorted(glob("{pattern}"))
data = webdataset.WebDataset(tars, shardshuffle=False{split}){decode}
loader = DataLoader(data.to_tuple("{family}", "txt"), batch_size=None, num_workers=1)
for medium, text in loader:
    print({shown}, text)
    break
"""
_TORCHDATA = """\
from glob import glob

import webdataset
from torchdata.stateful_dataloader import StatefulDataLoader

tars = sorted(glob("{pattern}"))


def samples():
    data = webdataset.WebDataset(tars, shardshuffle=False{split}){decode}
    return StatefulDataLoader(data.to_tuple("{family}", "txt"), batch_size=None, num_workers=1)


loader = samples()
for medium, text in loader:
    print({shown}, text)
    position = loader.state_dict()
    break
later = samples()
later.load_state_dict(position)
print(sum(1 for _ in later), "samples after that one")
"""
_MOSAIC = """\
fairshard export . --to mds --out ../mds --vkey ../agency.vkey
python - <<'END'
from streaming import StreamingDataset

data = StreamingDataset(local="../mds/samples", batch_size=1, shuffle=False)
print(len(data), "samples")
for sample in data:
    print(sample["key"], len(sample["media"]), sample["txt"])
    break
END
"""


def torch_blocks(pattern: str, family: str, decodes: bool, shards: int) -> list[Block]:
    """Returns the blocks.

    Args:
        pattern: Which shards are for training, as a glob.
        family: Their family.
        decodes: Whether their media are pictures, which webdataset decodes.
        shards: Their number.
    """
    words = {
        "pattern": pattern,
        "family": family,
        "split": ", nodesplitter=webdataset.split_by_node",
        "decode": '.decode("pil")' if decodes else "",
        "shown": "medium.size" if decodes else "len(medium)",
    }
    return [
        (
            "torch",
            "`pip install torch==2.15.0 webdataset==1.0.2 pillow`. Each worker reads shards of its "
            "own, so `num_workers` times the number of processes must be at most "
            f"{shards:,}, the number of shards.",
            "python",
            _TORCH.format(**words),
        ),
        (
            "torchdata",
            "`pip install torchdata==0.11.0 webdataset==1.0.2 pillow`. Its loader saves where it "
            "is, and goes on there by reading again what came before.",
            "python",
            _TORCHDATA.format(**words),
        ),
        (
            "MosaicML Streaming",
            "`pip install fairshard mosaicml-streaming==0.13.0`. It reads a format of its own, "
            "which `fairshard export` writes after checking every digest.",
            "sh",
            _MOSAIC,
        ),
    ]
