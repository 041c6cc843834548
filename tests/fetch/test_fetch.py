"""Fetching from disk, S3 and the web, including hostile sources."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tenacity import wait_fixed

from pipelines.fetch import connections, http
from pipelines.fetch.fetch import LocalMedia, fetch, open_stream
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.locate import (
    FileLocation,
    Location,
    S3Location,
    SourcePolicy,
    resolve_media_uri,
)
from pipelines.storage.s3_client import DEFAULT_S3, S3Options, s3_client
from schemas.errors import BadRecord, InputError, RunError
from tests.fetch.buckets import local_bucket

BODY = bytes(range(256)) * 20_000


def read_into_memory(where: FileLocation, max_bytes: int, at_once: int = 1_000_003) -> bytes:
    """Reads a file into memory of the caller's."""
    media, memory, found = LocalMedia(where, max_bytes), memoryview(bytearray(at_once)), b""
    while size := media.readinto(memory):
        found += memory[:size]
    return found


def reason(location: Location, max_bytes: int = 10**7, options: S3Options = DEFAULT_S3) -> str:
    with pytest.raises(BadRecord) as caught:
        fetch(location, max_bytes, options)
    return f"{caught.value.reason} {caught.value.detail}"


def file(root: Path, name: str) -> FileLocation:
    return FileLocation(str(root.resolve()), str(root.resolve() / name))


def test_fetch_from_disk(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(BODY)
    (tmp_path / "empty").write_bytes(b"")
    where = file(tmp_path, "sub/a")
    assert fetch(where, len(BODY)) == BODY
    assert max(len(chunk) for chunk in open_stream(where, len(BODY))) == 1 << 20
    assert reason(where, len(BODY) - 1).startswith("media.too_large")
    assert reason(file(tmp_path, "empty")).startswith("media.empty")
    for name in ("nothing", "sub", "sub/a/b", "no/thing"):
        assert reason(file(tmp_path, name)).startswith("media.unavailable")


def test_a_file_is_read_into_memory_as_it_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BODY)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "fifo")
    assert read_into_memory(file(tmp_path, "a"), len(BODY)) == BODY
    assert b"".join(LocalMedia(file(tmp_path, "a"), len(BODY))) == BODY
    for name, max_bytes in (("a", len(BODY) - 1), ("empty", 9), ("fifo", 9), ("no", 9), ("A", 9)):
        with pytest.raises(BadRecord) as caught:
            read_into_memory(file(tmp_path, name), max_bytes)
        assert f"{caught.value.reason} {caught.value.detail}" == reason(
            file(tmp_path, name), max_bytes
        )
    with pytest.raises(BadRecord, match="symbolic links"):
        read_into_memory(file(tmp_path, "link"), 10**7)


def test_a_file_that_is_not_read_to_its_end_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BODY)
    before = len([*Path("/proc/self/fd").iterdir()])
    LocalMedia(file(tmp_path, "a"), len(BODY)).readinto(memoryview(bytearray(10)))
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_fifo_or_device_is_refused_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in reason(file(tmp_path, "fifo"))
    assert "not a regular file" in reason(FileLocation("/dev", "/dev/zero"))


def test_symlink_created_after_the_check_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.jpg").write_bytes(b"honest")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").write_bytes(b"secret")
    location = resolve_media_uri("sub/a.jpg", str(root), SourcePolicy())
    (root / "sub").rename(root / "old")
    (root / "sub").symlink_to(tmp_path / "out")
    assert reason(location).startswith("media.unavailable")
    (root / "sub").unlink()
    (root / "sub").mkdir()
    (root / "sub" / "a.jpg").symlink_to(tmp_path / "out" / "a.jpg")
    assert reason(location).startswith("media.unavailable")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with local_bucket("media") as options:
        s3_client(options).put_object(Bucket="media", Key="a", Body=BODY)
        s3_client(options).put_object(Bucket="media", Key="empty", Body=b"")
        yield options


def test_fetch_from_s3(s3: S3Options) -> None:
    assert fetch(S3Location("media", "a"), len(BODY), s3) == BODY
    assert reason(S3Location("media", "a"), 100, s3).startswith("media.too_large")
    assert reason(S3Location("media", "empty"), 100, s3).startswith("media.empty")
    assert "NoSuchKey" in reason(S3Location("media", "b"), 100, s3)
    with pytest.raises(InputError, match="does not exist: s3://nowhere"):
        fetch(S3Location("nowhere", "a"), 100, s3)


class RefusingS3(BaseHTTPRequestHandler):
    """An S3 service that answers with the status and code that the key names."""

    def do_GET(self) -> None:
        status, code = self.path.rpartition("/")[2].split("-")
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_s3_errors_for_one_object_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with serving(handler=RefusingS3) as port:
        options = S3Options(f"http://127.0.0.1:{port}", "us-east-1")
        for key in ("403-AccessDenied", "404-NoSuchKey", "403-InvalidObjectState"):
            assert key[4:] in reason(S3Location("bucket", key), 100, options)
        for key in ("404-NoSuchBucket", "403-SignatureDoesNotMatch"):
            with pytest.raises(InputError):
                fetch(S3Location("bucket", key), 100, options)
        for key in ("403-ExpiredToken", "501-NotImplemented"):  # not of the input
            with pytest.raises(RunError):
                fetch(S3Location("bucket", key), 100, options)


class Handler(BaseHTTPRequestHandler):
    """A web server whose behaviour depends on the path."""

    tries: ClassVar[dict[str, int]] = {}
    seen_host = ""

    def do_GET(self) -> None:
        type(self).seen_host = str(self.headers["Host"])
        count = self.tries[self.path] = self.tries.get(self.path, 0) + 1
        mood = self.path.split("?")[0]
        if mood == "/redirect":
            self._answer(302, b"", Location="http://169.254.169.254/")
        elif mood == "/down" or (mood == "/flaky" and count < 3):
            self._answer(503, b"")
        elif mood == "/missing":
            self._answer(404, b"")
        elif mood == "/short":
            self._answer(200, BODY[:100], **{"Content-Length": "1000"})
        elif mood == "/unbounded":
            self._answer(200, BODY, **{"Content-Length": ""})
        elif mood == "/empty":
            self._answer(200, b"")
        else:
            self._answer(200, BODY)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may close the connection
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(
    tls: ssl.SSLContext | None = None, handler: type[BaseHTTPRequestHandler] | None = None
) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler or Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Handler.tries = {}
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._with_retries, "wait", wait_fixed(0.01))


def web(port: int, target: str, host: str = "127.0.0.1", scheme: str = "http") -> HttpLocation:
    return HttpLocation(scheme, host, port, target, ("127.0.0.1",))


def test_fetch_from_the_web() -> None:
    with serving() as port:
        assert fetch(web(port, "/a?sig=secret"), len(BODY)) == BODY
        assert fetch(web(port, "/flaky"), len(BODY)) == BODY
        assert Handler.tries["/flaky"] == 3
        assert reason(web(port, "/a"), 100).startswith("media.too_large")
        assert reason(web(port, "/unbounded"), 100).startswith("media.too_large")
        assert reason(web(port, "/empty")).startswith("media.empty")
        assert "redirects are not followed" in reason(web(port, "/redirect"))
        assert "HTTP 503" in reason(web(port, "/down?sig=secret"))
        assert "secret" not in reason(web(port, "/down?sig=secret"))
        assert "HTTP 404" in reason(web(port, "/missing"))
        assert Handler.tries["/missing"] == 1
        assert "broke off" in reason(web(port, "/short"))
    assert "no connection" in reason(web(port, "/a"))


def test_host_with_a_private_address_is_refused() -> None:
    with serving() as port:
        unlisted = HttpLocation("http", "localhost", port, "/a", ())
        assert reason(unlisted).startswith("media.not_allowed")
        assert Handler.tries == {}


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **named: Any) -> Any:
        if host in addresses:
            return real(host, port, *rest, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr("pipelines.fetch.connections.socket.getaddrinfo", resolve)
    return asked


def test_host_with_one_private_address_among_several_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _resolve_to(monkeypatch, "93.184.216.34", "169.254.169.254")
    location = HttpLocation("https", "cdn.example", 443, "/a", ())
    assert "169.254.169.254, which is not listed" in reason(location)


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name[0].isdigit():
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * 100))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, secret


@pytest.mark.parametrize(
    ("certified", "trusted", "fine"),
    [("cdn.example", True, True), ("other.example", True, False), ("cdn.example", False, False)],
)
def test_certificate_is_checked_for_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certified: str, trusted: bool, fine: bool
) -> None:
    pem, secret = _certificate(tmp_path, certified)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, secret)
    asked = _resolve_to(monkeypatch, "127.0.0.1")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    connections._tls_context.cache_clear()
    try:
        with serving(server) as port:
            location = web(port, "/a", "cdn.example", "https")
            if fine:
                assert fetch(location, len(BODY)) == BODY
                assert asked == ["cdn.example"]
                assert Handler.seen_host == f"cdn.example:{port}"
            else:
                assert "TLS failed" in reason(location)
                assert Handler.tries == {}
    finally:
        connections._tls_context.cache_clear()
