"""Finds the names of the `.xmp` sidecars in a folder: on this machine, or in a bucket."""

from __future__ import annotations

import time
import unicodedata
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from threading import Lock

from pipelines.storage.s3_client import S3Options, s3_client, translate_s3_errors
from pipelines.storage.s3_listing import list_pages

_SUFFIX = ".xmp"
# A folder that changed within this time may change again without another time stamp.
_SETTLED_S = 2.0
_MAX_FOLDERS = 64
SidecarNames = dict[str, tuple[str, ...]]  # folded name without the suffix; the names with it


class ObjectFolders:
    """Remembers the sidecars in the folders of buckets, for all threads of one worker in one run.

    It must not outlive the run: sidecars may be added at any time.
    """

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[str, str], SidecarNames] = OrderedDict()
        self._lock = Lock()

    def names(self, bucket: str, folder: str, options: S3Options) -> SidecarNames:
        """The sidecars in a folder of a bucket, listed once."""
        key = (bucket, folder)
        with self._lock:
            if key not in self._names:
                self._names[key] = _sidecar_names(_object_names(bucket, folder, options))
                while len(self._names) > _MAX_FOLDERS:
                    self._names.popitem(last=False)
            self._names.move_to_end(key)
            return self._names[key]


def sidecars_of(name: str, names: SidecarNames) -> Iterable[str]:
    """The sidecars of a file: of its name with and without its extension."""
    whole = _fold(name)
    stem = whole.rpartition(".")[0] or whole
    return {sidecar for key in (whole, stem) for sidecar in names.get(key, ())}


def _sidecar_names(names: Iterable[str]) -> SidecarNames:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folded = _fold(name)
        if folded.endswith(_SUFFIX):
            found[folded.removesuffix(_SUFFIX)].append(name)
    return {key: tuple(sorted(found[key])) for key in found}


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def local_names(folder: str) -> SidecarNames:
    """The sidecars in a folder on this machine."""
    try:
        status = Path(folder).stat()
    except OSError:
        return {}  # then the medium cannot be read either
    state = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    if time.time() - max(status.st_mtime, status.st_ctime) < _SETTLED_S:
        return _sidecar_names(path.name for path in Path(folder).iterdir())
    return _settled_names(folder, state)


@lru_cache(maxsize=_MAX_FOLDERS)
def _settled_names(folder: str, state: tuple[int, ...]) -> SidecarNames:
    """The sidecars in a folder in one state; any change of its entries gives it another."""
    return _sidecar_names(path.name for path in Path(folder).iterdir())


def _object_names(bucket: str, folder: str, options: S3Options) -> Iterable[str]:
    start = f"{folder}/" if folder else ""
    with translate_s3_errors(bucket, start):
        for page in list_pages(s3_client(options), bucket, start, Delimiter="/"):
            for item in page.get("Contents", ()):
                yield str(item["Key"])[len(start) :]
