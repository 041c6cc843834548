"""Where each file of a delivery is on the web, and how an address that expired is renewed."""

from __future__ import annotations

import ipaddress
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlsplit

from schemas.errors import InputError, RunError

_COMMAND_TIMEOUT_S = 60
_MAX_URL_CHARS = 16_384


class Addresses(Protocol):
    """Gives each file of a place its address."""

    def url(self, path: str) -> str:
        """Returns the file's address."""
        ...

    def renew(self, path: str, refused: str) -> bool:
        """See `Origin.renew`."""
        ...

    def prepare(self, paths: Sequence[str]) -> None:
        """See `Origin.prepare`."""
        ...


@dataclass(frozen=True)
class PlainAddresses:
    """Files below one address, whose query, if it has one, is part of each.

    Attributes:
        base: The address, without a trailing slash and without its query.
        query: The query, which may hold a signature.
    """

    base: str
    query: str = field(default="", repr=False)

    def url(self, path: str) -> str:
        """See `Addresses.url`."""
        return f"{self.base}/{quote(path)}" + (f"?{self.query}" if self.query else "")

    def renew(self, path: str, refused: str) -> bool:
        """See `Addresses.renew`."""
        return False

    def prepare(self, paths: Sequence[str]) -> None:
        """See `Addresses.prepare`: they are known."""


@dataclass
class SignedAddresses:
    """Addresses that somebody signs for a time. The last one of each file is kept.

    Thread-safe: if several threads find that an address has expired, one gets a new one.
    """

    _known: dict[str, tuple[str, float]] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def sign(self, path: str) -> tuple[str, float]:
        """Returns a new address, and for how many seconds it is used."""
        raise NotImplementedError

    def url(self, path: str) -> str:
        """See `Addresses.url`."""
        with self._lock:
            url, until_s = self._known.get(path, ("", 0.0))
            return url if time.monotonic() < until_s else self._signed(path)

    def renew(self, path: str, refused: str) -> bool:
        """See `Addresses.renew`."""
        with self._lock:
            if self._known.get(path, ("", 0.0))[0] == refused:
                self._signed(path)
        return True

    def prepare(self, paths: Sequence[str]) -> None:
        """See `Addresses.prepare`: each is signed when it is needed."""

    def learn(self, found: Mapping[str, tuple[str, float]]) -> None:
        """Keeps new addresses, each with the seconds for which it is used."""
        now = time.monotonic()
        with self._lock:
            for path, (url, life_s) in found.items():
                self._known[path] = (url, now + life_s)

    def _signed(self, path: str) -> str:
        url, life_s = self.sign(path)
        self._known[path] = (url, time.monotonic() + life_s)
        return url


@dataclass
class CommandAddresses(SignedAddresses):
    """Addresses that a command of the buyer gives, such as one that asks the agency's portal.

    Attributes:
        command: The command; a file's path is added as its last argument.
    """

    command: str

    def sign(self, path: str) -> tuple[str, float]:
        """See `SignedAddresses.sign`."""
        words = [*shlex.split(self.command), path]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(
                "The command that signs addresses failed", f"{words[0]}: {error}"
            ) from error
        url = done.stdout.strip()
        if done.returncode or "\n" in url or len(url) > _MAX_URL_CHARS:
            raise RunError(
                "The command that signs addresses failed",
                f"{words[0]} {path}: exit code {done.returncode} {done.stderr.strip()[:200]}",
                "It must print one address, and nothing else.",
            )
        return check_web_address(url), float("inf")


def check_web_address(url: str) -> str:
    """Returns a web address if it may be asked: over TLS, or on this machine.

    Raises:
        InputError: If it may not.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError("Not a web address", ascii(url[:100]), str(error)) from error
    if parts.username is not None or any(ord(letter) <= 32 or ord(letter) > 126 for letter in url):
        raise InputError(
            "A web address must not hold a password, blanks or letters beyond ASCII",
            host,
            "Write https://host/path.",
        )
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise InputError(
            "A delivery is pulled over https; plain http only from this machine",
            f"{parts.scheme}://{host}",
            "Use https://.",
        )
    return url


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine, by its name or address alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
