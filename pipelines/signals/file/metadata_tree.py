"""Opens the metadata blocks of a file and all blocks nested in them."""

from __future__ import annotations

from collections import deque

from pipelines.signals.file.container_texts import container_texts
from pipelines.signals.file.container_tiff import read_tiff
from pipelines.signals.file.containers import find_blocks
from pipelines.signals.file.exif_iim import photoshop_blocks
from pipelines.signals.file.metadata_blocks import MAX_BLOCKS, BlockKind, MetadataBlock
from pipelines.signals.file.stray_packets import stray_packets
from pipelines.signals.file.text_fields import TextField


def all_blocks(data: bytes) -> tuple[list[MetadataBlock], list[TextField]]:
    """Returns all blocks of a file, nested and stray ones too, and its container's texts.

    What cannot be read is left out here: it is a fault of `metadata.read_metadata`.
    """
    texts = [item for item in container_texts(data) if isinstance(item, TextField | MetadataBlock)]
    pending = deque(find_blocks(data).blocks)
    pending.extend(item for item in texts if isinstance(item, MetadataBlock))
    blocks: list[MetadataBlock] = []
    while pending and len(blocks) < MAX_BLOCKS:
        block = pending.popleft()
        blocks.append(block)
        if block.kind is BlockKind.EXIF:
            base = block.spans[0][0] if len(block.spans) == 1 else None
            pending.extend(read_tiff(block.data, block.where, base).blocks.blocks)
        elif block.kind is BlockKind.PHOTOSHOP:
            pending.extend(photoshop_blocks(block).blocks)
    packets = [block for block in blocks if block.kind is BlockKind.XMP]
    blocks += stray_packets(data, packets).blocks
    return blocks, [item for item in texts if isinstance(item, TextField)]
