"""Committed generated files match what `make schemas` writes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelines.report.deal_key_meanings import DEAL_KEY_MEANINGS
from pipelines.report.reference import (
    ROOT,
    deal_keys,
    fill_section,
    generated_pages,
    json_schemas,
    profile_schemas,
)
from pipelines.rights.rules.reasons import REASONS
from schemas.deal import parse_deal
from schemas.manifest import Manifest

PAGE = (ROOT / "docs/deal.md").read_text()


def committed(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", json_schemas() | profile_schemas())
def test_committed_json_schemas_are_current(path: str) -> None:
    assert committed(path) == (json_schemas() | profile_schemas())[path]


@pytest.mark.parametrize("path", generated_pages())
def test_committed_pages_are_current(path: str) -> None:
    assert committed(path) == generated_pages()[path]


def test_outdated_page_is_regenerated() -> None:
    drifted = committed("docs/rights.md").replace("| `asset.withdrawn` |", "| `asset.gone` |")
    assert drifted != committed("docs/rights.md")
    body = generated_pages()["docs/rights.md"].partition("<!-- reasons -->\n")[2]
    body = body.partition("\n<!-- end reasons -->")[0]
    assert fill_section(drifted, "reasons", body) == committed("docs/rights.md")


def test_page_without_markers_is_an_error() -> None:
    for document in ("", "<!-- keys -->\n", "<!-- keys -->\nx\n<!-- end reasons -->"):
        with pytest.raises(ValueError, match="no section 'keys'"):
            fill_section(document, "keys", "body")


def test_every_deal_key_has_a_row() -> None:
    assert [name for name, *_ in deal_keys()] == list(DEAL_KEY_MEANINGS)
    for name in DEAL_KEY_MEANINGS:
        assert len(re.findall(rf"^\| \*{{0,2}}`{re.escape(name)}`", PAGE, re.MULTILINE)) == 1


def test_every_reason_has_one_row() -> None:
    text = committed("docs/rights.md")
    for code in REASONS:
        assert text.count(f"\n| `{code}` |") == 1


def test_page_shows_the_defaults() -> None:
    """Writing a default into a deal as the page shows it does not change the deal."""
    required = """\
deal_id = "d"
buyer = "b"
purposes = ["search"]
territory = ["NO"]
starts = 2026-01-01
ends = 2027-01-01
price.currency = "USD"
price.pool = "1.00"
"""
    shown = [f"{key.name} = {key.default}\n" for key in deal_keys() if key.default]
    assert parse_deal(required + "".join(shown), "said") == parse_deal(required, "plain")


def test_example_on_the_page_is_a_valid_deal() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    deal = parse_deal(example, "docs/deal.md")
    assert deal.deal_id == "acme-2026-01"
    assert deal.territory == ["US", "NO"]
    # The example says that its [rights] section shows the defaults.
    assert deal.rights == type(deal.rights)()


def schema_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(committed(f"schemas/jsonschema/{name}.json"))
    return loaded


def test_deal_schema_has_every_key() -> None:
    schema = schema_of("deal")
    for name, means in DEAL_KEY_MEANINGS.items():
        *sections, key = name.split(".")
        holder = schema
        for section in sections:
            [target] = re.findall(r'"\$ref": "([^"]+)"', json.dumps(holder["properties"][section]))
            holder = schema["$defs"][target.rpartition("/")[2]]
        assert holder["properties"][key]["description"] == means
        assert holder["additionalProperties"] is False


def test_deal_schema_accepts_the_example_but_no_typo() -> None:
    validator = jsonschema.Draft202012Validator(schema_of("deal"))
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    said = json.loads(json.dumps(tomllib.loads(example), default=str))
    assert validator.is_valid(said)
    assert not validator.is_valid(said | {"buyers": "x"})
    assert not validator.is_valid(said | {"price": said["price"] | {"agency_share": 0.4}})
    assert not validator.is_valid(said | {"price": said["price"] | {"agency_share": "1.5"}})
    assert not validator.is_valid(said | {"territory": ["no"]})


def test_manifest_schema_requires_every_field() -> None:
    schema = schema_of("manifest")
    assert schema["required"] == list(Manifest.model_fields)
    assert all("required" in part for part in schema["$defs"].values())


def test_reference_root_is_the_repository() -> None:
    assert (ROOT / "pyproject.toml").is_file()
    assert Path(__file__).is_relative_to(ROOT)
