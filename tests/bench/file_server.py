"""A web server fast enough not to limit its clients: `python -m tests.bench.file_server DIR`.

Threads accept connections, read one request each, and let the kernel send the file. The server
prints its port, then answers until its standard input is closed.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

_THREADS = 16
_MAX_REQUEST_BYTES = 16_384


def serve(listener: socket.socket, root: Path) -> None:
    """Answers one request per connection, in an endless loop."""
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                _answer(connection, root)
            except OSError:
                continue  # the client hung up; it counts what it received


def _answer(connection: socket.socket, root: Path) -> None:
    request = b""
    while b"\r\n\r\n" not in request and len(request) < _MAX_REQUEST_BYTES:
        piece = connection.recv(4096)
        if not piece:
            return
        request += piece
    name = request.split(b" ", 2)[1].decode("ascii").rpartition("/")[2]
    try:
        descriptor = os.open(root / name, os.O_RDONLY)
    except OSError:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    try:
        size = os.fstat(descriptor).st_size
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n"
            f"Content-Length: {size}\r\n\r\n"
        )
        connection.sendall(head.encode())
        sent = 0
        while sent < size:
            sent += os.sendfile(connection.fileno(), descriptor, sent, size - sent)
    finally:
        os.close(descriptor)


def main() -> None:
    """Serves a folder on a free port of the loopback interface."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    for _ in range(_THREADS):
        threading.Thread(target=serve, args=(listener, Path(sys.argv[1])), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
