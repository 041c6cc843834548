"""What the steps of a run are called for people, in their order."""

from __future__ import annotations

STEP_NAMES = {
    "prepare": "Check inputs",
    "read": "Read catalogue",
    "screen": "Screen rights",
    "enrich": "Enrich assets",
    "select": "Select samples",
    "write": "Write shards",
    "publish": "Publish",
}
