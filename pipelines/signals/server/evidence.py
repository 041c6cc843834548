"""What a web server sent with a file; the only input of the readers of server statements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OriginFile:
    """A file about rights on the origin of the media.

    Attributes:
        url: Its URL.
        status: HTTP status of the response; None if there was none or it cannot be trusted.
        body: Its bytes; None if the server has no such file, or it could not be read.
        fault: Why it could not be read; "" if it could, or if the server has no such file.
    """

    url: str
    status: int | None
    body: bytes | None
    fault: str


@dataclass(frozen=True)
class HttpEvidence:
    """What a server sent with one file that was fetched over HTTP.

    Attributes:
        url: The file's URL. Its query may hold a signature: it is matched against, never shown.
        headers: Names and values of the final response, in order; repeated ones are kept separate.
        origin_files: The files about rights on its origin.
        fault: Why the headers cannot be trusted; "" if they can.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    origin_files: tuple[OriginFile, ...]
    fault: str = ""
