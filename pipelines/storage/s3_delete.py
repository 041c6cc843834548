"""Deletes objects of a bucket, up to 1,000 a request."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import (
    MISSING_CODES,
    REQUESTS_AT_ONCE,
    InvalidResponseError,
    S3Answer,
    S3Client,
    error_info,
    response_error,
    translate_s3_errors,
)
from pipelines.storage.s3_retry import TRANSIENT_CODES, with_retries
from schemas.errors import RunError

#: The most keys that S3 takes in a request.
BATCH_KEYS = 1_000
_FEWEST_KEYS = 100  # of a request that deletes objects, if there are more
_UNSUPPORTED = frozenset({"MethodNotAllowed", "NotImplemented"})
# Services that refuse requests with several keys, by their address.
_one_by_one: set[str] = set()


class _KeysLeftError(InvalidResponseError):
    """The service did not delete some of the keys, and may do so if it is asked again."""


def delete_object(client: S3Client, bucket: str, name: str) -> None:
    """Deletes one object; does nothing if it is missing."""
    with translate_s3_errors(bucket), contextlib.suppress(FileNotFoundError):
        with_retries(lambda: client.delete_object(Bucket=bucket, Key=name))


def key_batches(names: Sequence[str]) -> list[Sequence[str]]:
    """Divides keys among requests.

    Services delete the objects of a request one after another, so that some hundred are spread
    over requests at once.
    """
    size = min(BATCH_KEYS, max(_FEWEST_KEYS, -(-len(names) // REQUESTS_AT_ONCE)))
    return [names[at : at + size] for at in range(0, len(names), size)]


def delete_batch(client: S3Client, bucket: str, names: Sequence[str]) -> None:
    """Deletes up to `BATCH_KEYS` objects, in one request if the service can; missing ones are fine.

    Keys that the service could not delete for the moment are sent again, at most as often as any
    other request.

    Raises:
        InputError: If access is denied, or there is no such bucket.
        RunError: If objects remain; it names the first one and says how many.
    """
    address = client.meta.endpoint_url
    if len(names) > 1 and address not in _one_by_one:
        try:
            with translate_s3_errors(bucket):
                return _delete_together(client, bucket, names)
        except RunError as error:
            if not _is_unsupported(error.__cause__):
                raise
            _one_by_one.add(address)
    for name in names:
        delete_object(client, bucket, name)


def _is_unsupported(cause: BaseException | None) -> bool:
    if not isinstance(cause, ClientError):
        return False
    info = error_info(cause)
    return info.code in _UNSUPPORTED or info.status in (405, 501)


def _delete_together(client: S3Client, bucket: str, names: Sequence[str]) -> None:
    left = list(names)

    def attempt() -> None:
        listed = {"Objects": [{"Key": name} for name in left]}
        response = client.delete_objects(Bucket=bucket, Delete=listed)
        faults = {str(item.get("Key", "")): item for item in response.get("Errors", ())}
        gone = {str(item.get("Key", "")) for item in response.get("Deleted", ())}
        gone |= {name for name, fault in faults.items() if fault.get("Code") in MISSING_CODES}
        left[:] = [name for name in left if name not in gone]
        for name in left:
            fault = faults.get(name)
            if fault is not None and fault.get("Code") not in TRANSIENT_CODES:
                raise _refusal(response, fault)
        if left:  # the service was busy, or the response was cut off
            fault = faults.get(left[0], {"Code": "no answer for this key"})
            raise _KeysLeftError(f"{fault.get('Code')}: {fault.get('Message', '')}")

    try:
        with_retries(attempt)
    except _KeysLeftError as error:
        raise RunError(
            "The S3 service did not delete all objects",
            f"s3://{bucket}/{left[0]} and {len(left) - 1:,} more of {len(names):,} ({error})",
            "Run again; what is left is deleted then.",
        ) from error
    except ClientError as error:
        if "Key" in error.response.get("Error", {}):
            raise response_error(error, bucket, left[0]) from error
        raise


def _refusal(response: S3Answer, fault: S3Answer) -> ClientError:
    """Returns the error for one key as an error response, which all other code understands."""
    metadata = {**response.get("ResponseMetadata", {}), "HTTPStatusCode": 0}
    return ClientError({"Error": fault, "ResponseMetadata": metadata}, "DeleteObjects")
