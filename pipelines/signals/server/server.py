"""What the readers of servers' statements share: whose word it is, and how it is put down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from pipelines.signals.server.patterns import canonical_target
from schemas.rights import PURPOSES, Purpose, Value
from schemas.signal import Fault, Origin, Reading, Signal, raw_sha256

_LONGEST = 200  # characters of a value that are shown

TRAINING = (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN)
# What text and data mining in the sense of directive (EU) 2019/790 covers.
MINING = (Purpose.DATA_MINING, *TRAINING)
AI_USES = (*MINING, Purpose.INFERENCE, Purpose.INDEX)
FINDING = (Purpose.INDEX, Purpose.SEARCH)
EVERYTHING = PURPOSES


def one_line(text: str) -> str:
    """A value as one printable line of at most 200 characters."""
    shown = text[: _LONGEST + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def without_query(url: str) -> str:
    """A URL as far as it may be shown: queries hold signatures."""
    return url.partition("#")[0].partition("?")[0]


@dataclass(frozen=True)
class Page:
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

    def says(
        self, purposes: Iterable[Purpose], value: Value, where: str, sha256: str, said: str
    ) -> list[Signal]:
        """One signal for each purpose.

        Args:
            purposes: What is spoken of.
            value: What is said.
            where: Where it stands.
            sha256: Digest of the raw statement.
            said: The statement, or the line of it that matters.
        """
        line, place = one_line(said), one_line(where)
        return [
            Signal(Origin.SERVER, purpose, value, self.host, place, sha256, "", line)
            for purpose in purposes
        ]


def faulty(where: str, detail: str, raw: bytes | str) -> Reading:
    """A reading of something that could not be read."""
    fault = Fault(Origin.SERVER, one_line(where), one_line(detail), raw_sha256(raw))
    return Reading(faults=(fault,))


def strictest(values: Iterable[Value]) -> Value | None:
    """The strictest of several values; None of none."""
    found = set(values)
    order = (Value.DENY, Value.CONDITIONAL, Value.UNKNOWN, Value.ALLOW)
    return next((value for value in order if value in found), None)
