"""Field cases about what a medium's own bytes and sidecars say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.common import case_folder, outcomes, package

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


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_field_case_ends_as_it_should(name: str, tmp_path: Path) -> None:
    ended = package(case_folder(name), tmp_path)
    found = {asset: set(reasons) for asset, (_, reasons) in outcomes(tmp_path).items()}
    assert found == EXPECTED[name], ended.err
