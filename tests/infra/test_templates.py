"""The CloudFormation templates: valid, deployable, and their roles may do no more than needed.

The stacks are deployed on moto; their roles' policies are read back from it and judged by
`tests.infra.iam`.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipelines.run.lease import hold_version
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from schemas.errors import FairshardError
from tests.infra.iam import Request, is_allowed, requests_of
from tests.storage.store_contract import SMALLEST_PART, Exercise

INFRA = Path(__file__).parents[2] / "infra"
TEMPLATES = sorted((INFRA / "aws").glob("*.yaml"))
BUCKET, PREFIX, DEAL = "agency-deliveries", "out/2026", "acme"
OUTPUT = f"arn:aws:s3:::{BUCKET}"
DELIVERY = f"{PREFIX}/{DEAL}/v0001/delivery"
ACCOUNT = "arn:aws:iam::123456789012"
EXTERNAL_ID = "a-secret-of-both-sides"
KEY_CONTEXT = "kms:EncryptionContext:aws:s3:arn"

Policies = list[Mapping[str, Any]]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_templates_are_valid(path: Path) -> None:
    cfnlint = pytest.importorskip("cfnlint")
    assert [str(match) for match in cfnlint.lint_file(path)] == []


def deploy(template: str, **parameters: str) -> dict[str, str]:
    """Deploys a template on moto and returns the stack's outputs."""
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName=template,
        TemplateBody=(INFRA / "aws" / f"{template}.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    [stack] = client.describe_stacks(StackName=template)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}


def parsed(document: object) -> Mapping[str, Any]:
    """Returns a policy; moto returns those of stacks as Python writes them."""
    found = ast.literal_eval(document) if isinstance(document, str) else document
    assert isinstance(found, Mapping)
    return found


def role_of(arn: str) -> tuple[Policies, Mapping[str, Any]]:
    """Returns a role's policies, and who may take it."""
    client, name = boto3.client("iam"), arn.rpartition("/")[2]
    names = client.list_role_policies(RoleName=name)["PolicyNames"]
    policies = [
        parsed(client.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"])
        for one in names
    ]
    assert client.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    return policies, parsed(client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])


@pytest.fixture(params=["AES256", "aws:kms"], name="stacks")
def deployed(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    with (
        mock_aws(),
        pytest.warns(UserWarning, match="AWS::S3::BucketPolicy"),  # moto leaves it out
    ):
        common = {"BucketName": BUCKET, "Prefix": PREFIX}
        output = deploy(
            "output",
            **common,
            AgencyPrincipalArn=f"{ACCOUNT}:user/packager",
            Encryption=request.param,
        )
        buyer = deploy(
            "buyer",
            **common,
            DealId=DEAL,
            BuyerPrincipalArn="arn:aws:iam::999999999999:root",
            ExternalId=EXTERNAL_ID,
            KeyArn=output.get("KeyArn", ""),
        )
        assert ("KeyArn" in output) == (request.param == "aws:kms")
        yield {"KeyArn": "", **output, **buyer}


@pytest.fixture
def buyer(stacks: dict[str, str]) -> Policies:
    return role_of(stacks["BuyerRoleArn"])[0]


@pytest.fixture
def agency(stacks: dict[str, str]) -> Policies:
    return role_of(stacks["AgencyRoleArn"])[0]


def test_the_roles_can_be_taken_by_those_named_alone(stacks: dict[str, str]) -> None:
    [statement] = role_of(stacks["BuyerRoleArn"])[1]["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    [statement] = role_of(stacks["AgencyRoleArn"])[1]["Statement"]
    assert statement["Principal"] == {"AWS": f"{ACCOUNT}:user/packager"}


def forbidden(key_arn: str = "") -> list[Request]:
    """Returns requests that must not be allowed to the buyer of one deal."""
    keys = [
        f"{PREFIX}/{DEAL}/v0001/agency/ledger/ledger-00000.parquet",
        f"{PREFIX}/{DEAL}/v0001/agency/statements/v0001/delivery/x.json",
        f"{PREFIX}/{DEAL}/v0001/agency/delivery/x",
        f"{PREFIX}/{DEAL}/v0001/run.json",
        f"{PREFIX}/{DEAL}/v0001/latest.json",
        f"{PREFIX}/{DEAL}/CHANGES.json",
        f"{PREFIX}/other/latest.json",
        f"{PREFIX}/agency/runs/{DEAL}/v0001.json",
        f"{PREFIX}/{DEAL}-2/v0001/delivery/manifest.json",
        f"{PREFIX}/other/v0001/delivery/manifest.json",
        f"{PREFIX}/other/{DEAL}/v0001/delivery/manifest.json",
        f"{PREFIX}/agency/features/facts/x.parquet",
        f"{PREFIX}/agency/books/records/0001.json",
        f"{PREFIX}/agency/log/checkpoint",
        f"{PREFIX}/agency/work/{DEAL}/v0001/delivery/x",
        f"{DEAL}/v0001/delivery/manifest.json",
        "signing.key",
    ]
    found = [Request("s3:GetObject", f"{OUTPUT}/{key}") for key in keys]
    found.append(Request("s3:GetObject", f"arn:aws:s3:::elsewhere/{DELIVERY}/manifest.json"))
    prefixes = ["", "o", f"{PREFIX}/", f"{PREFIX}/{DEAL}", f"{PREFIX}/{DEAL}/"]
    prefixes += [f"{PREFIX}/{DEAL}/v0001/", f"{PREFIX}/{DEAL}/v0001/agency/"]
    prefixes += [f"{PREFIX}/other/v0001/delivery/", f"{PREFIX}/{DEAL}-2/v0001/delivery/"]
    found += [Request("s3:ListBucket", OUTPUT, {"s3:prefix": prefix}) for prefix in prefixes]
    found.append(Request("s3:ListBucket", OUTPUT))  # a list of everything
    writes = "PutObject DeleteObject PutObjectAcl PutObjectTagging AbortMultipartUpload".split()
    writes += [
        "DeleteObjectVersion",
        "GetObjectVersion",
        "RestoreObject",
        "BypassGovernanceRetention",
    ]
    found += [Request(f"s3:{action}", f"{OUTPUT}/{DELIVERY}/manifest.json") for action in writes]
    others = "ListBucketVersions ListBucketMultipartUploads GetBucketPolicy PutBucketPolicy".split()
    others += ["PutLifecycleConfiguration", "DeleteBucket", "GetBucketLocation"]
    found += [Request(f"s3:{action}", OUTPUT) for action in others]
    found += [Request("sts:AssumeRole", f"{ACCOUNT}:role/x"), Request("iam:PassRole", "*")]
    other = {KEY_CONTEXT: f"{OUTPUT}/{PREFIX}/{DEAL}/v0001/agency/terms.json"}
    mine = {KEY_CONTEXT: f"{OUTPUT}/{DELIVERY}/manifest.json"}
    found += [Request("kms:Decrypt", key_arn, other), Request("kms:Decrypt", key_arn)]
    found += [Request("kms:GenerateDataKey", key_arn, mine), Request("kms:Encrypt", key_arn, mine)]
    return found


def test_the_buyer_reads_the_deals_deliveries_and_nothing_else(
    stacks: dict[str, str], buyer: Policies
) -> None:
    for version in ("v0001", "v0002", "v9999"):
        delivery = f"{PREFIX}/{DEAL}/{version}/delivery"
        for key in ("manifest.json", "shards/acme-jpg-00000.tar", "tile/0/000"):
            assert is_allowed(buyer, Request("s3:GetObject", f"{OUTPUT}/{delivery}/{key}"))
        for prefix in (f"{delivery}/", f"{delivery}/shards/"):
            assert is_allowed(buyer, Request("s3:ListBucket", OUTPUT, {"s3:prefix": prefix}))
    for record in ("v0001/CHANGES.json", "notices/removals.json"):  # to be told that one is missing
        found = {"s3:prefix": f"{PREFIX}/{DEAL}/{record}"}
        assert is_allowed(buyer, Request("s3:ListBucket", OUTPUT, found))
    key = stacks["KeyArn"]
    for name in ("latest.json", "v0001/CHANGES.json", "notices/acme-000001.json"):
        record = f"{OUTPUT}/{PREFIX}/{DEAL}/{name}"
        assert is_allowed(buyer, Request("s3:GetObject", record))
        request = Request("kms:Decrypt", key, {KEY_CONTEXT: record})
        assert is_allowed(buyer, request) == bool(key)
    decrypt = Request("kms:Decrypt", key, {KEY_CONTEXT: f"{OUTPUT}/{DELIVERY}/manifest.json"})
    assert is_allowed(buyer, decrypt) == bool(key)
    allowed = [request for request in forbidden(key) if is_allowed(buyer, request)]
    assert allowed == []


@pytest.mark.parametrize("star", ["*", "v*"])
def test_a_star_for_the_version_would_let_the_buyer_read_more(buyer: Policies, star: str) -> None:
    """The check above sees a policy that is too wide."""
    wide = [json.loads(json.dumps(policy).replace("v????", star)) for policy in buyer]
    assert [request for request in forbidden() if is_allowed(wide, request)]


def record_requests(client: Any) -> list[Request]:
    """Notes from now on what a client's calls need to be allowed."""
    found: list[Request] = []

    def note(params: dict[str, Any], event_name: str, **_: object) -> None:
        found.extend(requests_of(event_name.rpartition(".")[2], params))

    client.meta.events.register("provide-client-params.s3", note)
    return found


def test_the_agencys_role_may_do_all_that_a_run_does(
    agency: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.storage.s3_sink.PART_BYTES", SMALLEST_PART)
    monkeypatch.setattr("pipelines.storage.s3_store.SETTLE_S", 0.0)
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: time.sleep(0)))
    options = S3Options(region="eu-west-1")
    client = s3_client(options)
    asked = record_requests(client)
    store = open_store(f"s3://{BUCKET}/{PREFIX}", options)
    store.ensure_writable()
    assert abs(store.now_s() - time.time()) < 5
    with hold_version(store, DEAL, "v0001", "run") as lease:
        lease.confirm()
    Exercise(store, 1, SMALLEST_PART + 1).run(60)
    client.create_multipart_upload(Bucket=BUCKET, Key=f"{PREFIX}/left")
    assert store.unfinished_writes("left") == []
    [left] = store.unfinished_writes()
    store.discard(left)
    store.write_bytes("x", b"1")
    store.copy([("x", "y")])
    assert store.strays() == [] and store.folders() != [""]
    store.delete_many(["x", "y"])
    kinds = {request.action for request in asked}
    assert kinds == {
        *("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"),
        *("s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"),
        "s3:AbortMultipartUpload",
    }
    assert [request for request in asked if not is_allowed(agency, request)] == []


def test_the_buyers_role_may_do_all_that_reading_a_delivery_does(
    stacks: dict[str, str], buyer: Policies
) -> None:
    options = S3Options(region="eu-west-1")
    client = s3_client(options)
    open_store(f"s3://{BUCKET}/{DELIVERY}", options).write_bytes("shards/a.tar", b"1234")
    asked = record_requests(client)
    store = open_store(f"s3://{BUCKET}/{DELIVERY}", options)
    assert [item.key for item in store.list()] == [item.key for item in store.list("shards")]
    assert store.read_bytes("shards/a.tar") == b"1234" and store.size("shards/a.tar") == 4
    assert store.read_range("shards/a.tar", 1, 2) == b"23" and store.strays() == []
    assert {request.action for request in asked} == {"s3:GetObject", "s3:ListBucket"}
    assert [request for request in asked if not is_allowed(buyer, request)] == []
    with pytest.raises(FairshardError):
        open_store(f"s3://{BUCKET}-2", options).list()
    assert stacks["BucketName"] == BUCKET


def test_the_agencys_role_stays_below_its_prefix(agency: Policies) -> None:
    for action in ("GetObject", "PutObject", "DeleteObject"):
        assert not is_allowed(agency, Request(f"s3:{action}", f"{OUTPUT}/elsewhere/x"))
        assert not is_allowed(agency, Request(f"s3:{action}", f"arn:aws:s3:::other/{PREFIX}/x"))
    assert not is_allowed(agency, Request("s3:ListBucket", OUTPUT))
    assert not is_allowed(agency, Request("s3:ListBucket", OUTPUT, {"s3:prefix": "elsewhere/"}))
    for action in ("PutBucketPolicy", "DeleteBucket", "PutBucketAcl", "PutEncryptionConfiguration"):
        assert not is_allowed(agency, Request(f"s3:{action}", OUTPUT))
