"""What a pull reads from: several connections to one place, each used by one thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

CHUNK_BYTES = 1 << 20
MIN_BYTES_PER_S = 1_000  # a transfer that is slower is broken off


class PassingFaultError(Exception):
    """A request failed in a way that may not recur on another attempt.

    Args:
        detail: What happened, for people.
        wait_s: How long the server asked to wait, in seconds; 0 if it did not say.
    """

    def __init__(self, detail: str, wait_s: float = 0.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.wait_s = wait_s


class DeniedError(PassingFaultError):
    """The server refused a request: its address has expired, or it never was allowed.

    Args:
        detail: What happened, for people.
        url: The address that was refused.
    """

    def __init__(self, detail: str, url: str) -> None:
        super().__init__(detail)
        self.url = url


class Lane(Protocol):
    """One connection. Only `hang_up` may be called by another thread."""

    def chunks(self, path: str, start: int, stop: int, size: int) -> Iterator[memoryview]:
        """Yields the bytes from `start` to `stop` of a file; a chunk is valid until the next.

        Args:
            path: The file's path.
            start: Offset of the first byte.
            stop: Offset after the last byte; above `start`.
            size: The length that the whole file must have.

        Raises:
            PassingFaultError: If the bytes break off, or the answer is not what was asked for.
            FileNotFoundError: If there is no such file.
        """
        ...

    def whole(self, path: str, max_bytes: int) -> bytes:
        """Returns a small file of unknown length; raises as `chunks` does."""
        ...

    def hang_up(self) -> None:
        """Breaks off the transfer in progress; the thread that reads gets a fault."""
        ...

    def close(self) -> None:
        """Closes the connection."""
        ...


class Origin(Protocol):
    """A place with files that can be read by range."""

    @property
    def uri(self) -> str:
        """The address as given, without what is secret in it."""
        ...

    def lane(self) -> Lane:
        """Returns a new connection."""
        ...

    def renew(self, path: str, refused: str) -> bool:
        """Gets a new address for a file whose address was refused.

        Args:
            path: The file's path.
            refused: The address that the server refused.

        Returns:
            False if there is no way to get another one.
        """
        ...

    def prepare(self, paths: Sequence[str]) -> None:
        """Gets the addresses of files that will be read, if that takes requests."""
        ...
