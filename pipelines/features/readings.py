"""What a file says about rights, as JSON between the guarded child and its parent."""

from __future__ import annotations

import dataclasses
from typing import Any

from schemas.rights import Purpose, Value
from schemas.signal import Claim, ClaimKind, Fault, Origin, Reading, Signal


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """A reading as JSON."""
    return {
        field.name: [dataclasses.asdict(statement) for statement in getattr(reading, field.name)]
        for field in dataclasses.fields(reading)
    }


def reading_from_json(answer: dict[str, Any]) -> Reading:
    """A reading out of JSON that is not trusted.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: If it is none.
    """
    signals, claims, faults = (answer[name] for name in ("signals", "claims", "faults"))
    for statement in (*signals, *claims, *faults):
        if not all(isinstance(text, str) for text in statement.values()):
            raise TypeError("a statement's fields are text")
    return Reading(
        tuple(map(_signal, signals)), tuple(map(_claim, claims)), tuple(map(_fault, faults))
    )


def _signal(fields: dict[str, str]) -> Signal:
    return Signal(
        origin=Origin(fields["origin"]),
        purpose=Purpose(fields["purpose"]),
        value=Value(fields["value"]),
        **_rest(fields, "origin", "purpose", "value"),
    )


def _claim(fields: dict[str, str]) -> Claim:
    return Claim(kind=ClaimKind(fields["kind"]), **_rest(fields, "kind"))


def _fault(fields: dict[str, str]) -> Fault:
    return Fault(origin=Origin(fields["origin"]), **_rest(fields, "origin"))


def _rest(fields: dict[str, str], *known: str) -> dict[str, str]:
    return {name: text for name, text in fields.items() if name not in known}
