"""What a web server said beside a file: the readers of rights get this, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OriginFile:
    """A file that a server keeps beside its media.

    Attributes:
        url: Where it lies.
        status: HTTP status of the answer; None if there was none, or none that is to be believed.
        body: Its bytes; None where the server has no such file, or it could not be read.
        fault: Why it could not be read; "" where it could, and where the server has none.
    """

    url: str
    status: int | None
    body: bytes | None
    fault: str


@dataclass(frozen=True)
class HttpEvidence:
    """What came with one file that was fetched over HTTP.

    Attributes:
        url: The file's URL. Its query may hold a signature: it is matched against, never shown.
        headers: Names and values of the final answer, in their order; repeated ones are kept apart.
        origin_files: What lies beside it on its own origin.
        fault: Why the headers cannot be relied on; "" where they can.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    origin_files: tuple[OriginFile, ...]
    fault: str = ""
