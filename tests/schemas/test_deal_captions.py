"""The deal's `[captions]`: what it may say, and when it changes the digest of the terms."""

from __future__ import annotations

import pytest

from schemas.deal import parse_deal
from tests.schemas.deal_cases import LEAST, faults

ENDPOINT = 'models.captioner = "https://vlm.example/v1#m"\n'


@pytest.mark.parametrize(
    "line",
    [
        'captions.endpoint.hosts = ["vlm.example"]',
        'captions.endpoint.prompt = "What is it?"',
        "captions.endpoint.concurrency = 2",
    ],
)
def test_settings_of_an_endpoint_need_one(line: str) -> None:
    assert parse_deal(f"{LEAST}{ENDPOINT}{line}\n", "d.toml").captions.endpoint
    for captioner in ("", 'models.captioner = "plugin:agency"\n'):
        [fault] = faults(f"{LEAST}{captioner}{line}\n")
        assert "endpoint is used only if models.captioner is the address of one" in fault


@pytest.mark.parametrize(
    "line",
    [
        'captions.flagged = "allow"',
        'captions.language = "english, please"',
        'captions.endpoint.prompt = ""',
        "captions.endpoint.timeout_s = 0",
        "captions.endpoint.timeout_s = 601",
        "captions.endpoint.concurrency = 65",
        "captions.endpoint.max_tokens = 4097",
        'captions.endpoint.key = "sk-1"',  # keys are never in a deal
        "captions.tags = true",
    ],
)
def test_other_values_are_refused(line: str) -> None:
    assert len(faults(f"{LEAST}{ENDPOINT}{line}\n")) == 1


def test_only_what_is_said_is_in_the_digest_of_the_terms() -> None:
    plain = parse_deal(LEAST, "d.toml")
    assert b"captions" not in plain.terms_json()
    same = parse_deal(LEAST + 'captions.flagged = "keep"\n', "d.toml")
    assert same.terms_sha256() == plain.terms_sha256()
    for line in ('captions.flagged = "drop"', 'captions.vocabulary = "w.toml"'):
        assert parse_deal(f"{LEAST}{line}\n", "d.toml").terms_sha256() != plain.terms_sha256()


@pytest.mark.parametrize("said", ["keep", "drop", "refuse"])
@pytest.mark.parametrize("personal", ["keep", "rights-only", "none", "refuse"])
def test_flagged_captions_are_kept_only_where_personal_data_is(said: str, personal: str) -> None:
    lines = f'captions.flagged = "{said}"\nrights.personal_data = "{personal}"\n'
    deal = parse_deal(LEAST + lines, "d.toml")
    assert deal.flagged_captions == ("drop" if said == "keep" != personal else said)
