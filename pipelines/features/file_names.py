"""The names of the files of feature tables: the range of asset hashes, and a digest of the bytes.

Files with other names are not read: they may be copies that a person or a program that
synchronises folders made, and nobody knows what is in them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DIGEST_CHARACTERS = 32  # of a sha256, in hex
FOREIGN = "its name is none that this product gives; runs do not read it"
# Earlier releases wrote twelve digits that say nothing of the bytes.
_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{32}|[0-9a-f]{12})\.parquet")


class FeatureFileName(NamedTuple):
    """What the name of a file says.

    Attributes:
        low: First hash of the range.
        high: Last hash.
        digest: Digest of the file's bytes; "" of files of earlier releases.
    """

    low: int
    high: int
    digest: str


def feature_file_key(prefix: str, low: int, high: int, digest: str) -> str:
    """Returns the key of a file in a table's folder."""
    return f"{prefix}/{low:016x}-{high:016x}-{digest}.parquet"


def parse_feature_file(key: str) -> FeatureFileName | None:
    """Returns what a file's name says; None if no release gives such names."""
    found = _NAME.fullmatch(key.rpartition("/")[2])
    if found is None:
        return None
    digest = found[3] if len(found[3]) == DIGEST_CHARACTERS else ""
    return FeatureFileName(int(found[1], 16), int(found[2], 16), digest)
