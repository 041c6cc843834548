"""Signs addresses by which anyone can read an object for a time."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.storage.s3_client import S3Options, presigning_client, translate_s3_errors
from pipelines.storage.s3_store import S3Store


def presigned_url(options: S3Options, bucket: str, name: str, expires_s: int) -> str:
    """Returns an address of an object; nothing is sent, and whether it exists is not looked up.

    Args:
        options: Which S3 service.
        bucket: Its bucket.
        name: Its key.
        expires_s: For how long it may be used, in seconds; at most a week.

    Raises:
        InputError: If there are no credentials.
    """
    with translate_s3_errors(bucket, name):
        return str(
            presigning_client(options).generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": name}, ExpiresIn=expires_s
            )
        )


def s3_signer(store: S3Store, expires_s: int) -> Callable[[str], str]:
    """Returns a function that gives an address of an object of a store, by its key.

    Args:
        store: The store.
        expires_s: For how long an address may be used, in seconds.
    """
    prefix = f"{store.prefix}/" if store.prefix else ""
    return lambda key: presigned_url(store.options, store.bucket, f"{prefix}{key}", expires_s)
