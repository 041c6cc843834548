"""Field cases about what a medium's own bytes and sidecars say."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cases import common

CASES = Path(__file__).parents[3] / "shared" / "cases"
_GENERATED = {"conflict.source", "file.ai_generated"}
_ACCENTS: dict[str, set[str]] = {f"A-{number}": set() for number in range(1, 10)}
# The reasons of each asset; none where it is delivered.
EXPECTED: dict[str, dict[str, set[str]]] = {
    "13-copyright-accents": _ACCENTS,
    "20-rights-in-odd-places": {
        **{f"A-{number}": {"file.denied"} for number in (1, 2, 3, 6)},
        **{f"A-{number}": _GENERATED for number in (4, 5, 7)},
    },
    "48-licence-in-file": {f"A-{number}": {"conflict.licence"} for number in range(1, 5)},
    "49-people-in-file": {
        "A-1": {"conflict.minors"},
        "A-2": {"conflict.minors", "conflict.people"},
        "A-3": {"conflict.people"},
        "A-4": {"conflict.people"},
    },
}


def packaged_reasons(folder: Path, out: Path) -> dict[str, set[str]]:
    """Packages a case, and returns each asset's reasons."""
    run = common.package(folder, out)
    tables = [pq.read_table(path) for path in sorted(out.glob("**/agency/decisions/*.parquet"))]
    assert tables, run.err
    rows = [row for table in tables for row in table.to_pylist()]
    return {row["asset_id"]: set(row["reasons"]) for row in rows}


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared field cases are not here")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_field_case_ends_as_it_should(name: str, tmp_path: Path) -> None:
    assert packaged_reasons(CASES / name, tmp_path) == EXPECTED[name]
