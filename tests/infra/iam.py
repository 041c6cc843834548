"""Decides requests by IAM policies, as AWS documents it, for the parts that infra/ uses.

An explicit deny wins, then an allow; everything else is denied. A condition that is not known here
is an error, so that no policy is judged by half of it. moto's own check knows neither conditions
nor question marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_OBJECT_ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListParts": "s3:ListMultipartUploadParts",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}
_COPIES = ("CopyObject", "UploadPartCopy")


@dataclass(frozen=True)
class Request:
    """A request, as IAM sees it.

    Attributes:
        action: `s3:GetObject` and so on.
        resource: The ARN of the object, bucket or key.
        context: What conditions can ask for; a key that is not there is not known.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def is_allowed(policies: Iterable[Mapping[str, Any]], request: Request) -> bool:
    """Returns whether policies of one principal allow a request."""
    statements = [one for policy in policies for one in policy["Statement"]]
    effects = {one["Effect"] for one in statements if _concerns(one, request)}
    return effects == {"Allow"}


def _concerns(statement: Mapping[str, Any], request: Request) -> bool:
    if statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}:
        raise NotImplementedError(sorted(statement))
    return (
        any(_like(one.lower(), request.action.lower()) for one in _listed(statement["Action"]))
        and any(_like(one, request.resource) for one in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(values), request.context)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, values in conditions.items()
        )
    )


def _holds(operator: str, key: str, values: list[str], context: Mapping[str, str]) -> bool:
    if operator not in ("StringLike", "StringEquals", "Bool"):
        raise NotImplementedError(operator)
    found = context.get(key)
    if found is None:
        return False
    return any(_like(one, found) if operator == "StringLike" else one == found for one in values)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _like(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern: a star is any text, slashes too, and `?` one character."""
    parts = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(parts, text, re.DOTALL) is not None


def requests_of(operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    """Returns what a call of boto3's S3 client needs to be allowed."""
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    if operation in _OBJECT_ACTIONS:
        return [Request(_OBJECT_ACTIONS[operation], f"{bucket}/{parameters['Key']}")]
    if operation in _COPIES:
        source = parameters["CopySource"]
        return [
            Request("s3:GetObject", f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"),
            Request("s3:PutObject", f"{bucket}/{parameters['Key']}"),
        ]
    if operation == "DeleteObjects":
        keys = [item["Key"] for item in parameters["Delete"]["Objects"]]
        return [Request("s3:DeleteObject", f"{bucket}/{key}") for key in keys]
    if operation in ("ListObjectsV2", "HeadBucket"):
        asked = {"s3:prefix": parameters["Prefix"]} if "Prefix" in parameters else {}
        return [Request("s3:ListBucket", bucket, asked)]
    if operation == "ListMultipartUploads":
        return [Request("s3:ListBucketMultipartUploads", bucket)]
    raise NotImplementedError(operation)
