"""Puts pulled files in place, all at once as far as a file system can.

A folder without `MANIFEST.json` is no delivery. So the switch to another version removes the
manifest first, then moves the new files in and removes the old ones, and writes the new manifest
last; each step reaches the disk before the next begins. A pull that is killed in between is
completed by the next one: `state.json` says which files are the copy's own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.pull.part_file import file_digest
from pipelines.pull.state import PullState, write_durably, write_state
from pipelines.storage.local_file import (
    make_folder,
    sync_folder,
    translate_write_errors,
)
from schemas import layout
from schemas.errors import InputError
from schemas.manifest import FileRecord

Known = dict[str, tuple[str, int, int, int]]  # as `PullState.files`


def survey(
    delivery: Path, listed: Mapping[str, FileRecord], state: PullState, quick: bool
) -> Known:
    """Returns the files of a copy that are as the manifest lists them.

    Args:
        delivery: The copy's delivery.
        listed: The files of the version that is pulled.
        state: What the copy remembers.
        quick: Whether a file that has not been touched since it was checked is not read again.
    """
    found: Known = {}
    for path, record in listed.items():
        there = _stat(delivery / path)
        if there is None or there.st_size != record.bytes:
            continue
        seen = (record.sha256, there.st_size, there.st_mtime_ns, there.st_ino)
        known = quick and state.files.get(path) == seen
        if known or file_digest(delivery / path) == record.sha256:
            found[path] = seen
    return found


def refuse_strangers(
    delivery: Path, wanted: Mapping[str, FileRecord], right: Known, state: PullState
) -> None:
    """Refuses to replace files that the copy did not put there.

    Raises:
        InputError: If there is such a file, or a link where a folder should be.
    """
    own = wanted.keys() | state.files.keys()  # also those that may be removed
    for folder in {parent for path in own for parent in (delivery / path).parents}:
        if folder.is_relative_to(delivery) and folder.is_symlink():
            raise InputError(
                "A folder of the delivery is a symbolic link", str(folder), "Remove it."
            )
    for path in wanted.keys() - right.keys() - state.files.keys():
        if os.path.lexists(delivery / path):
            raise InputError(
                "A file that does not belong to this copy is in the way",
                str(delivery / path),
                "Move it away, or pull into a new folder.",
            )


def copies_there(
    delivery: Path, wanted: Mapping[str, FileRecord], right: Known, state: PullState
) -> dict[str, Path]:
    """Returns local files with bytes that are wanted under another path, by digest."""
    missing = {record.sha256 for path, record in wanted.items() if path not in right}
    recorded = {**state.files, **right}
    return {seen[0]: delivery / path for path, seen in recorded.items() if seen[0] in missing}


def switch(
    delivery: Path,
    parts: Path,
    wanted: Mapping[str, FileRecord],
    right: Known,
    state: PullState,
    manifest: bytes,
) -> tuple[list[str], list[str]]:
    """Makes a copy's delivery the wanted files; all of them are right, or staged by digest.

    Args:
        delivery: The copy's delivery.
        parts: The folder with the staged files, in the copy's own folder.
        wanted: The files that the copy is to have.
        right: The files of the version that are there and right; they stay.
        state: What the copy remembers; its files become the new ones.
        manifest: The manifest's bytes.

    Returns:
        Paths of the files that were put in place, and of those that were removed; both sorted.
    """
    inner = parts.parent
    placed = sorted(wanted.keys() - right.keys())
    removed = sorted(state.files.keys() - right.keys() - set(placed))
    own = dict.fromkeys(placed, ("", 0, 0, 0))
    state.files = {**own, **state.files}
    write_state(inner, state)
    if not placed and not removed and _is(delivery / layout.MANIFEST, manifest):
        state.files = dict(right)
        write_state(inner, state)
        return [], []
    with translate_write_errors(delivery):
        make_folder(delivery)
        (delivery / layout.MANIFEST).unlink(missing_ok=True)
        sync_folder(delivery)
        folders = _remove(delivery, removed)
        folders |= _move_in(delivery, parts, wanted, placed)
        for folder in sorted(folders):
            if folder.is_dir():
                sync_folder(folder)
    write_durably(delivery / layout.MANIFEST, manifest, inner)
    state.files = {**right, **{path: _seen(delivery / path, wanted[path]) for path in placed}}
    write_state(inner, state)
    return placed, removed


def _remove(delivery: Path, paths: Iterable[str]) -> set[Path]:
    """Removes files and the folders that they leave empty; returns the folders that changed."""
    touched = set()
    for path in paths:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (delivery / path).unlink()
        folder = (delivery / path).parent
        touched.add(folder)
        while folder != delivery:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent
            touched.add(folder)
    return touched


def _move_in(
    delivery: Path, parts: Path, wanted: Mapping[str, FileRecord], paths: list[str]
) -> set[Path]:
    """Gives staged files their names; returns the folders that changed."""
    left: dict[str, int] = {}
    for path in paths:
        left[wanted[path].sha256] = left.get(wanted[path].sha256, 0) + 1
    touched = set()
    for path in paths:
        digest, target = wanted[path].sha256, delivery / path
        make_folder(target.parent)
        touched.add(target.parent)
        left[digest] -= 1
        if left[digest]:  # several files have these bytes
            name = parts / f"{digest}.copy"
            copy_durably(parts / digest, name)
            name.replace(target)
        else:
            (parts / digest).replace(target)
    return touched


def copy_durably(source: Path, target: Path) -> None:
    """Copies a file's bytes to the disk; it is no link, since a copy may be edited."""
    with translate_write_errors(target):
        shutil.copyfile(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())


def _stat(path: Path) -> os.stat_result | None:
    """Returns a plain file's metadata; None for anything else."""
    if path.is_symlink() or not path.is_file():
        return None
    return path.stat()


def _seen(path: Path, record: FileRecord) -> tuple[str, int, int, int]:
    there = path.stat()
    return (record.sha256, there.st_size, there.st_mtime_ns, there.st_ino)


def _is(path: Path, data: bytes) -> bool:
    with contextlib.suppress(OSError):
        return path.read_bytes() == data
    return False
