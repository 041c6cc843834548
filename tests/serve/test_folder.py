"""A server that sends the files of an output in a folder itself, to many buyers at a time."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

pytest.importorskip("starlette", reason="fairshard[serve] is not installed")

from pipelines.accounts.log import open_log
from pipelines.cli import main
from pipelines.ledger.record import Kind
from pipelines.ledger.signed_note import FileKey
from pipelines.reader.buyer_key import load_buyer_key
from pipelines.run.announce import announce
from pipelines.run.signing_key import save_key
from pipelines.serve.grants import revoke_grant
from pipelines.serve.tickets import Ticket, Tickets
from pipelines.storage.open import open_store
from schemas.errors import InputError
from schemas.grant import Grant
from tests.pull.deals import PART, SIGNER, content, publish, tree
from tests.serve.gates import KEY, PURPOSE, Served, granted, serving
from tests.serve.test_access import TAR, asked, got

FILES = {"README.md": b"read me\n", "shards/d-00000.tar": content(1, 3 * PART)}
PULLS = 16


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for deal in ("acme", "other"):
        publish(tmp_path / "out" / deal, "v0001", FILES)
        announce(open_store(str(tmp_path / "out")), deal, SIGNER, datetime.now(UTC))
    return tmp_path / "out"


@pytest.fixture
def served(out: Path) -> Iterator[Served]:
    with serving(open_store(str(out))) as running:
        yield running


def ask(url: str, span: str = "") -> tuple[int, bytes, str]:
    """Returns status, body and range of an answer."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        headers = {"Range": span} if span else {}
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Range", "") or ""
    finally:
        connection.close()


def url_of(served: Served, grant: bytes, path: str = TAR) -> str:
    return served.gate.answer(asked(grant, [path]), datetime.now(UTC)).files[0].url


def altered(url: str, **values: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **values}
    return parts._replace(query=urlencode(query)).geturl()


def test_the_holder_pulls_from_the_server_itself(served: Served, out: Path, tmp_path: Path) -> None:
    done = got(served, granted(served.gate.store), tmp_path / "copy")
    assert tree(tmp_path / "copy" / "delivery") == tree(out / "acme/v0001/delivery")
    assert done.totals.faults == 0


@pytest.mark.parametrize("day", [[], ["--as-of", datetime.now(UTC).date().isoformat()]], ids=str)
def test_a_buyer_pulls_on_the_day_of_the_grant_with_a_key_by_openssl(
    day: list[str], served: Served, out: Path, tmp_path: Path
) -> None:
    pem, vkey = tmp_path / "buyer.pem", tmp_path / "buyer.vkey"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    vkey.write_text(load_buyer_key(pem, "a-buyer").vkey)
    save_key(tmp_path / "agency.key", SIGNER)
    files = {"--key": "agency.key", "--buyer-key": "buyer.vkey", "--to": "grant.json"}
    named = [text for option, name in files.items() for text in (option, str(tmp_path / name))]
    assert main(["grant", "--out", str(out), "--deal", "acme", *named, *day]) == 0
    pull = ["pull", served.uri, str(tmp_path / "copy"), "--vkey", SIGNER.vkey]
    grant = ["--grant", str(tmp_path / "grant.json"), "--buyer-key", str(pem)]
    assert main([*pull, *grant]) == 0
    assert tree(tmp_path / "copy" / "delivery") == tree(out / "acme/v0001/delivery")


def test_a_port_in_use_is_named(
    served: Served, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_key(tmp_path / "agency.key", SIGNER)
    port = str(urlsplit(served.uri).port)
    assert (
        main(["serve", "--out", str(out), "--key", str(tmp_path / "agency.key"), "--port", port])
        == 2
    )
    told = capsys.readouterr().err
    assert f"cannot listen at this address: 127.0.0.1, port {port}: Address already in use" in told


def test_the_command_says_where_it_serves(out: Path, tmp_path: Path) -> None:
    save_key(tmp_path / "agency.key", SIGNER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "pipelines", "serve", "--out", str(out), "--port", port]
    with subprocess.Popen(
        [*command, "--key", str(tmp_path / "agency.key")], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert line == f"Serving {out} at http://127.0.0.1:{port}; Ctrl-C ends it.\n"


def test_ranges_are_those_of_the_file(served: Served) -> None:
    url, data = url_of(served, granted(served.gate.store)), FILES["shards/d-00000.tar"]
    assert ask(url) == (200, data, "")
    assert ask(url, "bytes=5-9") == (206, data[5:10], f"bytes 5-9/{len(data)}")
    assert ask(url, f"bytes={len(data) - 1}-")[:2] == (206, data[-1:])
    assert ask(url, f"bytes={len(data)}-")[0] == 416


def test_an_address_is_for_one_file_one_grant_and_its_time(served: Served) -> None:
    grant = granted(served.gate.store)
    url = url_of(served, grant)
    assert ask(url)[0] == 200
    secret = "acme/v0001/agency/run.json"
    for changed in (
        altered(url, key=f"other/{TAR}"),
        altered(url, key=secret),
        altered(url, key="acme/../agency.key"),
        altered(url, until="99999999999"),
        altered(url, until="soon"),
        altered(url, until="²"),
        altered(url, purpose="train_other"),
        altered(url, grant="acme-0000"),
        altered(url, signature="0" * 64),
        altered(url, signature="é"),
        altered(url, more="1"),
        url.partition("?")[0],
    ):
        status, body, _ = ask(changed)
        assert status == 403 and b'"address"' in body, changed
    # What the server itself would have signed, were it ever asked: still checked.
    tickets = Tickets(served.uri, bytes(32))
    known, later = Grant.model_validate_json(grant).grant, int(time.time()) + 60
    for key, id_, purpose, reason in (
        (f"other/{TAR}", known, PURPOSE, b"other deal"),
        (secret, known, PURPOSE, b"path"),
        ("acme/v0001/delivery/../../../agency.key", known, PURPOSE, b"path"),
        (f"acme/{TAR}", "acme-0000", PURPOSE, b"unknown grant"),
        (f"acme/{TAR}", known, "train_other", b"purpose"),
    ):
        status, body, _ = ask(tickets.address(Ticket(key, id_, purpose, later)))
        assert status == 403 and reason in body
    ended = tickets.address(Ticket(f"acme/{TAR}", known, PURPOSE, int(time.time())))
    assert ask(ended)[0] == 403
    old = Tickets(served.uri, bytes(range(32)))
    assert ask(old.address(Ticket(f"acme/{TAR}", known, PURPOSE, later)))[0] == 403


def test_an_address_ends_with_its_grant_its_purpose_and_its_version(
    served: Served, out: Path
) -> None:
    store = served.gate.store
    url = url_of(served, granted(store))
    revoked = granted(store)
    revoked_url = url_of(served, revoked)
    assert (ask(url)[0], ask(revoked_url)[0]) == (200, 200)
    revoke_grant(store, Grant.model_validate_json(revoked).grant, "lost")
    assert b"revoked" in ask(revoked_url)[1]
    assert ask(url)[0] == 200
    (out / "acme" / TAR).unlink()
    assert ask(url)[0] == 404
    publish(out / "acme", "v0002", {"README.md": b"new\n"})
    announce(store, "acme", SIGNER, datetime.now(UTC))
    assert b"path" in ask(url)[1]
    new = url_of(served, granted(store), "v0002/delivery/README.md")
    assert ask(new)[:2] == (200, b"new\n")
    late = datetime.now(UTC) + timedelta(days=3)  # the grant has two
    with pytest.raises(Exception, match="address"):
        served.gate.admit(
            Tickets(served.uri, bytes(32)), dict(parse_qsl(urlsplit(new).query)), late
        )


def test_a_revoked_grant_ends_a_pull_under_way(served: Served, tmp_path: Path) -> None:
    grant = granted(served.gate.store)
    admit, calls = served.gate.admit, Counter[str]()

    def revoking(*given: object) -> str:
        calls["files"] += 1
        if calls["files"] == 4:
            revoke_grant(served.gate.store, Grant.model_validate_json(grant).grant, "lost")
        return admit(*given)  # type: ignore[arg-type]

    object.__setattr__(served.gate, "admit", revoking)
    with pytest.raises(InputError, match=r"refuses the grant.*revoked"):
        got(served, grant, tmp_path / "copy")


def test_sixteen_pulls_at_a_time_each_in_the_log(served: Served, out: Path, tmp_path: Path) -> None:
    buyers = [FileKey(f"buyer-{n}", bytes([n]) * 32) for n in range(1, PULLS + 1)]
    grants = [granted(served.gate.store, holder=buyer) for buyer in buyers]
    asking = threading.Barrier(PULLS)

    def one(number: int) -> dict[str, bytes]:
        asking.wait(10)
        folder = tmp_path / f"copy-{number}"
        done = got(served, grants[number], folder, buyers[number], stall_s=30.0)
        assert done.totals.faults == 0
        return tree(folder / "delivery")

    with ThreadPoolExecutor(PULLS) as pool:
        found = list(pool.map(one, range(PULLS)))
    assert all(copy == tree(out / "acme/v0001/delivery") for copy in found)
    log = open_log(served.gate.store, KEY)
    records = [log.record(n) for n in range(log.size)]
    by_grant: dict[str, set[str]] = {}
    for record in records:
        if record.kind is Kind.ACCESS:
            files = record.private["files"]
            assert isinstance(files, dict)
            by_grant.setdefault(str(record.private["grant"]), set()).update(files)
    ids = {Grant.model_validate_json(grant).grant for grant in grants}
    assert by_grant.keys() == ids
    assert all(TAR in files for files in by_grant.values())


def test_a_slow_request_does_not_keep_others(served: Served) -> None:
    """Each of the requests waits, before its answer, for all others to have come as far."""
    together = threading.Barrier(PULLS)
    address = served.gate.address

    def waiting(ticket: Ticket) -> str:
        together.wait(10)
        return address(ticket)

    object.__setattr__(served.gate, "address", waiting)
    grant = granted(served.gate.store)
    paths = ["README.md", "MANIFEST.json"]
    requests = [asked(grant, [f"v0001/delivery/{paths[n % 2]}"]) for n in range(PULLS)]

    def one(number: int) -> int:
        connection = HTTPConnection("127.0.0.1", urlsplit(served.uri).port, timeout=15)
        connection.request("POST", "/v1/files", requests[number].model_dump_json().encode())
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(PULLS) as pool:
        assert set(pool.map(one, range(PULLS))) == {200}
