"""Converts a file's rights statements to and from the JSON that the guarded child sends."""

from __future__ import annotations

import dataclasses
from typing import Any

from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, FileAssertion, Origin, Reading, ReadingFault, Signal


def reading_to_json(reading: Reading) -> dict[str, object]:
    """Converts a reading to JSON."""
    return {
        field.name: [dataclasses.asdict(statement) for statement in getattr(reading, field.name)]
        for field in dataclasses.fields(reading)
    }


def reading_from_json(answer: dict[str, Any]) -> Reading:
    """Converts untrusted JSON to a reading.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: If it is not a valid reading.
    """
    signals, assertions, faults = (answer[name] for name in ("signals", "claims", "faults"))
    for statement in (*signals, *assertions, *faults):
        if not all(isinstance(text, str) for text in statement.values()):
            raise TypeError("a statement's fields are text")
    return Reading(
        tuple(map(_signal, signals)), tuple(map(_assertion, assertions)), tuple(map(_fault, faults))
    )


def _signal(fields: dict[str, str]) -> Signal:
    return Signal(
        origin=Origin(fields["origin"]),
        purpose=Purpose(fields["purpose"]),
        value=Permission(fields["value"]),
        **_other_fields(fields, "origin", "purpose", "value"),
    )


def _assertion(fields: dict[str, str]) -> FileAssertion:
    return FileAssertion(kind=AssertionKind(fields["kind"]), **_other_fields(fields, "kind"))


def _fault(fields: dict[str, str]) -> ReadingFault:
    return ReadingFault(origin=Origin(fields["origin"]), **_other_fields(fields, "origin"))


def _other_fields(fields: dict[str, str], *excluded: str) -> dict[str, str]:
    return {name: text for name, text in fields.items() if name not in excluded}
