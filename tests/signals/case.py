"""One row of the conformance table: what is given to the readers, and what must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import Reading


@dataclass(frozen=True)
class Case:
    """A statement as it is found in the wild, and what it says of one purpose.

    Attributes:
        name: Unique; says the vocabulary, the spelling and the value.
        read: Makes the raw bytes and reads them.
        purpose: The purpose that is asked for.
        value: What the readers' signals must come to, the strictest first: deny, conditional,
            unknown, allow; None where nothing at all may be said of the purpose.
        reason: Why an asset of a deal for this purpose is refused, if no agreement covers it;
            None where the statement alone does not refuse.
    """

    name: str
    read: Callable[[], Reading]
    purpose: Purpose
    value: Permission | None
    reason: Reason | None
