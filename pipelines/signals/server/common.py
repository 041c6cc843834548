"""What the readers of servers' statements share: whose word it is, and how it is put down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from pipelines.signals.server.patterns import canonical_target
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import Origin, Reading, ReadingFault, Signal, raw_sha256

_MAX_SHOWN_CHARS = 200  # characters of a value that are shown

TRAINING_USES = (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN)
# What text and data mining in the sense of directive (EU) 2019/790 covers.
MINING_USES = (Purpose.DATA_MINING, *TRAINING_USES)
AI_USES = (*MINING_USES, Purpose.INFERENCE, Purpose.INDEX)
DISCOVERY_USES = (Purpose.INDEX, Purpose.SEARCH)
ALL_USES = PURPOSES


def escaped_line(text: str) -> str:
    """A value as one printable line of at most 200 characters."""
    shown = text[: _MAX_SHOWN_CHARS + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= _MAX_SHOWN_CHARS else shown[: _MAX_SHOWN_CHARS - 1] + "…"


def without_query(url: str) -> str:
    """A URL as far as it may be shown: queries hold signatures."""
    return url.partition("#")[0].partition("?")[0]


@dataclass(frozen=True)
class ServedFile:
    """The file that is spoken of, as its server names it.

    Attributes:
        url: Its URL, with its query.
    """

    url: str

    @cached_property
    def host(self) -> str:
        """The server: the one who speaks."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The path, and the path with its query, in the form that patterns are matched against.

        Whether a pattern is matched against the query is told in two ways, and the query of a
        stored picture is as a rule a signature. Both are asked, and the stricter answer holds.
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
        """One signal for each purpose.

        Args:
            purposes: What is spoken of.
            value: What is said.
            where: Where it stands.
            sha256: Digest of the raw statement.
            said: The statement, or the line of it that matters.
        """
        line, place = escaped_line(said), escaped_line(where)
        return [
            Signal(Origin.SERVER, purpose, value, self.host, place, sha256, "", line)
            for purpose in purposes
        ]


def fault_reading(where: str, detail: str, raw: bytes | str) -> Reading:
    """A reading of something that could not be read."""
    fault = ReadingFault(Origin.SERVER, escaped_line(where), escaped_line(detail), raw_sha256(raw))
    return Reading(faults=(fault,))


def strictest(values: Iterable[Permission]) -> Permission | None:
    """The strictest of several values; None of none."""
    found = set(values)
    order = (Permission.DENY, Permission.CONDITIONAL, Permission.UNKNOWN, Permission.ALLOW)
    return next((value for value in order if value in found), None)
