"""Shared parts of the readers of server statements: the served file and its signals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from pipelines.signals.server.patterns import canonical_target
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import Origin, Reading, ReadingFault, Signal, raw_sha256

_MAX_SHOWN_CHARS = 200  # of a value in a message

TRAINING_USES = (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN)
# The purposes that text and data mining covers under directive (EU) 2019/790.
MINING_USES = (Purpose.DATA_MINING, *TRAINING_USES)
AI_USES = (*MINING_USES, Purpose.INFERENCE, Purpose.INDEX)
DISCOVERY_USES = (Purpose.INDEX, Purpose.SEARCH)
ALL_USES = PURPOSES


def escaped_line(text: str) -> str:
    """Returns a value as one printable line of at most 200 characters."""
    shown = text[: _MAX_SHOWN_CHARS + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= _MAX_SHOWN_CHARS else shown[: _MAX_SHOWN_CHARS - 1] + "…"


def without_query(url: str) -> str:
    """Returns a URL without its query, since queries may hold signatures."""
    return url.partition("#")[0].partition("?")[0]


@dataclass(frozen=True)
class ServedFile:
    """The file that statements are about, as its server names it.

    Attributes:
        url: Its URL, with its query.
    """

    url: str

    @cached_property
    def host(self) -> str:
        """The server's host name, which is the `who` of its signals; "" if the URL is invalid."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The path without and with its query, in the form that patterns are matched against.

        Specifications differ on whether a pattern is matched against the query, and the query of
        a stored image is usually a signature. Both are matched, and the stricter answer applies.
        """
        after = self.url.partition("#")[0].partition("://")[2]
        slash = min((after.find(mark) for mark in "/?" if mark in after), default=len(after))
        target = after[slash:]
        if not target.startswith("/"):
            target = f"/{target}"
        found = (target.partition("?")[0], target)
        return tuple(dict.fromkeys(canonical_target(text) for text in found))

    def signals(
        self, purposes: Iterable[Purpose], value: Permission, where: str, sha256: str, said: str
    ) -> list[Signal]:
        """Returns one signal for each purpose.

        Args:
            purposes: The purposes that the statement is about.
            value: The stated value.
            where: Where the statement was found.
            sha256: Digest of the raw statement.
            said: The statement, or its relevant line.
        """
        line, place = escaped_line(said), escaped_line(where)
        return [
            Signal(Origin.SERVER, purpose, value, self.host, place, sha256, "", line)
            for purpose in purposes
        ]


def fault_reading(where: str, detail: str, raw: bytes | str) -> Reading:
    """Returns a reading with a fault for a statement that could not be read."""
    fault = ReadingFault(Origin.SERVER, escaped_line(where), escaped_line(detail), raw_sha256(raw))
    return Reading(faults=(fault,))


def strictest(values: Iterable[Permission]) -> Permission | None:
    """Returns the strictest of several values, or None if there are none."""
    found = set(values)
    order = (Permission.DENY, Permission.CONDITIONAL, Permission.UNKNOWN, Permission.ALLOW)
    return next((value for value in order if value in found), None)
