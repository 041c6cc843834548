"""The examples of docs/payout-rules.md come to the amounts that the page shows."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.ledger.allocation import Allocator
from schemas.money import parse_amount
from schemas.price_terms import PriceTerms
from schemas.sample import CONSIDERED_ASSETS_SCHEMA
from tests.ledger.ledger_cases import AS_OF, SALT, asset, delivered

PAGE = (Path(__file__).parents[2] / "docs" / "payout-rules.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n(.*?)<!-- end -->", PAGE, re.DOTALL))
PUBLISHED = {"pond5-1": "109.50", "pond5-2": "169.50", "pond5-3": "74.50", "pond5-4": "99.50"}


def tables(example: str) -> list[list[dict[str, str]]]:
    """Returns the rows of each table of an example, by column."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", example, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_to_its_amounts(name: str) -> None:
    example = EXAMPLES[name]
    [toml] = re.findall(r"```toml\n(.*?)```", example, re.DOTALL)
    price = PriceTerms.model_validate(tomllib.loads(toml))
    assets, payees = tables(example)
    allocator = Allocator(price, AS_OF)
    rows = [
        replace(
            asset(number, ((row["contributor"], 10_000),), int(row["weight"])),
            media_type=row["media"],
        )
        for number, row in enumerate(assets)
    ]
    is_delivered = [row["delivered"] == "yes" for row in assets]
    allocator.add(delivered(rows).filter(pa.array(is_delivered)))
    if not all(is_delivered):
        allocator.consider(delivered(rows).select(CONSIDERED_ASSETS_SCHEMA.names))
    _, pool = allocator.allocate(price.pool_minor, {}, SALT)
    got = dict(pool.deductions) | {"agency": pool.agency_minor} | pool.division.credits
    assert got == {row["payee"]: parse_amount(row["gets"], price.currency) for row in payees}
    assert sum(got.values()) == price.pool_minor


def test_the_page_has_the_published_amounts() -> None:
    for name, amount in PUBLISHED.items():
        assert f"| ada | {amount} |" in EXAMPLES[name]
    assert len(EXAMPLES) == len(re.findall("<!-- example", PAGE)) == 10
