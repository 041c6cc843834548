"""One boto3 client a process, and what its errors mean to people."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from schemas.errors import FairshardError, InputError, RunError

# boto3 makes its clients at run time from a service description, so they have no static type.
S3Client = Any

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60

MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
DENIED_CODES = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)


@dataclass(frozen=True)
class S3Options:
    """Which S3 to speak to; what is left out comes from boto3's usual chain.

    Attributes:
        endpoint_url: Address of a service other than AWS.
        region: Region to sign for.
    """

    endpoint_url: str | None = None
    region: str | None = None


DEFAULT_S3 = S3Options()


@dataclass(frozen=True)
class S3ErrorInfo:
    """The parts of a service's answer that decide what it means."""

    code: str
    status: int


class InvalidResponseError(Exception):
    """The service's answer lacks what such an answer always has: it was cut."""


_clients: dict[tuple[int, S3Options], S3Client] = {}
_lock = threading.Lock()


def s3_client(options: S3Options) -> S3Client:
    """The process's client for these options, made on first use.

    A client per call costs some 100 ms each; a client that outlives a fork shares sockets with its
    parent, hence the process id in the key.
    """
    key = (os.getpid(), options)
    client = _clients.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                client = _clients[key] = _make_client(options)
    return client


def _make_client(options: S3Options) -> S3Client:
    try:
        client = _build_client(options, "auto")
        if is_aws(client):
            return client
        # Other services seldom have a wildcard name for every bucket.
        return _build_client(options, "path")
    except (BotoCoreError, ValueError) as error:
        raise InputError(
            "The S3 client cannot be set up",
            str(error),
            "Check the endpoint, the region and the AWS configuration files.",
        ) from error


def is_aws(client: S3Client) -> bool:
    """Whether the service is AWS's own."""
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _build_client(options: S3Options, addressing: Literal["auto", "path"]) -> S3Client:
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        # See pipelines/storage/s3_retry.py.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=32,
        # The sha256 of every body is in its signature, so each service checks it. The newer
        # trailing checksums are refused by several services that are not AWS.
        s3={"addressing_style": addressing, "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # A session of its own: boto3's default session is not safe to share between threads.
    session = boto3.session.Session(region_name=options.region)
    return session.client(
        "s3",
        endpoint_url=options.endpoint_url,
        region_name=session.region_name or "us-east-1",
        config=config,
    )


def error_info(error: ClientError) -> S3ErrorInfo:
    """Code and HTTP status of a service's answer."""
    response: dict[str, Any] = dict(error.response)
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return S3ErrorInfo(code, status)


def is_missing(error: ClientError) -> bool:
    """Whether the object, not the bucket, is absent."""
    return error_info(error).code in MISSING_CODES


@contextmanager
def translate_s3_errors(bucket: str, key: str = "") -> Iterator[None]:
    """Turns what boto3 raises into the project's errors.

    Raises:
        FileNotFoundError: If the object is absent.
        InputError: If the bucket is absent, access is denied or nobody answers.
        RunError: If the service failed.
    """
    try:
        yield
    except ClientError as error:
        if key and is_missing(error):
            raise FileNotFoundError(f"s3://{bucket}/{key}") from error
        raise response_error(error, bucket, key) from error
    except (BotoCoreError, HTTPError, ResponseParserError, InvalidResponseError) as error:
        raise request_error(error, bucket, key) from error


def response_error(error: ClientError, bucket: str, key: str = "") -> FairshardError:
    """The error to show for a service's refusal."""
    info = error_info(error)
    address = f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
    if info.code == "NoSuchBucket" or (not key and info.status == 404):
        return InputError("The bucket does not exist", address, "Create it, or correct the URI.")
    if info.code in DENIED_CODES or info.status in (401, 403):
        return InputError(
            "Access to the bucket is denied",
            f"{address} ({info.code or info.status})",
            "Check the credentials and the bucket's policy.",
        )
    # "400" is all that is told where an answer has no body.
    if info.code in (
        "400",
        "AuthorizationHeaderMalformed",
        "InvalidBucketName",
        "PermanentRedirect",
    ):
        return InputError(
            "The bucket cannot be addressed",
            f"{address} ({info.code})",
            "Check the bucket's name and region.",
        )
    return RunError(
        "The S3 service failed",
        f"{address} ({info.code or info.status}: {error})",
        "Run again; what is done is kept.",
    )


def request_error(error: Exception, bucket: str, key: str = "") -> FairshardError:
    """The error to show where no answer came."""
    address = f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return InputError(
            "There are no S3 credentials", address, "Set them as for any AWS tool, then run again."
        )
    if isinstance(error, ParamValidationError):
        return InputError("The S3 name is not valid", f"{address} ({error})", "Correct the URI.")
    if isinstance(error, EndpointConnectionError):
        return InputError(
            "The S3 endpoint cannot be reached",
            f"{address} ({error})",
            "Check the endpoint's address and the network.",
        )
    return RunError(
        "The S3 service could not be spoken to",
        f"{address} ({error})",
        "Check the network and run again; what is done is kept.",
    )
