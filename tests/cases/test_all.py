"""Every field case ends as ../shared/cases/README.md says, and `check` agrees with `package`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.common import CASES
from tests.cases.field_cases import WANTED, WITHOUT_CATALOGUE, cases_at_hand, run_case


@pytest.mark.slow
@pytest.mark.parametrize("name", WANTED)
def test_a_case_ends_as_it_must(name: str, tmp_path: Path) -> None:
    if name not in cases_at_hand():
        pytest.skip(f"the field cases are not at hand: {CASES / name}")
    assert run_case(name, tmp_path).faults(WANTED[name]) == []


def test_no_case_is_left_out() -> None:
    if not CASES.is_dir():
        pytest.skip(f"the field cases are not at hand: {CASES}")
    assert set(cases_at_hand()) == set(WANTED)
    assert not WITHOUT_CATALOGUE & set(WANTED)
