"""A folder that is written as a whole or not at all, made from a delivery whose signer is known."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.format.manifest import ManifestError, manifest_data, open_manifest
from pipelines.storage.open import open_store
from pipelines.verify.signer import signed_by
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest


def read_manifest(uri: str, pinned: tuple[str, ...] | None, allow_unpinned: bool) -> Manifest:
    """Returns a delivery's manifest.

    Args:
        uri: The delivery: folder or s3:// prefix.
        pinned: The agency's keys, if the reader gave any.
        allow_unpinned: Whether a key that the reader did not give is accepted.

    Raises:
        InputError: If there is no delivery, or its signer is not known.
        RunError: If its manifest is not sound.
    """
    try:
        manifest = open_manifest(manifest_data(open_store(uri), uri), pinned)
    except ManifestError as error:
        raise RunError(
            "The delivery's manifest is not sound", f"{uri}: {error}", "Nothing was written."
        ) from error
    signer = signed_by(manifest.vkey, pinned)
    if not signer.accepted and not allow_unpinned:
        raise InputError(
            "It is not known who made this delivery",
            f"{uri}: signed by {signer.name}, key id {signer.key_id}",
            "Get the verifier key from the agency and give it with --vkey, or accept this key with "
            "--allow-unpinned.",
        )
    return manifest


def check_free(folder: Path) -> None:
    """Checks that a folder can be written.

    Raises:
        InputError: If there is something in its place, or nothing that it could be in.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise InputError(
            "The destination already exists",
            str(folder),
            "Give --out a new folder; what is written is never mixed with other files.",
        )
    if not folder.absolute().parent.is_dir():
        raise InputError(
            "The parent folder of the destination does not exist",
            str(folder.absolute().parent),
            "Create it first.",
        )


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Gives a folder to write to, which gets its name if the block ends without an error.

    What a call that was killed left is removed by the next one.
    """
    whole = folder.absolute()
    partial = whole.parent / f".{whole.name}.unfinished"
    lock = whole.parent / f".{whole.name}.lock"
    try:
        with lock.open("w") as held:
            _hold(held.fileno(), folder)
            try:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                yield partial
                if whole.exists():
                    whole.rmdir()  # it is empty, or this fails
                partial.rename(whole)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise unwritten(folder, error) from error


def _hold(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(
            "Another command is writing to this folder",
            str(folder),
            "Wait for it to finish, or give another folder.",
        ) from error


def unwritten(folder: Path, error: Exception) -> RunError:
    """Returns the error that says that a folder could not be written."""
    first = next(iter(str(error).splitlines()), "")
    return RunError(
        "The files could not be written",
        f"{folder}: {type(error).__name__}: {first}"[:400],
        "The incomplete files were removed. Make room, or give another folder, and run the "
        "command again.",
    )
