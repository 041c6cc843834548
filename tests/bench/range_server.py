"""A fast web server with ranges: `python -m tests.bench.range_server DIR`.

Connections are kept open, and the kernel sends the file. It answers HEAD, GET and ListObjectsV2 as
S3 does, for whatever bucket the path begins with: signatures are not looked at. It prints its
port, then answers until its standard input is closed.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d*)", re.IGNORECASE)
_MAX_REQUEST_BYTES = 16_384


def serve(connection: socket.socket, root: Path) -> None:
    """Answers the requests of one connection."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest and len(rest) < _MAX_REQUEST_BYTES:
                try:
                    piece = connection.recv(65_536)
                except OSError:
                    return
                if not piece:
                    return
                rest += piece
            request, _, rest = rest.partition(b"\r\n\r\n")
            try:
                _answer(connection, request, root)
            except OSError:
                return


def _answer(connection: socket.socket, request: bytes, root: Path) -> None:
    method, target = request.split(b" ", 2)[:2]
    path, _, query = target.decode("ascii").lstrip("/").partition("?")
    if "list-type=2" in query:
        _list(connection, root / path, parse_qs(query).get("prefix", [""])[0])
        return
    try:
        descriptor = os.open(root / path, os.O_RDONLY)
    except OSError:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    try:
        size = os.fstat(descriptor).st_size
        found = _RANGE.search(request)
        start, stop = 0, size
        status, more = "200 OK", ""
        if found:
            start, stop = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
            status, more = (
                "206 Partial Content",
                f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n",
            )
        head = (
            f"HTTP/1.1 {status}\r\n{more}Content-Length: {stop - start}\r\nAccept-Ranges: bytes\r\n"
            'ETag: "0123456789abcdef0123456789abcdef"\r\n'
            "Last-Modified: Mon, 01 Jun 2026 00:00:00 GMT\r\n\r\n"
        )
        connection.sendall(head.encode())
        while method == b"GET" and start < stop:
            start += os.sendfile(connection.fileno(), descriptor, start, stop - start)
    finally:
        os.close(descriptor)


def _list(connection: socket.socket, bucket: Path, prefix: str) -> None:
    """Answers ListObjectsV2 with all objects at once, whatever the delimiter."""
    paths = {path.relative_to(bucket).as_posix(): path for path in bucket.rglob("*")}
    found = [(key, path) for key, path in sorted(paths.items()) if key.startswith(prefix)]
    objects = [
        f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
        "<LastModified>2026-06-01T00:00:00.000Z</LastModified>"
        f'<ETag>"0123456789abcdef0123456789abcdef"</ETag><StorageClass>STANDARD</StorageClass>'
        "</Contents>"
        for key, path in found
        if path.is_file()
    ]
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix><MaxKeys>1000</MaxKeys>"
        f"<KeyCount>{len(objects)}</KeyCount><IsTruncated>false</IsTruncated>{''.join(objects)}"
        "</ListBucketResult>"
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)


def main() -> None:
    """Serves a folder on a free port of the loopback interface."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(
                target=serve, args=(connection, Path(sys.argv[1])), daemon=True
            ).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
