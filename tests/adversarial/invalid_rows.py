"""Rows that cannot be read, or that fail a rule of the catalogue checks."""

from __future__ import annotations

from tests.adversarial.draft import Row

_UNREADABLE, _INVALID = "row.unreadable", "row.invalid"

# Name, reason, and the columns that make the row invalid.
INVALID_ROWS: tuple[tuple[str, str, Row], ...] = (
    ("no status", _UNREADABLE, {"status": None}),
    ("a blank status", _UNREADABLE, {"status": "\u00a0"}),
    ("no contributors", _UNREADABLE, {"contributors": None}),
    (
        "a missing share",
        _UNREADABLE,
        {"contributors": [{"contributor_id": "kontr-1", "share_bp": None}]},
    ),
    (
        "a contributor without an id",
        _UNREADABLE,
        {"contributors": [{"contributor_id": " ", "share_bp": 10_000}]},
    ),
    ("a territory of blanks", _UNREADABLE, {"territories_in": [" "]}),
    ("a negative people count", _INVALID, {"people_count": -1}),
    ("an invalid digest", _INVALID, {"sha256": "0" * 63}),
    ("an invalid media type", _INVALID, {"media_type": "Images"}),
)
