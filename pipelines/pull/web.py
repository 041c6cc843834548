"""Opens an S3 prefix or a web address to pull from."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipelines.pull.addresses import (
    Addresses,
    CommandAddresses,
    PlainAddresses,
    check_web_address,
)
from pipelines.pull.http_origin import HttpOrigin
from schemas.errors import InputError


def open_web(uri: str, stall_s: float, sign_command: str) -> HttpOrigin:
    """Returns the place at an address; see `open_origin`."""
    addresses: Addresses
    if uri.startswith("s3://"):
        # boto3 takes a third of a second to import, and a web server does not need it.
        from pipelines.pull.s3_addresses import S3Addresses
        from pipelines.storage.s3_client import DEFAULT_S3
        from pipelines.storage.s3_store import S3Store

        store = S3Store.from_uri(uri, DEFAULT_S3)
        prefix = f"{store.prefix}/" if store.prefix else ""
        addresses, shown = S3Addresses(store.bucket, prefix, store.options), store.uri
    else:
        parts = urlsplit(check_web_address(uri))
        if parts.fragment:
            raise InputError(
                "A web address to pull from must not have a part after #", shown_uri(uri)
            )
        base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        addresses, shown = PlainAddresses(base, parts.query), base
    if sign_command:
        addresses = CommandAddresses(sign_command)
    return HttpOrigin(shown, addresses, stall_s)


def shown_uri(uri: str) -> str:
    """Returns an address without what may be secret in it."""
    return uri.partition("#")[0].partition("?")[0]
