"""Stores: one small face for a folder and for an S3 prefix."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object.

    Attributes:
        key: Its name.
        size_bytes: Its length.
        modified_s: When it was written, in seconds since 1970 by the store's own clock.
        marker: Changes when the object is written again; of listings alone. It is no digest.
    """

    key: str
    size_bytes: int
    modified_s: float = field(default=0.0, compare=False)
    marker: str = field(default="", compare=False)


@dataclass(frozen=True)
class UnfinishedWrite:
    """What a write left that never ended, or one that is under way.

    Attributes:
        key: Key of the temporary file, or the key that an upload was to have.
        size_bytes: What it takes.
        modified_s: When it was last written to, or begun, by the store's own clock.
        upload_id: Names a multipart upload; empty for a file.
    """

    key: str
    size_bytes: int
    modified_s: float
    upload_id: str = ""


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Takes all of `data` and returns its length."""
        ...

    def writev(self, pieces: Sequence[bytes]) -> None:
        """Takes all of the pieces, in order, with as few calls and copies as the store can."""
        ...


class Store(Protocol):
    """Where outputs live. Keys are relative posix paths; a store can be pickled.

    A key is refused with ValueError if it is absolute or has an empty, `.` or `..` segment or a
    control character: keys are made by the program, so that is a fault of the program.
    Every method may raise InputError (missing bucket, no permission) or RunError (full disk).
    """

    @property
    def uri(self) -> str:
        """The store's address as it was given, without a slash at the end."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether bytes cross a network and a service on their way: then they are read again."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after `write_new` another's, begun at the same moment, may still take its place.

        Zero where the store decides between them; Swift looks for the object before it takes the
        bytes, so that several may be told that theirs is new, and the last one stays.
        """
        ...

    def now_s(self) -> float:
        """Seconds since 1970 by the clock that `modified_s` is of, whatever this machine's says."""
        ...

    def read_bytes(self, key: str) -> bytes:
        """The whole object.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def open_read(self, key: str) -> BinaryIO:
        """Opens the object for reading; seekable.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """So many bytes from a place in the object; fewer where it ends before.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        ...

    def size(self, key: str) -> int:
        """The object's length in bytes.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def stat(self, key: str) -> ObjectInfo:
        """What is known of the object; asked of the object itself, never of a listing.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """All objects below a folder, sorted by key; unfinished ones are left out.

        Args:
            prefix: Whole path segments (`shards`, not `sha`); empty for everything.
        """
        ...

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Writes the object at once; readers see the old one or the new one.

        Args:
            key: Its name.
            data: Its content.
            private: Whether a local file is readable by its owner alone (mode 600, not 644).
        """
        ...

    def open_write(self, key: str, *, private: bool = False) -> AbstractContextManager[Sink]:
        """Streams an object in bounded memory.

        It appears only if the block ends well, and only if as many bytes are there as were written.
        """
        ...

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """Writes the object unless there is one.

        Returns:
            False if there is one. That may be this very call's own, if the service's answer to a
            first attempt was lost: a caller to whom that matters compares the bytes.
        """
        ...

    def delete(self, key: str) -> None:
        """Removes the object; a missing one is no error."""
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Removes everything below a folder. The prefix must not be empty."""
        ...

    def unfinished_writes(self, prefix: str = "") -> builtins.list[UnfinishedWrite]:
        """What interrupted writes left below a folder, and what is being written there now."""
        ...

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """Removes one of those; one that is gone is no error."""
        ...

    def discard_unfinished(self, prefix: str) -> None:
        """Removes what interrupted writes left below a folder; nobody may be writing there."""
        ...

    def ensure_writable(self) -> None:
        """Makes the local folder, or checks that the bucket exists and may be written.

        Raises:
            InputError: If that fails; it names the place and the remedy.
        """
        ...


def check_key(key: str) -> str:
    """Returns the key if it is one.

    Raises:
        ValueError: If it is absolute or has an empty or dotted segment or a control character.
    """
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in key):
        raise ValueError(f"a key has no control characters: {key!r}")
    if "\\" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"a key is a relative posix path without empty or dotted parts: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Returns a listing prefix without the slash at its end; empty means everything."""
    stripped = prefix.removesuffix("/")
    return check_key(stripped) if stripped else ""


def join_uri(uri: str, *parts: str) -> str:
    """Joins relative keys onto a store's address."""
    return "/".join([uri.rstrip("/"), *(check_key(part) for part in parts)]) or "/"
