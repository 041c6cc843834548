"""Opens the place that a delivery is pulled from: a folder, an S3 prefix or a web address."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipelines.pull.addresses import Addresses
from pipelines.pull.folder_origin import FolderOrigin
from pipelines.pull.http_origin import HttpOrigin
from pipelines.pull.origin import Origin
from pipelines.pull.web import open_web, shown_uri
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from schemas.errors import InputError


def open_origin(
    uri: str, stall_s: float, sign_command: str = "", granted: Addresses | None = None
) -> Origin:
    """Returns the place at an address; nothing is asked yet.

    Args:
        uri: A folder, `file:///…`, `s3://bucket/prefix` or `https://host/path`.
        stall_s: How long a server may send nothing, in seconds.
        sign_command: A command that prints the web address of a file, or "".
        granted: Addresses by a grant; `uri` is then the server that gives them.

    Raises:
        InputError: If the address is not valid.
    """
    if granted is not None:
        return HttpOrigin(shown_uri(uri), granted, stall_s)
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme not in ("http", "https", "s3"):
        if sign_command:
            raise InputError("A folder needs no signed addresses", uri, "Leave out --sign-command.")
        store = open_store(uri)
        assert isinstance(store, LocalStore)  # noqa: S101  (for the type checker)
        return FolderOrigin(store.root)
    return open_web(uri, stall_s, sign_command)
