"""The benchmark of removals, small: what it checks at a million samples holds for a few hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.full_ledger import FewStatements
from tests.bench.large_delivery import make_delivery
from tests.bench.removal import Case, cases, check, copy_output, remove

SAMPLES = 600
_CASES = cases(SAMPLES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("large") / "base"
    store = FewStatements(str(out))
    make_delivery(store, SAMPLES, 150, key=out / "agency/signing.key")
    return out


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, marks=[pytest.mark.slow] * (one is not _CASES[0])) for one in _CASES],
    ids=lambda case: case.name,
)
def test_only_what_is_concerned_differs(base: Path, tmp_path: Path, case: Case) -> None:
    copy_output(base, tmp_path / "out")
    remove(str(tmp_path / "out"), case)
    found = check(tmp_path / "out", case)
    assert found["assets"] == len(case.assets) or case.contributors
    assert found["taken_minor"] > 0
