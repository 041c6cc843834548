"""Reads IETF AI preferences: the `Content-Usage` dictionary, in headers and in robots.txt.

Follows draft-ietf-aipref-vocab and draft-ietf-aipref-attach as of August 2026. The value is an
RFC 9651 dictionary. Its keys are case-sensitive categories of use, and its values are the tokens
`y` and `n`. The last value of a repeated key counts, and a value that does not parse is unknown.

`train-ai` means training of generative models. Drafts until 2025 had more labels that servers
still send: a denial under one of them counts, but a permission does not, as they are no longer
defined.
"""

from __future__ import annotations

from collections.abc import Sequence

import http_sf

from pipelines.signals.server.common import ALL_USES, MINING_USES, TRAINING_USES, ServedFile
from schemas.rights import Permission, Purpose
from schemas.signal import Reading, Signal, raw_sha256

_WHERE = "http Content-Usage"
_LABEL_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "train-ai": (Purpose.TRAIN_GEN,),
    "search": (Purpose.SEARCH,),
}
_FORMER_LABEL_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "bots": ALL_USES,
    "tdm": MINING_USES,
    "ai": TRAINING_USES,
    "train-genai": (Purpose.TRAIN_GEN,),
    "genai": (Purpose.TRAIN_GEN,),
    # Search was part of this category.
    "ai-output": (Purpose.INFERENCE, Purpose.SEARCH),
}
_CATEGORIES = tuple(purpose for purposes in _LABEL_PURPOSES.values() for purpose in purposes)
_TOKENS = {"y": Permission.ALLOW, "n": Permission.DENY}
_UNRECOGNISED = Permission.UNKNOWN
_MAX_BYTES = 1 << 16

Preferences = dict[Purpose, Permission]


def parse_preferences(raw: str) -> Preferences | None:
    """Returns the value of each purpose that a preference statement covers.

    Returns:
        Purposes and values; None if it does not parse.
    """
    try:
        data = raw.encode("latin-1")
        parsed = http_sf.parse(data, tltype="dictionary") if len(data) <= _MAX_BYTES else None
    except ValueError:
        # Covers both text that is not Latin-1 and http_sf's StructuredFieldError.
        return None
    if not isinstance(parsed, dict):
        return None
    preferences: Preferences = {}
    for label, member in parsed.items():
        value = _value_of(member)
        for purpose in _LABEL_PURPOSES.get(label, ()):
            preferences[purpose] = (
                Permission.DENY if preferences.get(purpose) is Permission.DENY else value
            )
        for purpose in _FORMER_LABEL_PURPOSES.get(label, ()):
            if value is Permission.DENY:
                preferences[purpose] = Permission.DENY
    return preferences


def _value_of(member: object) -> Permission:
    """Returns the value of a dictionary member, ignoring its parameters."""
    token = member[0] if isinstance(member, tuple) else member
    return (
        _TOKENS.get(str(token), _UNRECOGNISED)
        if isinstance(token, http_sf.Token)
        else _UNRECOGNISED
    )


def preference_signals(
    served: ServedFile, statement: str, where: str, sha256: str, said: str
) -> list[Signal]:
    """Returns a preference statement as signals; they are unknown if it does not parse."""
    preferences = parse_preferences(statement)
    if preferences is None:
        return served.signals(_CATEGORIES, Permission.UNKNOWN, where, sha256, said)
    return [
        signal
        for purpose, value in preferences.items()
        for signal in served.signals((purpose,), value, where, sha256, said)
    ]


def read_content_usage(served: ServedFile, values: Sequence[str]) -> Reading:
    """Reads the `Content-Usage` header.

    Several headers form one list, as HTTP defines, and the last of a repeated key counts. If that
    list does not parse but a single header does, the header's denials count, not its permissions.

    Args:
        served: The fetched file.
        values: The headers' values.
    """
    values = [value for value in values if value.strip()]
    if not values:
        return Reading()
    combined = ", ".join(values)
    signals = preference_signals(served, combined, _WHERE, raw_sha256(combined), combined)
    if parse_preferences(combined) is None:
        for value in values:
            alone = preference_signals(served, value, _WHERE, raw_sha256(value), value)
            signals += [signal for signal in alone if signal.value is Permission.DENY]
    return Reading(tuple(signals))
