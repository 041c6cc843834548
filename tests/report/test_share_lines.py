"""What `share` prints of a version that a removal made."""

from __future__ import annotations

from typing import cast

import pytest

from pipelines.accounts.share import Share
from pipelines.report import share


def test_the_lines_about_removals_have_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"samples": 1_234, "since": "anadolu-2026/v0001"}
    monkeypatch.setattr(share, "_removed_json", lambda _: found)
    lines = list(share._removed_lines(cast(Share, None)))
    assert "1,234 samples since anadolu-2026/v0001" in lines[0]
    assert max(map(len, lines)) <= 80
