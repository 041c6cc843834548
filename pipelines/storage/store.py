"""The `Store` interface, common to folders and S3 prefixes."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object.

    Attributes:
        key: Its name.
        size_bytes: Its length.
        modified_s: When it was written, in seconds since 1970 by the store's own clock.
        marker: Changes when the object is rewritten; set in listings only. It is not a digest.
    """

    key: str
    size_bytes: int
    modified_s: float = field(default=0.0, compare=False)
    marker: str = field(default="", compare=False)


@dataclass(frozen=True)
class UnfinishedWrite:
    """The data of a write that was interrupted or is in progress.

    Attributes:
        key: Key of the temporary file, or the intended key of an upload.
        size_bytes: Its size.
        modified_s: When it was last written to, or started, in seconds since 1970 by the store's
            own clock.
        upload_id: Id of a multipart upload; empty for a file.
    """

    key: str
    size_bytes: int
    modified_s: float
    upload_id: str = ""


@dataclass(frozen=True)
class Stray:
    """Something in a store that is not one of its objects, so that no listing has it.

    Attributes:
        key: Its name.
        what: What it is, with an article.
    """

    key: str
    what: str


class Sink(Protocol):
    """A writer that takes bytes in order."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Writes all of `data` and returns its length."""
        ...

    def writev(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Writes all of the pieces, in order, with as few calls and copies as possible."""
        ...


class Store(Protocol):
    """Storage for inputs and outputs. Keys are relative POSIX paths; a store can be pickled.

    Methods raise ValueError for a key that is absolute or has an empty, `.` or `..` segment or a
    control character: the program creates all keys, so such a key is a bug.
    Every method may raise InputError (missing bucket, no permission) or RunError (full disk).
    """

    @property
    def uri(self) -> str:
        """The store's address as given, without a trailing slash."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether data passes through a network and a service; it is then read back and checked."""
        ...

    @property
    def requests_at_once(self) -> int:
        """How many requests are worth sending at a time; 1 if the answers come at once."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after `write_new` a concurrent write may still replace the object, in seconds.

        Zero if the store lets only one writer succeed. Swift checks for the object before it takes
        the bytes, so several writers may be told that theirs is new, and the last one remains.
        """
        ...

    def now_s(self) -> float:
        """Returns the time in seconds since 1970 by the store's clock, as used for `modified_s`."""
        ...

    def read_bytes(self, key: str) -> bytes:
        """Returns the whole object.

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
        """Returns `size` bytes from offset `start`; fewer if the object ends before.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def exists(self, key: str) -> bool:
        """Returns whether the object exists."""
        ...

    def size(self, key: str) -> int:
        """Returns the object's length in bytes.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def stat(self, key: str) -> ObjectInfo:
        """Returns the object's metadata, from the object itself, never from a listing.

        Raises:
            FileNotFoundError: If there is none.
        """
        ...

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """Lists all objects under a prefix, sorted by key, without unfinished ones.

        Args:
            prefix: Whole path segments (`shards`, not `sha`); empty for everything.
        """
        ...

    def folders(self, prefix: str = "") -> builtins.list[str]:
        """Lists the names of the folders directly under a prefix, sorted, without what is in them.

        Args:
            prefix: Whole path segments; empty for the top. Locally, a folder may be empty.
        """
        ...

    def strays(self, prefix: str = "") -> builtins.list[Stray]:
        """Lists what lies under a prefix beside the objects, sorted by key.

        In a folder: links, which may lead out of it, temporary files, devices and the like, and
        empty folders. In a bucket: objects that stand for folders, if they hold data or if there
        is nothing in the folder. A link to an object is listed here, and by `list` as well.
        """
        ...

    def remove_stray(self, stray: Stray) -> None:
        """Removes one of `strays`, never what a link leads to; does nothing if it is gone."""
        ...

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """Writes the object atomically: readers see either the old one or the new one.

        Args:
            key: Its name.
            data: Its content.
            private: Whether a local file is readable by its owner alone (mode 600, not 644).
        """
        ...

    def open_write(self, key: str, *, private: bool = False) -> AbstractContextManager[Sink]:
        """Streams an object in bounded memory.

        It appears only if the block ends without error and all written bytes were stored.
        """
        ...

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """Writes the object unless it exists.

        Returns:
            False if it exists. It may have been written by this call, if the response to a first
            attempt was lost: a caller for whom this matters must compare the bytes.
        """
        ...

    def copy(self, names: Iterable[tuple[str, str]]) -> None:
        """Gives objects second names in this store, replacing what has them, each atomically.

        The bytes do not pass through this program. In a folder both names may be of one file, so
        neither may ever be changed in place; nothing here does that.

        Args:
            names: The key of each object, and its second key.

        Raises:
            FileNotFoundError: If there is no such object; others may have second names.
        """
        ...

    def delete(self, key: str) -> None:
        """Removes the object; does nothing if it is missing."""
        ...

    def delete_many(self, keys: Iterable[str]) -> None:
        """Removes objects, in any order; missing ones are fine.

        Raises:
            RunError: If some remain; it names the first of them.
        """
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Removes everything under a prefix, which must not be empty."""
        ...

    def unfinished_writes(self, prefix: str = "") -> builtins.list[UnfinishedWrite]:
        """Lists what interrupted writes left under a prefix, and writes in progress there."""
        ...

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """Removes an unfinished write; does nothing if it is gone."""
        ...

    def discard_unfinished(self, prefix: str) -> None:
        """Removes what interrupted writes left under a prefix where no write is in progress."""
        ...

    def ensure_writable(self) -> None:
        """Creates the local folder, or checks that the bucket exists and is writable.

        Raises:
            InputError: If that fails; the error says where and what to do.
        """
        ...


def check_key(key: str) -> str:
    """Returns the key if it is valid.

    Raises:
        ValueError: If it is absolute or has an empty or dotted segment or a control character.
    """
    if _CONTROL.search(key):
        raise ValueError(f"a key must not contain control characters: {key!r}")
    if "\\" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"a key must be a relative path without empty or dotted parts: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Returns a listing prefix without a trailing slash; empty means everything."""
    stripped = prefix.removesuffix("/")
    return check_key(stripped) if stripped else ""


def join_uri(uri: str, *parts: str) -> str:
    """Joins relative keys onto a store's address."""
    return "/".join([uri.rstrip("/"), *(check_key(part) for part in parts)]) or "/"
