"""A witness of logs as C2SP tlog-witness and tlog-cosignature describe it: a real HTTP server.

It imports nothing of the product. `hostile` replaces its answer, to show what a client does then.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.accounts.independent import Refused, mth, need, open_note, sha

Answer = tuple[int, str, bytes]


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def roots_of(m: int, n: int, path: list[bytes], old: bytes, whole: bool) -> tuple[bytes, bytes]:
    """The roots of the first m and of all n leaves, RFC 6962, section 2.1.2."""
    if m == n:
        if whole:
            return old, old
        need(bool(path), "the proof is too short")
        root = path.pop(0)
        return root, root
    k = split(n)
    if m <= k:
        before, after = roots_of(m, k, path, old, whole)
        need(bool(path), "the proof is too short")
        return before, sha(b"\x01" + after + path.pop(0))
    before, after = roots_of(m - k, n - k, path, old, False)
    need(bool(path), "the proof is too short")
    left = path.pop(0)
    return sha(b"\x01" + left + before), sha(b"\x01" + left + after)


@dataclass
class Witness:
    """A witness's name, key and memory: by origin, the log's key and its newest size and root."""

    name: str
    seed: int
    logs: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hostile: Callable[[bytes], Answer] | None = None
    requests: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32)
        self.public = self.key.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(self.name.encode() + b"\n\x04" + self.public).digest()[:4]
        encoded = base64.b64encode(b"\x04" + self.public).decode()
        self.vkey = f"{self.name}+{self.key_id.hex()}+{encoded}"
        self.lock = threading.Lock()

    def cosign(self, text: str, time_s: int | None = None) -> str:
        at = int(time.time()) if time_s is None else time_s
        signature = self.key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        line = self.key_id + at.to_bytes(8, "big") + signature
        return f"— {self.name} {base64.b64encode(line).decode()}\n"

    def answer(self, body: bytes) -> Answer:
        head, _, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        old, plain = int(first.removeprefix("old ")), "text/plain"
        origin, size_text, root_text = note.split("\n")[:3]
        size, root = int(size_text), base64.b64decode(root_text, validate=True)
        if origin not in self.logs:
            return 404, plain, b""
        try:
            text = open_note(note, self.logs[origin])
        except Refused:
            return 403, plain, b""
        if old > size or len(lines) > 63:
            return 400, plain, b""
        known, known_root = self.seen.get(origin, (0, mth([])))
        if old != known:
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        path = [base64.b64decode(line, validate=True) for line in lines]
        try:
            if old:
                before, after = roots_of(old, size, path, known_root, True)
                need((before, after) == (known_root, root), "other roots")
            need(not path, "the proof is too long")
        except Refused:
            return 422, plain, b""
        self.seen[origin] = (size, root)
        return 200, plain, self.cosign(text).encode()


class Served:
    """A server on a port of this machine, for the time of a `with` block."""

    def __init__(self, answer: Callable[[str, bytes], Answer]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, kind, data = answer(self.path, body)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", data.decode())
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self.url

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


def served(witness: Witness) -> Served:
    def answer(path: str, body: bytes) -> Answer:
        assert path == "/add-checkpoint"
        with witness.lock:
            witness.requests.append(body)
            return witness.hostile(body) if witness.hostile else witness.answer(body)

    return Served(answer)
