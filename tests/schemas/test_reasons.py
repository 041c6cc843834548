"""The closed list of reasons, and the tables that contain them."""

from __future__ import annotations

import pickle
import re

import pytest

from pipelines.report.reference import deal_keys
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.reasons import REASONS
from pipelines.rights.rules.rule import CONSENT_NOTES, NEEDED_GRANTS, REMOVAL_NOTES
from schemas.catalogue import OPTIONAL_TABLES, TABLES, grant_column, required_columns
from schemas.decision import DECISIONS_SCHEMA, FAILED_ASSETS_SCHEMA
from schemas.reason_info import Outcome, Stage
from schemas.reasons import TEXTS, Reason
from schemas.rights import DIGITAL_SOURCE_TYPES, PURPOSES
from schemas.territory import COUNTRIES, WORLD
from tests.rights.detail_oracle import REASON_ORDER


def test_codes_are_unique_and_well_formed() -> None:
    listed = [*(rule.code for rule in SCREENING_RULES), *(reason.value for reason in Reason)]
    assert len(listed) == len(set(listed)) and set(listed) == set(REASONS)
    assert len(Reason.__members__) == len(list(Reason))
    assert set(TEXTS) == {reason.value for reason in Reason}
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", code) for code in listed)


def test_reason_equals_its_code_after_pickling_and_json() -> None:
    for reason in Reason:
        assert str(reason) == reason.value == f"{reason}"
        assert Reason(reason.value) is reason is pickle.loads(pickle.dumps(reason))
    with pytest.raises(ValueError, match=r"asset\.withdrawn"):
        Reason("asset.withdrawn")  # a reason of screening


@pytest.mark.parametrize("code", REASONS)
def test_reason_has_sentence_source_and_remedy(code: str) -> None:
    info = REASONS[code]
    assert info.sentence.endswith(".") and info.sentence[0].isupper()
    assert info.remedy.endswith(".") and info.source
    assert all(text.isprintable() for text in (info.sentence, info.source, info.remedy))
    dead = info.stage is Stage.READ or code.startswith("media.")
    assert info.outcome is (Outcome.FAILED if dead else Outcome.REFUSED)


# The places where files and servers make statements.
SIGNALS = {"XMP", "EXIF", "IIM", "C2PA", "HTTP headers", "robots.txt", "tdmrep.json", "RSL"}
SIGNALS |= {"file contents", "face regions", "UsageTerms", "ModelAge"}


def test_reason_source_is_an_existing_column_or_signal() -> None:
    names = {f"{table}.{field.name}" for table, schema in TABLES.items() for field in schema} | set(
        TABLES
    )
    for code, info in REASONS.items():
        table = ""
        for part in info.source.split(", "):
            if (
                part.startswith(("select.", "plus:", "Iptc4xmpExt:", "cc:", "xmpRights:"))
                or part in SIGNALS
            ):
                continue
            table, name = part.split(".") if "." in part else (table or part, part)
            known = part in TABLES or f"{table}.{name}" in names or name == "grant_*"
            assert known, f"{code}: {part}"


def test_mask_holds_every_screening_reason() -> None:
    assert 0 < len(SCREENING_RULES) <= 64
    screened = [code for code, info in REASONS.items() if info.stage is Stage.SCREEN]
    assert screened == [rule.code for rule in SCREENING_RULES] == REASON_ORDER
    assert sorted({rule.topic.number for rule in SCREENING_RULES}) == list(range(1, 14))


def test_rule_columns_exist() -> None:
    for rule in SCREENING_RULES:
        assert rule.columns and set(rule.columns) <= {
            *TABLES["assets"].names,
            NEEDED_GRANTS,
            CONSENT_NOTES,
            REMOVAL_NOTES,
        }
        if rule.release_fault is not None:
            assert set(rule.release_fault.columns) <= set(TABLES["releases"].names)
            assert rule.release_fault.alone or rule.release_fault.for_asset


def test_published_tables_start_with_the_contract_columns() -> None:
    assert DECISIONS_SCHEMA.names[:5] == ["asset_id", "outcome", "stage", "reasons", "detail"]
    assert FAILED_ASSETS_SCHEMA.names == ["asset_id", "stage", "reason", "detail"]


def test_required_columns_of_the_catalogue() -> None:
    assert required_columns("assets") == [
        "asset_id",
        "media_uri",
        "media_type",
        "contributors",
        "licence_model",
        "licence_class",
        "status",
    ]
    assert required_columns("contributors") == ["contributor_id"]
    assert required_columns("consents") == ["contributor_id", "purpose", "value", "given_at"]
    assert required_columns("releases") == ["release_id", "kind"]
    assert TABLES.keys() > OPTIONAL_TABLES
    assert {grant_column(purpose) for purpose in PURPOSES} < set(TABLES["assets"].names)


def test_country_codes() -> None:
    assert len(COUNTRIES) == 249
    assert all(re.fullmatch("[A-Z]{2}", code) for code in COUNTRIES)
    assert {"NO", "GB", "US"} < COUNTRIES
    assert not {"UK", "EU", "XK", WORLD} & COUNTRIES


def test_generated_source_types() -> None:
    generated = {name for name, yes in DIGITAL_SOURCE_TYPES.items() if yes}
    assert "trainedAlgorithmicMedia" in generated
    assert "compositeWithTrainedAlgorithmicMedia" in generated
    assert not {"digitalCapture", "negativeFilm", "positiveFilm", "print"} & generated


@pytest.mark.parametrize("code", REASONS)
def test_governing_keys_exist_in_deals(code: str) -> None:
    """tests/rights/test_governed.py checks that it is the right one."""
    info = REASONS[code]
    keys = info.governed_by
    known = {"agreements", "rulings", *(name for name, *_ in deal_keys())}
    assert set(keys) <= known and len(set(keys)) == len(keys)
    # They include any key that the remedy or the source of the reason mentions.
    spoken = set(re.findall(r"(?:rights|limits|select)\.[a-z_]+", info.remedy))
    assert spoken <= set(keys)
    assert not info.source.startswith("select.") or keys == (info.source,)
