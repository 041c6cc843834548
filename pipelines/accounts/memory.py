"""Remembers, beside the signing key, the highest checkpoint seen of each output.

The output may be altered by whoever can write to it; the file beside the key is not there. So the
next command notices if the log is another one than it was, or shorter.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import Store
from schemas.errors import InputError


def memory_path(key_path: Path) -> Path:
    """Returns where the checkpoints are remembered, given the path of the signing key."""
    return key_path.with_name(f"{key_path.name}.checkpoint")


def remembered(path: Path, store: Store) -> str:
    """Returns the highest checkpoint seen of an output, or "".

    Raises:
        InputError: If the file cannot be read or is not what this program writes.
    """
    return _read(path).get(_place_of(store), "")


def remember(path: Path, store: Store, checkpoint: str, size: int) -> None:
    """Remembers a checkpoint unless a higher one is remembered.

    Args:
        path: The file.
        store: The output.
        checkpoint: The checkpoint.
        size: Its size.

    Raises:
        InputError: If the file cannot be written.
    """
    with _translated(path), locked_folder(path.parent):
        found = _read(path)
        known = found.get(_place_of(store), "")
        if known == checkpoint or (known and int(known.split("\n")[1]) > size):
            return
        found[_place_of(store)] = checkpoint
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("w", encoding="utf-8") as sink:
            json.dump(found, sink, indent=1, sort_keys=True, ensure_ascii=False)
            sink.write("\n")
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(path)


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {str(place): str(text) for place, text in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    raise _unreadable(path)


def _unreadable(path: Path) -> InputError:
    return InputError(
        "The remembered checkpoints cannot be read",
        str(path),
        "Restore the file from a copy; without it, a log that was altered is not noticed.",
    )


def _place_of(store: Store) -> str:
    return str(store.root.resolve()) if isinstance(store, LocalStore) else store.uri


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Lets one process at a time change the file in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            "The checkpoint cannot be remembered beside the signing key",
            f"{path} ({error.strerror or error})",
            "Keep the key in a folder that can be written to.",
        ) from error
