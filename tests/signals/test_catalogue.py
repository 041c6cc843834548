"""The catalogue's grants and the contributors' consents, as signals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import pytest

from pipelines.signals.catalogue import read_consents, read_grants
from schemas.catalogue import AssetRow, ConsentRow
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import Origin, Reading, Signal
from tests.rights.rights_cases import AS_OF, TICK, Row, asset, event


def grants_of(row: Row) -> Reading:
    return read_grants(cast("AssetRow", row))


def consents_of(events: Sequence[Row], who: str, asset_id: str) -> Reading:
    return read_consents(cast("Sequence[ConsentRow]", events), who, asset_id, AS_OF)


def consent_signals(
    *events: Row, who: str = "c-1", asset_id: str = "a-1", purpose: Purpose = Purpose.TRAIN_GEN
) -> list[Signal]:
    reading = consents_of(events, who, asset_id)
    assert not reading.claims
    assert not reading.faults
    return [signal for signal in reading.signals if signal.purpose is purpose]


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
def test_a_grant(purpose: Purpose, text: str, value: Permission) -> None:
    reading = grants_of(asset(**{f"grant_{purpose}": text}))
    [signal] = reading.signals
    assert signal.origin is Origin.CATALOGUE
    assert signal.purpose is purpose
    assert signal.value is value
    assert signal.who == "agency"
    assert signal.where == f"assets.grant_{purpose}"
    assert signal.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert signal.said == text.strip()


def test_a_column_that_is_absent_or_empty_says_nothing() -> None:
    assert not grants_of(asset())
    assert not grants_of(asset(**{f"grant_{purpose}": None for purpose in PURPOSES}))


def test_columns_are_read_in_the_order_of_the_purposes() -> None:
    row = asset(**{f"grant_{purpose}": "allow" for purpose in reversed(PURPOSES)})
    assert [signal.purpose for signal in grants_of(row).signals] == list(PURPOSES)


def test_what_a_grant_says_is_one_short_line() -> None:
    [signal] = grants_of(asset(grant_search="no\n\u2028\x1b" + "x" * 5000)).signals
    assert signal.said.isprintable()
    assert len(signal.said) <= 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((value.value, value) for value in Permission),
        ("maybe", Permission.UNKNOWN),
        ("", Permission.UNKNOWN),
    ],
)
def test_a_consent(text: str, value: Permission) -> None:
    [signal] = consent_signals(event(text, -60, purpose="train_gen"))
    assert signal.origin is Origin.CONSENT
    assert signal.value is value
    assert signal.who == "c-1"
    assert signal.where == "consents"
    assert signal.when == (AS_OF - timedelta(hours=1)).isoformat()
    assert signal.said.endswith("to train_gen for all works")
    assert len(signal.sha256) == 64


def test_a_consent_to_all_is_one_to_each_purpose() -> None:
    for purpose in PURPOSES:
        assert len(consent_signals(event("allow", purpose="all"), purpose=purpose)) == 1
    reading = consents_of([event("deny", purpose="fun")], "c-1", "a-1")
    assert not reading
    alone = consents_of([event("deny", purpose="search")], "c-1", "a-1")
    assert [signal.purpose for signal in alone.signals] == [Purpose.SEARCH]


def test_who_is_meant_and_what() -> None:
    assert not consent_signals(event("allow", who="c-2"))
    assert not consent_signals(event("allow", asset_id="a-2"))
    [narrow] = consent_signals(event("allow", asset_id="a-1"))
    assert narrow.said == "allow to all for this asset"


def test_only_what_was_given_by_then_counts() -> None:
    instant = event("deny", 0)
    assert len(consent_signals(instant)) == 1
    assert not consent_signals(instant | {"given_at": AS_OF + TICK})


def test_events_come_in_the_order_in_which_they_were_given() -> None:
    events = [event("deny", -1), event("allow", -3), event("unknown", -2)]
    for order in (events, events[::-1]):
        assert [signal.value.value for signal in consent_signals(*order)] == [
            "allow",
            "unknown",
            "deny",
        ]


def test_the_agreement_is_named_and_part_of_the_digest() -> None:
    plain, signed = event("allow"), event("allow", agreement_ref="MSA-7")
    [without], [with_it] = consent_signals(plain), consent_signals(signed)
    assert with_it.said == "allow to all for all works, agreement MSA-7"
    assert with_it.sha256 != without.sha256
    assert "agreement" not in consent_signals(event("allow", agreement_ref=" "))[0].said
    [long] = consent_signals(event("allow\n", agreement_ref="x\x1b" * 400))
    assert long.said.isprintable()
    assert len(long.said) <= 200
