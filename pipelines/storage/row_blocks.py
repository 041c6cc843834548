"""Reads blocks of rows that several readers of one process take from the same files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from pipelines.storage.parallel import in_parallel
from pipelines.storage.recent import RecentFiles
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock, read_block, rows_of_stream


def read_blocks(store: Store, blocks: Sequence[RowBlock], recent: RecentFiles) -> list[pa.Table]:
    """Reads several blocks' rows.

    From a remote store, the files of all of them are read whole if `recent` keeps them: it answers
    the next reader, whose blocks are in the same files, without a request.

    Args:
        store: Where from.
        blocks: The blocks.
        recent: Files that were just read.
    """
    files = {block.key: block.file_bytes for block in blocks}
    if not store.is_remote or not recent.has_room(files.values()):
        return list(in_parallel(store, partial(read_block, store), blocks))
    data = dict(zip(files, in_parallel(store, partial(recent.read, store), files), strict=True))
    return [
        rows_of_stream(data[block.key][block.offset : block.offset + block.length])
        for block in blocks
    ]
