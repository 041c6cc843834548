"""Finds what lies in a folder store beside its objects."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pipelines.storage.local_file import is_temporary, translate_read_errors
from pipelines.storage.store import Stray


def find_strays(root: Path) -> Iterator[Stray]:
    """Yields a folder's links, temporary files, special files and empty folders; see `Store`.

    Links are not followed, except that the folder itself may be given as one.
    """
    folders = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        entries = _entries(folder)
        if not entries and prefix:
            yield Stray(prefix.removesuffix("/"), "an empty folder")
        for entry in entries:
            key = prefix + entry.name
            if entry.is_symlink():
                yield Stray(key, _describe_link(entry))
            elif entry.is_dir(follow_symlinks=False):
                folders.append((folder / entry.name, f"{key}/"))
            elif not entry.is_file(follow_symlinks=False):
                yield Stray(key, "not a regular file")
            elif is_temporary(key):
                yield Stray(key, "a temporary file")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with translate_read_errors(folder), os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):  # it was removed in the meantime
        return []


def _describe_link(entry: os.DirEntry[str]) -> str:
    with contextlib.suppress(OSError):  # a link to itself
        if entry.is_dir():
            return "a symbolic link to a folder"
        if entry.is_file():
            return "a symbolic link"
    return "a symbolic link that leads nowhere"
