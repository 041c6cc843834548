"""Opens the store at an address: a folder, a file:// URI or an S3 prefix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import Store
from schemas.errors import InputError

if TYPE_CHECKING:
    from pipelines.storage.s3_client import S3Options


def open_store(uri: str, options: S3Options | None = None) -> Store:
    """Returns the store at an address; nothing is accessed before its first use.

    Args:
        uri: A folder's path, `file:///…` or `s3://bucket/prefix`.
        options: Which S3 service to use; by default, as configured for boto3.

    Raises:
        InputError: If the address has another form.
    """
    if "://" not in uri:
        if not uri or "\0" in uri:
            raise InputError("A store needs a folder or an s3:// prefix", repr(uri), "Give one.")
        return LocalStore(uri if uri.strip("/") == "" else uri.rstrip("/"))
    parts = urlsplit(uri)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise InputError("A file URI names a folder of this machine", uri, "Use file:///path.")
        return LocalStore(uri.rstrip("/"), str(Path(unquote(parts.path))))
    if parts.scheme == "s3":
        # boto3 takes a quarter of a second to import, and a folder does not need it.
        from pipelines.storage.s3_client import DEFAULT_S3
        from pipelines.storage.s3_store import S3Store

        return S3Store.from_uri(uri, options or DEFAULT_S3)
    raise InputError(
        "A store is a folder, file:// or s3://bucket/prefix", uri, "Use one of these three forms."
    )
