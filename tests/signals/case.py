"""Defines a conformance case: the input of a reader, and the expected result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import Reading


@dataclass(frozen=True)
class Case:
    """A statement as files and servers make it, and what it means for one purpose.

    Attributes:
        name: A unique name with the vocabulary, the spelling and the value.
        read: Builds the raw bytes and reads them.
        purpose: The purpose of the deal.
        value: The strictest value among the expected signals for the purpose, in the order deny,
            conditional, unknown, allow; None if there must be no signal for it.
        reason: Why a deal for this purpose refuses the asset if no agreement covers it; None if
            the statement alone does not refuse it.
    """

    name: str
    read: Callable[[], Reading]
    purpose: Purpose
    value: Permission | None
    reason: Reason | None
