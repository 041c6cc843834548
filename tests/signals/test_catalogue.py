"""The catalogue's grants are read as signals."""

from __future__ import annotations

import hashlib
from typing import cast

import pytest

from pipelines.signals.catalogue import read_grants
from schemas.catalogue import AssetRow
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import Origin, Reading
from tests.rights.rights_cases import Row, asset


def grants_of(row: Row) -> Reading:
    return read_grants(cast("AssetRow", row))


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((value.value, value) for value in Permission),
        *(
            ("maybe", Permission.DENY),
            ("Allow", Permission.DENY),
            ("", Permission.DENY),
            (" allow", Permission.DENY),
        ),
    ],
)
def test_a_grant_becomes_one_signal(purpose: Purpose, text: str, value: Permission) -> None:
    reading = grants_of(asset(**{f"grant_{purpose}": text}))
    [signal] = reading.signals
    assert signal.origin is Origin.CATALOGUE
    assert signal.purpose is purpose
    assert signal.value is value
    assert signal.who == "agency"
    assert signal.where == f"assets.grant_{purpose}"
    assert signal.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert signal.said == text.strip()


def test_a_missing_or_empty_column_gives_no_signal() -> None:
    assert not grants_of(asset())
    assert not grants_of(asset(**{f"grant_{purpose}": None for purpose in PURPOSES}))


def test_columns_are_read_in_the_order_of_the_purposes() -> None:
    row = asset(**{f"grant_{purpose}": "allow" for purpose in reversed(PURPOSES)})
    assert [signal.purpose for signal in grants_of(row).signals] == list(PURPOSES)


def test_the_text_of_a_grant_is_one_short_printable_line() -> None:
    [signal] = grants_of(asset(grant_search="no\n\u2028\x1b" + "x" * 5000)).signals
    assert signal.said.isprintable()
    assert len(signal.said) <= 200
