"""A file that is not the one which the catalogue describes is a failed asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.described import check_described
from schemas.errors import BadRecord
from tests.cases.copies_common import package_case

FACTS: dict[str, Any] = {
    "bytes": 5_000,
    "width": 480,
    "height": 640,
    "stored_width": 640,
    "stored_height": 480,
    "duration_ms": 20_000,
}
NOTHING: dict[str, Any] = dict.fromkeys(("bytes", "width", "height", "duration_ms"))


def said(**columns: Any) -> str:
    try:
        check_described({**NOTHING, **columns}, FACTS)  # type: ignore[typeddict-item,arg-type]
    except BadRecord as bad:
        assert bad.reason == "media.not_as_described"
        return bad.detail
    return ""


@pytest.mark.long
def test_the_shared_case(tmp_path: Path) -> None:
    found = package_case("46-not-the-described-file", tmp_path)
    for name in ("A-1", "A-2"):
        outcome, reasons, detail = found[name]
        assert (outcome, reasons) == ("dead_letter", ("media.not_as_described",))
        assert "the catalogue says" in detail and "the file has" in detail
    assert "9000000 bytes" in found["A-1"][2] and "6000 x 4000" in found["A-1"][2]
    assert "480 x 640" in found["A-2"][2]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"bytes": 5_000},
        {"width": 480, "height": 640},
        {"width": 640, "height": 480},  # as stored
        {"width": 480},
        {"height": 480},
        {"duration_ms": 20_000},
        {"duration_ms": 21_000},
        {"duration_ms": 19_001},
    ],
)
def test_what_fits(columns: dict[str, int]) -> None:
    assert said(**columns) == ""


@pytest.mark.parametrize(
    ("columns", "both"),
    [
        ({"bytes": 4_999}, ("4999", "5000")),
        ({"bytes": 0}, ("0 bytes", "5000")),
        ({"width": 640, "height": 640}, ("640 x 640", "480 x 640")),
        ({"width": 481}, ("481 x ?", "480 x 640")),
        ({"height": 6_400}, ("? x 6400", "480 x 640")),
        ({"duration_ms": 21_001}, ("21001 ms", "20000")),
        ({"duration_ms": 0}, ("0 ms", "20000")),
    ],
)
def test_what_differs_is_named_with_both_values(
    columns: dict[str, int], both: tuple[str, str]
) -> None:
    detail = said(**columns)
    assert all(value in detail for value in both), detail


@given(
    st.sampled_from(["bytes", "width", "height"]),
    st.integers(0, 10_000),
)
def test_any_other_number_differs(column: str, value: int) -> None:
    known = {"bytes": {5_000}, "width": {480, 640}, "height": {480, 640}}[column]
    assert (said(**{column: value}) == "") == (value in known)
