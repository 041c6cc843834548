"""The bucket policies in infra/s3, for services without IAM roles, allow what the templates do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.iam import is_allowed
from tests.infra.test_templates import BUCKET, DEAL, PREFIX, forbidden

POLICIES = sorted((Path(__file__).parents[2] / "infra" / "s3").glob("*.json"))


def filled(path: Path) -> dict[str, Any]:
    """Returns a policy with its placeholders replaced."""
    text = path.read_text()
    for name, value in (("BUCKET", BUCKET), ("PREFIX", PREFIX), ("DEAL_ID", DEAL)):
        text = text.replace(name, value)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policy_statements_name_principal_and_actions(path: Path) -> None:
    for statement in json.loads(path.read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Principal"]["AWS"].endswith("_ARN")
        assert "*" not in json.dumps(statement["Action"])


@pytest.mark.parametrize(
    ("name", "template"), [("buyer-read", "buyer"), ("agency-write", "output")]
)
def test_bucket_policies_and_templates_say_the_same(name: str, template: str) -> None:
    (path,) = (path for path in POLICIES if path.stem == name)
    text = (path.parents[1] / "aws" / f"{template}.yaml").read_text()
    for placeholder in ("Output", "BucketName"):
        text = text.replace(f"${{{placeholder}}}", "BUCKET")
    text = text.replace("${AWS::Partition}", "aws").replace("${Prefix}", "PREFIX")
    text = text.replace("${DealId}", "DEAL_ID")
    for statement in json.loads(path.read_text())["Statement"]:
        assert f"Sid: {statement['Sid']}" in text
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert f'"{action}"' in text
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert f'"{resource}"' in text
        for prefixes in statement.get("Condition", {}).get("StringLike", {}).values():
            for prefix in [prefixes] if isinstance(prefixes, str) else prefixes:
                assert f'!Sub "{prefix}"' in text.partition('"s3:prefix":')[2]


def test_buyer_policy_allows_only_deliveries() -> None:
    (path,) = (path for path in POLICIES if path.stem == "buyer-read")
    policy = filled(path)
    assert {one["Action"] for one in policy["Statement"]} == {"s3:GetObject", "s3:ListBucket"}
    assert [request for request in forbidden() if is_allowed([policy], request)] == []
