"""Refuses two assets whose ids, which come from the names of their files, are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pipelines.storage.columns import Column, values_of
from schemas.errors import InputError

_MAX_NAMED = 5


def refuse_repeated_names(read_ids: Callable[[], Iterator[Column]], uri: str) -> None:
    """Reads all ids, and once more if any is there twice, to name it.

    Two files of one name in different folders are two assets with one id, by which neither a
    second table nor a consent could tell them apart.

    Args:
        read_ids: Reads the ids of all assets, a batch at a time; called up to two times.
        uri: The catalogue's address, for messages.

    Raises:
        InputError: If two rows have the same file name; it names the first ones.
    """
    hashes = [_hashes(ids) for ids in read_ids()]
    together = np.sort(np.concatenate([np.zeros(0, np.uint64), *hashes]))
    repeated = np.unique(together[1:][together[1:] == together[:-1]])
    if not len(repeated):
        return
    counts: Counter[str] = Counter()
    for ids in read_ids():
        chosen = np.isin(_hashes(ids), repeated)
        counts.update(name for name, hit in zip(values_of(ids, str), chosen, strict=True) if hit)
    names = sorted(name for name, count in counts.items() if count > 1)
    if not names:
        return  # different names with one hash
    listing = ", ".join(f"{name} in {counts[name]:,} rows" for name in names[:_MAX_NAMED])
    more = f", and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    raise InputError(
        "Assets without an id are told apart by their file names, and a name is there twice",
        f"{uri}: {listing}{more}",
        "Remove the repeated rows, or give each asset an id: a column asset_id, here or in a "
        "second table.",
    )


def _hashes(ids: Column) -> npt.NDArray[np.uint64]:
    import pandas as pd  # which takes a fifth of a second to import, and most catalogues have ids

    hashes: npt.NDArray[np.uint64] = pd.util.hash_array(np.array(values_of(ids, str), object))
    return hashes
