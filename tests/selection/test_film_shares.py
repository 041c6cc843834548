"""Films that are black, frozen or silent for too long are refused, if the deal says so."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from pipelines.selection.film_shares import UNREAD, film_shares
from pipelines.selection.select import select_samples
from schemas.deal_terms import SelectTerms
from tests.selection.candidates import AllAgree, candidate, table_of

_KEYS = ("max_black_share", "max_frozen_share", "max_silent_share")
_REASONS = ("select.too_black", "select.too_frozen", "select.too_silent")


def refusals(shares: tuple[int, int, int], **terms: str) -> dict[str, str]:
    """Returns the reason and detail of the refusal of one film, if it is refused."""
    films = [replace(candidate("film"), shares_bp=shares)]
    deal = SelectTerms.model_validate(terms)
    found = select_samples(table_of(films), deal, AllAgree(films))
    return {str(one.reasons[0]): one.detail for one in found.refusals}


@pytest.mark.parametrize("which", range(3))
def test_a_share_above_the_deals_is_refused(which: int) -> None:
    shares = [0, 0, 0]
    shares[which] = 2501
    assert refusals((shares[0], shares[1], shares[2])) == {}
    found = refusals((shares[0], shares[1], shares[2]), **{_KEYS[which]: "0.25"})
    assert list(found) == [_REASONS[which]]
    assert "25.01 %" in found[_REASONS[which]]
    shares[which] = 2500
    assert refusals((shares[0], shares[1], shares[2]), **{_KEYS[which]: "0.25"}) == {}
    assert refusals((10_000, 10_000, 10_000)) == {}


def test_sound_that_cannot_be_decoded_may_be_silent() -> None:
    assert refusals((0, 0, UNREAD)) == {}
    found = refusals((0, 0, UNREAD), max_silent_share="0.99")
    assert "cannot be decoded" in found["select.too_silent"]


def test_shares_are_of_the_films_length() -> None:
    rows = pa.table(
        {
            "film_ms": [0, 4000, 4000],
            "black_ms": [0, 1000, 4100],
            "frozen_ms": [0, 2000, 4000],
            "silent_ms": [0, 0, 0],
            "sound": ["none", "decoded", "unread"],
        }
    )
    found = {name: column.to_pylist() for name, column in film_shares(rows).items()}
    assert found == {
        "black_bp": [0, 2500, 10_000],
        "frozen_bp": [0, 5000, 10_000],
        "silent_bp": [0, 0, UNREAD],
    }
