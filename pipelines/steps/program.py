"""Tells whether another process has the same program, so that it makes the same bytes."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pipelines
import schemas

_CHARACTERS = 16


@cache
def program_digest() -> str:
    """Returns a digest of this program's files, and of the versions of Python and Beam."""
    digest = hashlib.sha256()
    for package in (pipelines, schemas):
        (root,) = map(Path, package.__path__)
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{root.name}/{path.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    python = ".".join(platform.python_version_tuple()[:2])
    digest.update(f"{python} {version('apache-beam')}".encode())
    return digest.hexdigest()[:_CHARACTERS]
