"""Resolves a media_uri to a location and checks that the run may read it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from pipelines.fetch.hosts import HttpLocation, parse_hosts, resolve_http
from pipelines.fetch.names import AmbiguousNameError, choose_separators, find_spelling, with_slashes
from pipelines.fetch.pacing import DEFAULT_CLIENT, HttpClient
from pipelines.fetch.uri_text import (
    check_characters,
    check_no_parent_segments,
    normalise_path,
    not_allowed,
)
from pipelines.media.limits import MediaLimits
from schemas.deal import Deal
from schemas.errors import InputError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_KNOWN_SCHEMES = frozenset({"file", "s3", "http", "https", "ftp", "data", "gs", "javascript"})
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class SourcePolicy:
    """What a run may read in addition to the catalogue's own folder or prefix.

    Attributes:
        roots: Absolute folders, `file://` folders or `s3://bucket/prefix`.
        hosts: `host` or `host:port` for https, `http://host[:port]` for plain http. A private
            address is used only if that exact address is listed.
        client: How hosts are asked.
    """

    roots: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    client: HttpClient = DEFAULT_CLIENT


@dataclass(frozen=True)
class FileLocation:
    """A file below an allowed root; neither path contains symlinks."""

    root: str
    path: str

    @property
    def segments(self) -> list[str]:
        """The path segments below the root."""
        return self.path[len(self.root) :].strip("/").split("/")


@dataclass(frozen=True)
class S3Location:
    """An object in a bucket.

    Attributes:
        bucket: The bucket.
        key: The object's key.
        root: The allowed prefix of the key, with its slash; the rest may be spelled differently.
    """

    bucket: str
    key: str
    root: str = field(default="", compare=False)


Location = FileLocation | S3Location | HttpLocation


def resolve_media_uri(media_uri: str, catalogue_uri: str, policy: SourcePolicy) -> Location:
    """Resolves a media_uri to an allowed location.

    Checks, in this order: (1) characters and length; (2) no `..` segment, plain or
    percent-encoded; (3) the scheme; (4) the location is inside a root after following symlinks,
    or on a listed host.

    Args:
        media_uri: Relative to the tables, an absolute path, `file://`, `s3://` or `https://`.
        catalogue_uri: The folder or prefix of the tables, which is an allowed root.
        policy: What else may be read.

    Raises:
        BadRecord: `media.not_allowed`.
        InputError: If the catalogue's address or the policy is malformed.
    """
    check_characters(media_uri)  # 1
    check_no_parent_segments(media_uri)  # 2
    match = _SCHEME.match(media_uri)  # 3
    scheme = match[1].lower() if match else ""
    if scheme in _KNOWN_SCHEMES or "://" in media_uri:
        return _resolve_absolute(scheme, media_uri, catalogue_uri, policy)
    if media_uri.startswith("/"):
        return _resolve_file(media_uri, catalogue_uri, policy)
    relative = normalise_path(media_uri)
    if catalogue_uri.startswith("s3://"):
        bucket, prefix = _split_root(catalogue_uri)
        root = f"{prefix}/" if prefix else ""
        return S3Location(bucket, root + relative, root)
    folder = _folder_path(catalogue_uri)
    if "\\" in relative:
        relative = _choose_separators(folder, relative)
    return _resolve_below(folder, relative) or _resolve_file(
        f"{folder}/{relative}", catalogue_uri, policy
    )


def _choose_separators(folder: str, relative: str) -> str:
    names = (relative, with_slashes(relative))
    try:
        return choose_separators(
            relative, (find_spelling(folder, name) is not None for name in names)
        )
    except AmbiguousNameError as error:
        raise not_allowed(f"{error}: {relative!r}") from error


def _resolve_absolute(scheme: str, uri: str, catalogue_uri: str, policy: SourcePolicy) -> Location:
    after = uri[len(scheme) + 1 :]
    if not after.startswith("//"):
        raise not_allowed(f"a scheme without //: {uri!r}")
    if scheme == "file":
        host, slash, path = after[2:].partition("/")
        if host not in ("", "localhost") or not slash:
            raise not_allowed(f"a file on another machine: {uri!r}")
        try:
            return _resolve_file(f"/{unquote(path, errors='strict')}", catalogue_uri, policy)
        except UnicodeDecodeError as error:
            raise not_allowed(f"percent-encoded bytes that are not UTF-8: {uri!r}") from error
    if scheme == "s3":
        return _resolve_s3(after[2:], catalogue_uri, policy)
    if scheme in ("http", "https"):
        try:
            return replace(resolve_http(uri, parse_hosts(policy.hosts)), client=policy.client)
        except ValueError as error:
            raise not_allowed(f"{error}: {uri!r}") from error
    raise not_allowed(f"scheme {scheme or uri[:20]!r} is not one of file, s3, https")


def _resolve_below(folder: str, relative: str) -> FileLocation | None:
    """Returns a file without symlinks below its folder, or None if `_resolve_file` must decide.

    Checks only the segments below the folder, since all media share those above.
    """
    if "\0" in relative:
        return None
    try:
        status = os.stat(folder)  # noqa: PTH116  # making a path takes longer than asking
        root = _real_folder(folder, status.st_dev, status.st_ino)
        # A path with symlinks may lead elsewhere than it did when it was cached.
        if root == "/" or (root != folder and not _is_folder(root, status)):
            return None
        path = root
        for segment in relative.split("/"):
            path = f"{path}/{segment}"
            if stat.S_ISLNK(os.lstat(path).st_mode):
                return None
    except OSError:
        return None
    return FileLocation(root, path)


def _is_folder(path: str, status: os.stat_result) -> bool:
    found = os.stat(path)  # noqa: PTH116
    return (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino)


@lru_cache(maxsize=64)
def _real_folder(folder: str, device: int, inode: int) -> str:
    """Returns a folder's path without symlinks; device and inode identify the folder."""
    return os.path.realpath(folder)


def _resolve_file(path: str, catalogue_uri: str, policy: SourcePolicy) -> FileLocation:
    if "\0" in path:
        raise not_allowed("a zero byte")
    # realpath instead of abspath, since the actual location of the bytes counts.
    real_path = Path(os.path.realpath(path))
    folders = [_folder_path(root) for root in policy.roots if not root.startswith("s3://")]
    if not catalogue_uri.startswith("s3://"):
        folders.append(_folder_path(catalogue_uri))
    for folder in folders:
        root = Path(os.path.realpath(folder))
        if real_path != root and real_path.is_relative_to(root):
            if not os.path.lexists(real_path):
                real_path = _other_spelling(root, real_path)
            return FileLocation(str(root), str(real_path))
    raise not_allowed(f"outside the allowed roots: {str(real_path)!r}")


def _other_spelling(root: Path, path: Path) -> Path:
    """Returns a missing file's path as it is spelled on disk, if it is there at all."""
    relative = path.relative_to(root).as_posix()
    try:
        found = find_spelling(str(root), relative)
    except AmbiguousNameError as error:
        raise not_allowed(f"{error}: {relative!r}") from error
    if found is None:
        return path
    real_path = Path(os.path.realpath(root / found))
    if real_path == root or not real_path.is_relative_to(root):
        raise not_allowed(f"outside the allowed roots: {str(real_path)!r}")
    return real_path


def _resolve_s3(rest: str, catalogue_uri: str, policy: SourcePolicy) -> S3Location:
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket) or not key or "//" in f"/{key}" or key.endswith("/"):
        raise not_allowed(f"not the address of an S3 object: {('s3://' + rest)!r}")
    if "." in key.split("/"):
        raise not_allowed(f"a dotted path segment: {('s3://' + rest)!r}")
    for root in (catalogue_uri, *policy.roots):
        if root.startswith("s3://"):
            root_bucket, prefix = _split_root(root)
            if bucket == root_bucket and (not prefix or key.startswith(f"{prefix}/")):
                return S3Location(bucket, key, f"{prefix}/" if prefix else "")
    raise not_allowed(f"outside the allowed roots: {('s3://' + rest)!r}")


def _split_root(root: str) -> tuple[str, str]:
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket) or ".." in prefix.split("/"):
        raise InputError("A source root is not valid", root, "Use s3://bucket/prefix.")
    return bucket, prefix


def _folder_path(root: str) -> str:
    if root.startswith("file://"):
        host, slash, path = root.removeprefix("file://").partition("/")
        if host in ("", "localhost") and slash:
            return f"/{unquote(path)}"
    elif root and "://" not in root and "\0" not in root:
        return root
    raise InputError(
        "A source root is not valid", repr(root), "Use a folder, file:///folder or s3://bucket."
    )


def source_policy(
    deal: Deal, roots: Iterable[str], hosts: Iterable[str], client: HttpClient = DEFAULT_CLIENT
) -> SourcePolicy:
    """Returns what media URIs may refer to: the deal's roots and hosts, and additional ones.

    Roots are made absolute here because a worker may run in another folder.
    """
    roots_given = (*deal.sources.roots, *roots)
    absolute = (root if "://" in root else str(Path(root).absolute()) for root in roots_given)
    return SourcePolicy(tuple(absolute), (*deal.sources.hosts, *hosts), client)


def media_limits(deal: Deal) -> MediaLimits:
    """Returns the limits on one medium."""
    return MediaLimits(max_bytes=deal.limits.max_media_bytes, max_pixels=deal.limits.max_pixels)
