"""What a pulled copy remembers, in its folder `.pull`: whose it is, what it saw, what is its own.

`state.json` is written before files change as well as after, so that a pull that was killed in
between knows which files it may replace or remove.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.storage.local_file import (
    make_folder,
    sync_and_close,
    sync_folder,
    temporary_file,
    translate_write_errors,
)
from pipelines.storage.store import check_key
from schemas.errors import InputError, RunError

INNER = ".pull"
STATE_FORMAT: Final = 1
_STATE = "state.json"
_SAMPLES = "samples"


class PullState(BaseModel):
    """What a copy remembers.

    Attributes:
        fairshard_pull_state: The file's form.
        deal_id: Its deal; "" before the first pull.
        vkey: The key that signed what it has.
        sequence: Number of the newest `latest.json` that was seen; 0 if none was.
        version: Number of the newest version that was seen.
        manifest_sha256: Digest of that version's manifest, hex.
        files: The copy's own files: digest, length, time of change in ns and inode, by path.
        samples: Names of the shards that `samples/` may have a part of.
    """

    model_config = ConfigDict(extra="forbid")

    fairshard_pull_state: Literal[1] = STATE_FORMAT
    deal_id: str = ""
    vkey: str = ""
    sequence: int = 0
    version: int = 0
    manifest_sha256: str = ""
    files: dict[str, tuple[str, int, int, int]] = Field(default_factory=dict)
    samples: list[str] = Field(default_factory=list)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Holds a copy alone while the block runs; yields its folder for what is not yet in place.

    Raises:
        InputError: If another process holds it.
    """
    inner = folder / INNER
    with translate_write_errors(inner):
        make_folder(inner)
        descriptor = os.open(inner / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                "Another pull is writing to this folder", str(folder), "Wait until it has ended."
            ) from error
        yield inner
    finally:
        os.close(descriptor)


def read_state(inner: Path) -> PullState:
    """Reads what a copy remembers; an empty state if it is new.

    Raises:
        RunError: If the file is damaged.
    """
    path = inner / _STATE
    with contextlib.suppress(FileNotFoundError):
        try:
            state = PullState.model_validate_json(path.read_bytes())
            for name in (*state.files, *state.samples):
                check_key(name)  # its files may be removed, so none may lead out of the copy
            return state
        except ValueError as error:
            raise RunError(
                "The state of this copy cannot be read",
                f"{path}: {' '.join(str(error).split())}"[:300],
                "Pull into a new folder; this one's delivery can be checked with fairshard verify.",
            ) from error
    return PullState()


def write_state(inner: Path, state: PullState) -> None:
    """Writes what a copy remembers, durably."""
    write_durably(inner / _STATE, state.model_dump_json().encode(), inner)


def write_durably(path: Path, data: bytes, inner: Path) -> None:
    """Writes a file: first its bytes reach the disk, then its name; see `stream_durably`."""
    stream_durably(path, [data], inner)


def stream_durably(path: Path, pieces: Iterable[bytes], inner: Path) -> None:
    """Writes a file in pieces: first its bytes reach the disk, then its name.

    Args:
        path: The file.
        pieces: Its bytes.
        inner: Where it is written at first, so that a crash leaves nothing beside it.
    """
    staged = temporary_file(inner / path.name, private=False)
    with staged as (sink, name), translate_write_errors(path):
        make_folder(path.parent)
        for piece in pieces:
            sink.write(piece)
        sync_and_close(sink)
        name.replace(path)
        sync_folder(path.parent)


def samples_path(folder: Path, shard: str) -> Path:
    """Returns the path of the tar with the samples that were taken from a shard."""
    return folder / _SAMPLES / f"{shard}.tar"


def drop_samples(folder: Path, state: PullState, keep: frozenset[str] = frozenset()) -> None:
    """Removes the copy's tars in `samples/` that are not of these shards."""
    for name in set(state.samples) - keep:
        samples_path(folder, name).unlink(missing_ok=True)
    state.samples = sorted(keep.intersection(state.samples))
