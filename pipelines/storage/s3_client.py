"""One boto3 client per process, and the translation of its errors into the project's errors."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

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

from pipelines.storage.s3_requests import count_requests
from schemas.errors import AccessError, FairshardError, InputError, RunError

if TYPE_CHECKING:
    import boto3

# boto3 creates its clients at run time from a service description: they have no static type.
S3Client = Any
#: A parsed response; which fields it has depends on the request.
S3Answer = dict[str, Any]

# A request is mostly waiting, so that more of them than cores can be under way.
REQUESTS_AT_ONCE = 16
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60

MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
DENIED_CODES = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AllAccessDisabled",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
#: Codes for credentials whose time is over.
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})


@dataclass(frozen=True)
class S3Options:
    """Which S3 service to use; anything left out comes from boto3's configuration chain.

    Attributes:
        endpoint_url: Address of a service other than AWS.
        region: Region to sign for.
    """

    endpoint_url: str | None = None
    region: str | None = None


DEFAULT_S3 = S3Options()


@dataclass(frozen=True)
class S3ErrorInfo:
    """The parts of a service's error response that determine its meaning."""

    code: str
    status: int


class InvalidResponseError(Exception):
    """The service's response lacks a field that it always has: it was truncated."""


_clients: dict[tuple[int, S3Options, str], S3Client] = {}
_lock = threading.Lock()


def s3_client(options: S3Options) -> S3Client:
    """Returns the process's client for these options, created on first use.

    Creating one takes some 100 ms. A client that outlives a fork would share sockets with its
    parent, hence the process id in the key.
    """
    return _cached_client(options, "")


def presigning_client(options: S3Options) -> S3Client:
    """Returns a client for signing addresses, for which boto3's default is an older form."""
    return _cached_client(options, "s3v4")


def _cached_client(options: S3Options, signature: str) -> S3Client:
    key = (os.getpid(), options, signature)
    client = _clients.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                client = _clients[key] = _make_client(options, signature)
    return client


def _make_client(options: S3Options, signature: str) -> S3Client:
    import boto3  # which takes long, and only a bucket needs it

    try:
        # A session of its own: boto3's default session is not safe to share between threads.
        session = boto3.session.Session(region_name=options.region)
        client = _build_client(session, options, "auto", signature)
        if is_aws(client):
            return client
        # Other services rarely have a wildcard host name for buckets.
        return _build_client(session, options, "path", signature)
    except (BotoCoreError, ValueError) as error:
        raise InputError(
            "The S3 client cannot be set up",
            str(error),
            "Check the endpoint, the region and the AWS configuration files.",
        ) from error


def is_aws(client: S3Client) -> bool:
    """Returns whether the service is AWS itself."""
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _build_client(
    session: boto3.session.Session,
    options: S3Options,
    addressing: Literal["auto", "path"],
    signature: str,
) -> S3Client:
    config = Config(
        signature_version=signature or None,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        # See pipelines/storage/s3_retry.py.
        retries={"mode": "standard", "total_max_attempts": 1},
        # Requests at once of a step, of the shard that it writes and of the files that it fetches.
        max_pool_connections=3 * REQUESTS_AT_ONCE,
        # The sha256 of every body is in its signature, so each service checks it. The newer
        # trailing checksums are refused by several services that are not AWS.
        s3={"addressing_style": addressing, "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.client(
        "s3",
        endpoint_url=options.endpoint_url,
        region_name=session.region_name or "us-east-1",
        config=config,
    )
    count_requests(client)
    client.meta.events.register("before-call.s3.DeleteObjects", _send_md5)
    return client


def _send_md5(params: S3Answer, **_: object) -> None:
    """Sends a request's MD5 instead of a newer checksum, which some services refuse.

    S3 demands either of a request that deletes several objects, and all services know MD5.
    """
    params["context"].pop("checksum", None)
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode("ascii")


def error_info(error: ClientError) -> S3ErrorInfo:
    """Returns code and HTTP status of a service's error response."""
    response: S3Answer = dict(error.response)
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return S3ErrorInfo(code, status)


def is_missing(error: ClientError) -> bool:
    """Returns whether the object, rather than the bucket, is missing."""
    return error_info(error).code in MISSING_CODES


@contextmanager
def translate_s3_errors(bucket: str, key: str = "") -> Iterator[None]:
    """Turns boto3's errors into the project's errors.

    Raises:
        FileNotFoundError: If the object is missing.
        AccessError: If the bucket is missing, access is denied or the service does not answer.
        RunError: If the service failed, or the credentials have expired.
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
    """Returns the error for an error response of the service."""
    info = error_info(error)
    address = f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
    if info.code == "NoSuchBucket" or (not key and info.status == 404):
        what = "The bucket does not exist"
        return AccessError(what, f"s3://{bucket}", "Create it, or correct the URI.")
    if info.code in EXPIRED_CODES:
        return RunError(
            "The S3 credentials have expired",
            f"{address} ({info.code})",
            "Get new ones, then run the same command again; completed work is kept.",
        )
    if info.code == "RequestTimeTooSkewed":
        return RunError(
            "The S3 service finds that this machine's clock is wrong",
            f"{address} ({info.code})",
            "Set the clock, then run the same command again; completed work is kept.",
        )
    if info.code in DENIED_CODES or info.status in (401, 403):
        return AccessError(
            "Access to the bucket is denied",
            f"{address} ({info.code or info.status})",
            "Check the credentials and the bucket's policy.",
        )
    # "400" is the only information if a response has no body.
    if info.code in (
        "400",
        "AuthorizationHeaderMalformed",
        "InvalidBucketName",
        "PermanentRedirect",
    ):
        return AccessError(
            "The bucket cannot be addressed",
            f"{address} ({info.code})",
            "Check the bucket's name and region.",
        )
    return RunError(
        "The S3 service failed",
        f"{address} ({info.code or info.status}: {_said(error)})",
        "Run again; completed work is kept.",
    )


def _said(error: ClientError) -> str:
    """Returns what the service said, without the count of retries that are botocore's own."""
    said = error.response.get("Error", {}).get("Message") or "it gave no reason"
    return f"{error.operation_name}: {said}"


def request_error(error: Exception, bucket: str, key: str = "") -> FairshardError:
    """Returns the error for a request that got no response."""
    address = f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return AccessError(
            "There are no S3 credentials", address, "Set them as for any AWS tool, then run again."
        )
    if isinstance(error, ParamValidationError):
        return InputError("The S3 name is not valid", f"{address} ({error})", "Correct the URI.")
    if isinstance(error, EndpointConnectionError):
        return AccessError(
            "The S3 endpoint cannot be reached",
            f"{address} ({error})",
            "Check the endpoint's address and the network.",
        )
    return RunError(
        "The connection to the S3 service failed",
        f"{address} ({error})",
        "Check the network and run again; completed work is kept.",
    )
