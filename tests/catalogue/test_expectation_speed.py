"""Great Expectations does less and finds the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from great_expectations.core.id_dict import IDDict
from great_expectations.expectations.expectation import Expectation
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue import expectations, gate
from pipelines.catalogue.expectation_speed import quick_identities, remembered_configurations
from pipelines.catalogue.suite import load_suite
from schemas.catalogue import ASSETS_SCHEMA, CONTRIBUTORS_SCHEMA
from schemas.errors import InputError

ORIGINAL = Expectation.configuration
IDENTIFY = IDDict.to_id
SETTINGS = st.dictionaries(
    st.text(max_size=3) | st.integers(0, 3),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.dates()
    | st.lists(st.none() | st.integers(), max_size=2)
    | st.dictionaries(st.integers(0, 3), st.none(), max_size=2),
    max_size=4,
)


def assets() -> pa.Table:
    share = [{"contributor_id": "c-1", "share_bp": 10_000}]
    row = {"asset_id": "a", "media_uri": "a.jpg", "contributors": share, "width": 10}
    rows: list[dict[str, Any]] = [
        row,
        row | {"width": 0},
        row | {"people_count": -3},
        row | {"contributors": [{"contributor_id": "c-1", "share_bp": 1}]},
    ]
    return pa.Table.from_pylist(rows, schema=ASSETS_SCHEMA)


def test_results_are_those_without(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counter[str]()

    def counted(expectation: Expectation) -> Any:
        made[label] += 1
        return ORIGINAL.__get__(expectation)

    suite = load_suite("assets")
    label = "with"
    monkeypatch.setattr("pipelines.catalogue.expectation_speed._make", property(counted))
    found = gate.gate_batch(assets(), suite, frozenset())
    label = "without"
    monkeypatch.setattr(Expectation, "configuration", property(counted))
    monkeypatch.setattr(expectations, "remembered_configurations", pytest.MonkeyPatch.context)
    assert gate.gate_batch(assets(), suite, frozenset()) == found
    assert sum(rule.failed > 0 for rule in found.summary.rules) >= 2
    assert made["with"] * 5 < made["without"]


def test_nothing_is_changed_for_others() -> None:
    with pytest.raises(ValueError, match="here"), remembered_configurations(), quick_identities():
        assert Expectation.configuration is not ORIGINAL and IDDict.to_id is not IDENTIFY
        raise ValueError("here")
    assert Expectation.configuration is ORIGINAL and IDDict.to_id is IDENTIFY


@given(SETTINGS, st.lists(st.integers(0, 3)))
def test_ids_of_settings_are_those_without(settings: dict[Any, Any], left_out: list[int]) -> None:
    made = IDDict(settings)
    with quick_identities():
        found = made.to_id(), made.to_id(id_ignore_keys=left_out)
    assert found == (made.to_id(), made.to_id(id_ignore_keys=left_out))


def test_settings_of_rules_are_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[object] = []

    def noted(settings: IDDict, *chosen: Any, **more: Any) -> Any:
        converted.append(dict(settings))
        return IDENTIFY(settings, *chosen, **more)

    monkeypatch.setattr("pipelines.catalogue.expectation_speed._identify", noted)
    gate.gate_batch(assets(), load_suite("assets"), frozenset())
    several = [settings for settings in converted if len(settings) > 1]  # type: ignore[arg-type]
    assert len(several) * 5 < len(converted)


def test_a_small_table_is_checked_once_and_other_rows_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[int] = []
    real = expectations.evaluate

    def counted(frame: Any, *given: Any) -> Any:
        checked.append(len(frame))
        return real(frame, *given)

    monkeypatch.setattr(expectations, "evaluate", counted)
    monkeypatch.setattr(gate, "_checked", {})
    good = pa.Table.from_pylist([{"contributor_id": "c-1"}], schema=CONTRIBUTORS_SCHEMA)
    bad = pa.Table.from_pylist([{"contributor_id": ""}] * 2, schema=CONTRIBUTORS_SCHEMA)
    for _ in range(2):
        gate.check_table(good, "contributors")
        with pytest.raises(InputError):
            gate.check_table(bad, "contributors")
    assert checked == [1, 2]
