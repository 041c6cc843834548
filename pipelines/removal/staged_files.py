"""Puts the complete files of the next version into a buyer's copy; a cut-off can be completed.

The files wait in a folder inside the copy until all are there and marked as complete. Each is then
moved to its place, and the manifest last.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.format.manifest import open_manifest
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest


@dataclass(frozen=True)
class Update:
    """What was done to a copy.

    Attributes:
        before: Id of the version that it was.
        delivery: Id of the version that it is.
        kept: Files that stayed as they are.
        made: Files that were made from the copy.
        fetched: Files that were fetched, the manifest included.
        fetched_bytes: Their bytes.
        samples: Samples that were removed.
        completed: Whether a call that was cut off was completed; nothing was fetched for it again.
    """

    before: str
    delivery: str
    kept: int
    made: int
    fetched: int
    fetched_bytes: int
    samples: int
    completed: bool = False


@contextmanager
def locked_copy(folder: Path) -> Iterator[None]:
    """Keeps other processes from changing the copy."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(
            "There is no delivery in this folder", str(error), "Give the folder with MANIFEST.json."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise RunError(
            "Another process changes this copy", str(folder), "Wait until it has ended."
        ) from error
    finally:
        os.close(descriptor)


def discard_staged(folder: Path) -> None:
    """Removes what a call left that was cut off before its files were complete."""
    shutil.rmtree(folder / layout.COPY_STAGING, ignore_errors=True)


def complete_staged(folder: Path, pinned: tuple[str, ...]) -> Update | None:
    """Completes a call that was cut off after its files were complete."""
    try:
        ready = (folder / layout.COPY_STAGING / layout.COPY_READY).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = json.loads(ready)
        manifest, update = str(found["manifest"]), Update(**{**found["update"], "completed": True})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(
            "What an interrupted fairshard apply-removals left cannot be read",
            str(folder / layout.COPY_STAGING / layout.COPY_READY),
            "Check the copy with fairshard verify; if only this folder is wrong, delete the "
            "folder and run the command again.",
        ) from error
    move_staged(folder, open_manifest(manifest.encode(), pinned))
    return update


def move_staged(folder: Path, new: Manifest) -> None:
    """Moves the files to their places, deletes what the next version has not; the manifest last."""
    staging = folder / layout.COPY_STAGING
    old = open_manifest((folder / layout.MANIFEST).read_bytes())
    folders = set[Path]()
    for file in new.files:
        made = staging / "delivery" / file.path
        if made.exists():  # otherwise it was kept, or moved before the call was cut off
            place = folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)
            folders.add(place.parent)
    _delete(folder, {file.path for file in old.files} - {file.path for file in new.files})
    _sync(folders)
    ready = json.loads((staging / layout.COPY_READY).read_bytes())
    manifest = staging / layout.MANIFEST
    with manifest.open("wb") as file_:
        file_.write(ready["manifest"].encode())
        file_.flush()
        os.fsync(file_.fileno())
    manifest.replace(folder / layout.MANIFEST)
    _sync([folder])
    discard_staged(folder)


def _delete(folder: Path, paths: Collection[str]) -> None:
    for path in paths:
        place = folder / path
        place.unlink(missing_ok=True)
        for above in place.relative_to(folder).parents[:-1]:
            # A call that was cut off may have removed it already.
            if (folder / above).is_dir() and not any((folder / above).iterdir()):
                (folder / above).rmdir()


def _sync(folders: Collection[Path]) -> None:
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)
