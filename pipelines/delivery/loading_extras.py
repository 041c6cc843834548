"""The section of a delivery's card that shows how to load the extra members of its profile.

A test runs both blocks as they are written, with the delivery's folder as the working directory.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.delivery.loading import default_family, train_pattern
from schemas import layout
from schemas.manifest import ShardRecord

_WEBDATASET = """\
{imports}from glob import glob

{libraries}import webdataset

tars = sorted(glob("{pattern}"))
for sample in webdataset.WebDataset(tars, shardshuffle=False):
{shown}
    break
"""
_READER = """\
{imports}
{libraries}from pipelines.reader import WITHOUT_REMOVALS, SampleReader, open_delivery

delivery = open_delivery(".", ["../agency.vkey"])
for sample in SampleReader(delivery, WITHOUT_REMOVALS, run="look", families=["{family}"]):
{shown}
    break
"""
# By the last part of a member's ending: what is imported, and what is shown of the member.
_JSON = (("json",), (), "sorted(json.loads({data}))")
_NPY = (("io",), ("import numpy",), "numpy.load(io.BytesIO({data}), allow_pickle=False).shape")
_PNG = (("io",), ("from PIL import Image",), "Image.open(io.BytesIO({data})).size")
_KINDS = {"json": _JSON, "npy": _NPY, "png": _PNG}

_PACKAGES = {"import numpy": "numpy", "from PIL import Image": "pillow"}


def extras_section(
    deal_id: str, shards: Sequence[ShardRecord], endings: Sequence[str]
) -> list[str]:
    """Returns the lines of the section; none if samples have no extra members.

    Args:
        deal_id: The deal.
        shards: The delivery's shards.
        endings: Those of the extra members of each sample.
    """
    if not endings:
        return []
    train = [shard for shard in shards if layout.shard_split(shard.name) == "train"]
    family = default_family(train or shards)
    kinds = [_KINDS[ending.rpartition(".")[2]] for ending in endings]
    words = {
        "pattern": f"shards/{train_pattern(deal_id, family)}",
        "family": family,
        "imports": "".join(
            f"import {one}\n" for one in sorted({n for own, _, _ in kinds for n in own})
        ),
        "libraries": "".join(f"{one}\n" for one in sorted({n for _, own, _ in kinds for n in own})),
        "shown": "\n".join(
            f'    print("{ending}", {shown.format(data=f"""sample["{ending}"]""")})'
            for ending, (_, _, shown) in zip(endings, kinds, strict=True)
        ),
    }
    needed = {_PACKAGES[one] for _, libraries, _ in kinds for one in libraries}
    packages = "".join(f" {one}" for one in sorted(needed))
    return [
        "## Extra members",
        "",
        f"Between its medium and its text, every sample has `{'`, `'.join(endings)}`.",
        "",
        "### Extra members with webdataset",
        "",
        f"`pip install webdataset==1.0.2{packages}`. Nothing is checked.",
        "",
        "```python",
        *_WEBDATASET.format(**words).splitlines(),
        "```",
        "",
        "### Extra members with fairshard",
        "",
        f"`pip install fairshard{packages}`. Every member is compared with its signed digest. To",
        "train, give it the agency's list of removals (`load_removals`).",
        "",
        "```python",
        *_READER.format(**words).splitlines(),
        "```",
        "",
    ]
