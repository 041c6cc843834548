"""Finds and reads the `.xmp` sidecars beside a medium.

Programs that do not write into a medium, such as raw converters, keep its metadata in a file of the
same name beside it: `IMG.xmp` or `IMG.jpg.xmp`, in any case. What it says counts as the medium's
own word. A sidecar that is there and cannot be read is a fault. Web servers have no folders to
look into; nothing is looked for there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.fetch.fetch import fetch
from pipelines.fetch.locate import FileLocation, Location, S3Location
from pipelines.fetch.sidecar_names import ObjectFolders, local_names, sidecars_of
from pipelines.storage.s3_client import DEFAULT_S3, S3Options
from schemas.errors import BadRecord
from schemas.reasons import Reason

MAX_SIDECAR_BYTES = 16 << 20


@dataclass(frozen=True)
class Sidecar:
    """A sidecar.

    Attributes:
        name: Its name.
        data: Its bytes.
        fault: Why it could not be read, or "".
    """

    name: str
    data: bytes
    fault: str = ""


def read_sidecars(
    location: Location, folders: ObjectFolders, options: S3Options = DEFAULT_S3
) -> list[Sidecar]:
    """Reads every sidecar of a medium, in the order of their names.

    Args:
        location: Where the medium is.
        folders: The folders of buckets that were listed.
        options: The S3 service to use.

    Raises:
        InputError: If a bucket cannot be listed.
        RunError: If the S3 service fails.
    """
    if isinstance(location, FileLocation):
        folder, name = os.path.split(location.path)
        found = local_names(folder)
        places: dict[str, Location] = {
            sidecar: replace(location, path=f"{folder}/{sidecar}")
            for sidecar in sidecars_of(name, found)
        }
    elif isinstance(location, S3Location):
        prefix, _, name = location.key.rpartition("/")
        found = folders.names(location.bucket, prefix, options)
        places = {
            sidecar: replace(location, key=f"{prefix}/{sidecar}" if prefix else sidecar)
            for sidecar in sidecars_of(name, found)
        }
    else:
        return []
    return [_read(sidecar, place, options) for sidecar, place in sorted(places.items())]


def sidecars_digest(sidecars: Sequence[Sidecar]) -> str:
    """Returns a digest of sidecars' names and contents, hex; "" if there are none."""
    if not sidecars:
        return ""
    parts = [[one.name, hashlib.sha256(one.data).hexdigest(), bool(one.fault)] for one in sidecars]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(name: str, location: Location, options: S3Options) -> Sidecar:
    try:
        return Sidecar(name, fetch(location, MAX_SIDECAR_BYTES, options))
    except BadRecord as error:
        if error.reason is Reason.MEDIA_EMPTY:
            return Sidecar(name, b"")
        return Sidecar(name, b"", error.detail)
