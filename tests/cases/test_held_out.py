"""No variant of a no is lost, and check, quote and package agree about each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.held_out import LIMIT, VARIANTS, Variant, run

pytestmark = pytest.mark.long
_LOST = ["the no is lost"]


@pytest.mark.parametrize("one", VARIANTS, ids=lambda one: one.name)
def test_a_variant(one: Variant, tmp_path: Path) -> None:
    assert run(one, tmp_path).faults(one.wanted) == (_LOST if one.wanted == LIMIT else [])
