"""What a reason tells people: which step gives it, what it means, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an asset."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "dead_letter"  # in tables and keys; people are told `in_words`

    @property
    def in_words(self) -> str:
        """What people are told."""
        return "failed asset" if self is Outcome.FAILED else self.value


class Stage(StrEnum):
    """The step that decided on an asset."""

    READ = "read"
    SCREEN = "screen"
    ENRICH = "enrich"
    SELECT = "select"
    WRITE = "write"


@dataclass(frozen=True)
class ReasonInfo:
    """The explanation of a reason.

    Attributes:
        stage: The step that gives it.
        outcome: Refused (a rule said no) or failed (the asset could not be read).
        sentence: What it means, in plain words.
        source: The column, table or signal at fault.
        remedy: How to fix it.
        governed_by: The keys of the deal that decide how strict the rule is, most relevant first;
            none if no deal lets such an asset pass.
    """

    stage: Stage
    outcome: Outcome
    sentence: str
    source: str
    remedy: str
    governed_by: tuple[str, ...] = ()


# The keys that decide which purposes an asset must be cleared for; and the same after the key of
# agreements, which may override a denial.
NEEDED_PURPOSE_KEYS = ("purposes", "rights.inference")
AGREEMENT_KEYS = ("agreements", *NEEDED_PURPOSE_KEYS)
