"""Sends one request to a server that the user named, and reads a bounded answer in bounded time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from schemas.errors import InputError, RunError

MAX_ANSWER_BYTES = 65_536
_SOCKET_TIMEOUT_S = 10.0


class PostError(RunError):
    """Raised when a server cannot be reached, or its answer cannot be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        content_type: The media type, in lower case, without parameters.
        body: The body, at most `MAX_ANSWER_BYTES` long.
    """

    status: int
    content_type: str
    body: bytes

    def shown(self) -> str:
        """Returns status and the beginning of the body, for messages."""
        text = ascii(self.body[:120].decode("utf-8", "replace").strip())
        return f"status {self.status}, {text}" if self.body else f"status {self.status}"


def check_url(url: str) -> Url:
    """Returns the parts of a server's address.

    Raises:
        InputError: If it is not an http or https address, or has a password in it.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        parts = Url()
    if parts.scheme not in ("http", "https") or not parts.host or parts.auth or parts.fragment:
        raise InputError(
            "Not the address of a server", ascii(url[:200]), "Write https://host/path."
        )
    return parts


def post(url: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
    """Posts a body to an address; redirects are not followed, and no proxy is used.

    Args:
        url: Address of the server.
        body: What to send.
        content_type: Its media type.
        timeout_s: How long everything may take.

    Raises:
        InputError: If the address is malformed.
        PostError: If the server cannot be reached, takes too long or answers too much.
    """
    check_url(url)
    ended: list[Answer | PostError] = []

    def send() -> None:
        try:
            ended.append(_send(url, body, content_type))
        except PostError as error:
            ended.append(error)

    # A server that sends a byte now and then would never run into a timeout of its socket. So the
    # request has a thread of its own, which is left behind when its time is over.
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not ended:
        raise PostError("The server took too long", f"{url}: more than {timeout_s:g} s")
    [answer] = ended
    if isinstance(answer, PostError):
        raise answer
    return answer


def _send(url: str, body: bytes, content_type: str) -> Answer:
    headers = {
        "Content-Type": content_type,
        "User-Agent": "fairshard",
        "Accept-Encoding": "identity",
    }
    timeout = urllib3.Timeout(connect=_SOCKET_TIMEOUT_S, read=_SOCKET_TIMEOUT_S)
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
            response = pool.request(
                "POST", url, body=body, headers=headers, redirect=False, preload_content=False
            )
            data = response.read(MAX_ANSWER_BYTES + 1, decode_content=False)
            response.close()
    except (HTTPError, OSError, ValueError) as error:
        raise PostError("The server cannot be reached", f"{url}: {error}"[:300]) from error
    if len(data) > MAX_ANSWER_BYTES:
        raise PostError(
            "The server answered too much", f"{url}: more than {MAX_ANSWER_BYTES:,} bytes"
        )
    if 300 <= response.status < 400:
        place = ascii(response.headers.get("Location", "")[:120])
        raise PostError("The server redirects, which is not followed", f"{url}: to {place}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, kind, data)
