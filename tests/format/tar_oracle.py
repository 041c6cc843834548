"""A slow, obvious reference writer of tars: every byte and digest is computed in sequence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pipelines.format.tar import Member


def slow_header(name: str, length: int) -> bytes:
    """Returns the 512-byte header, field by field as POSIX.1-1988 lists them."""
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # uid
        b"0000000\0",  # gid
        b"%011o\0" % length,
        b"00000000000\0",  # mtime
        b" " * 8,  # checksum, spaces while it is computed
        b"0",  # a regular file
        bytes(100),  # link
        b"ustar\x0000",
        bytes(32),  # user
        bytes(32),  # group
        b"0000000\0",
        b"0000000\0",
        bytes(155),  # prefix
    )
    block = b"".join(fields).ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def slow_tar(items: Iterable[tuple[str, bytes]]) -> tuple[bytes, list[Member]]:
    """Returns a whole tar and its members."""
    data, members = b"", []
    for name, content in items:
        data += slow_header(name, len(content))
        digest = hashlib.sha256(content).hexdigest()
        members.append(Member(name, len(data), len(content), digest))
        data += content + bytes(-len(content) % 512)
    return data + bytes(1024), members
