"""The bucket policies in infra/: they are valid JSON, and a buyer can read only deliveries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

POLICIES = sorted((Path(__file__).parents[1] / "infra" / "s3").glob("*.json"))


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policy_statements_name_principal_and_actions(path: Path) -> None:
    for statement in json.loads(path.read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Principal"]["AWS"].endswith("_ARN")
        assert "*" not in json.dumps(statement["Action"])


def test_buyer_policy_allows_only_deliveries() -> None:
    (path,) = (path for path in POLICIES if path.stem == "buyer-read")
    for statement in json.loads(path.read_text())["Statement"]:
        assert statement["Action"] in ("s3:GetObject", "s3:ListBucket")
        reach = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
        assert (reach or statement["Resource"]).endswith("/DEAL_ID/*/delivery/*")
