"""Who is given addresses of what: the grant's holder, for the deal, as long as it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette", reason="fairshard[serve] is not installed")

from pipelines.accounts.log import open_log
from pipelines.format.signed_record import signed_bytes
from pipelines.ledger.record import Kind, Record
from pipelines.ledger.signed_note import FileKey
from pipelines.pull import grant_addresses
from pipelines.pull.grant_addresses import GrantAddresses
from pipelines.pull.open import open_origin
from pipelines.pull.pull import Pulled, PullRequest, pull
from pipelines.run.announce import announce
from pipelines.serve.access import RefusedError
from pipelines.serve.grants import issue_grant, revoke_grant
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from schemas.errors import InputError
from schemas.grant import FileRequest, Grant, SignedRequest
from tests.pull.deals import OTHER, PART, QUICKLY, SIGNER, content, publish, tree
from tests.pull.range_server import RangeServer, range_server
from tests.serve.gates import BUYER, KEY, PURPOSE, STRANGER, Served, granted, serving

FILES = {"README.md": b"read me\n", "shards/d-00000.tar": content(1, 3 * PART)}
TAR = "v0001/delivery/shards/d-00000.tar"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[RangeServer]:
    out = tmp_path / "out"
    for deal in ("acme", "other"):
        publish(out / deal, "v0001", FILES)
        announce(open_store(str(out)), deal, SIGNER, datetime.now(UTC))
    with range_server(out) as server:
        yield server


@pytest.fixture
def served(files: RangeServer) -> Iterator[Served]:
    with serving(open_store(str(files.root)), lambda key: f"{files.uri}/{key}") as running:
        yield running


def got(
    served: Served, grant: bytes, folder: Path, holder: FileKey = BUYER, stall_s: float = 1.0
) -> Pulled:
    granted_by = GrantAddresses(served.uri, grant, holder, "")
    origin = open_origin(served.uri, 5 * stall_s, granted=granted_by)
    settings = replace(QUICKLY, stall_s=stall_s)
    request = PullRequest(folder, (SIGNER.vkey,), settings=settings)
    return pull(origin, request, datetime.now(UTC), lambda done, total: None)


def asked(data: bytes, paths: list[str], holder: FileKey = BUYER, **more: Any) -> SignedRequest:
    known = Grant.model_validate_json(data)
    value: dict[str, Any] = {
        "fairshard_request": 1,
        "grant": known.grant,
        "deal_id": known.deal_id,
        "purpose": PURPOSE,
        "paths": paths,
        "asked_at": datetime.now(UTC).isoformat(),
        "vkey": holder.vkey,
    }
    request = FileRequest.model_validate({**value, **more})
    text = signed_bytes(request, "request", holder).decode()
    return SignedRequest(grant=data.decode(), request=text)


def refusal(served: Served, request: SignedRequest, now: datetime | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        served.gate.answer(request, now or datetime.now(UTC))
    return caught.value.refused.refused


def test_the_holder_pulls_and_the_log_says_what_it_got(
    served: Served, files: RangeServer, tmp_path: Path
) -> None:
    grant = granted(served.gate.store)
    done = got(served, grant, tmp_path / "copy")
    assert tree(tmp_path / "copy" / "delivery") == tree(files.root / "acme/v0001/delivery")
    assert done.head.latest is not None and done.totals.faults == 0
    found = accesses(served)
    given = {path: digest for one in found for path, digest in dict_of(one.private).items()}
    manifest = json.loads((files.root / "acme/v0001/delivery/MANIFEST.json").read_bytes())
    for file in manifest["files"]:
        assert given[f"v0001/delivery/{file['path']}"] == file["sha256"]
    assert {one.private["party"] for one in found} == {manifest["deal"]["buyer"]}
    assert {one.private["purpose"] for one in found} == {PURPOSE}
    public = b"".join(one.leaf() for one in found)
    assert b"acme" not in public and b"a-buyer" not in public  # the log is for anyone


def accesses(served: Served) -> list[Record]:
    """Returns the log's records of who got what."""
    log = open_log(served.gate.store, KEY)
    return [log.record(n) for n in range(log.size) if log.record(n).kind is Kind.ACCESS]


def dict_of(private: Any) -> dict[str, str]:
    return dict(private["files"])


def test_whoever_may_not_is_refused(served: Served, files: RangeServer) -> None:
    store = served.gate.store
    grant = granted(store)
    assert served.gate.answer(asked(grant, [TAR]), datetime.now(UTC)).files[0].bytes == 3 * PART
    # By a key that the grant does not name, or one that only has its name.
    assert refusal(served, asked(grant, [TAR], STRANGER)) == "signature"
    # A grant that another agency signed.
    foreign = granted(store, signer=OTHER)
    assert refusal(served, asked(foreign, [TAR])) == "signature"
    # Altered: for longer, for another deal, for another holder.
    for old, new in (
        (b'"expires_at":"20', b'"expires_at":"29'),
        (b'"deal_id":"acme"', b'"deal_id":"other"'),
        (BUYER.vkey.encode(), STRANGER.vkey.encode()),
    ):
        assert old in grant
        assert refusal(served, asked(grant.replace(old, new), [TAR])) == "signature"
    # A request that was altered after it was signed.
    request = asked(grant, ["latest.json"])
    altered = request.model_copy(update={"request": request.request.replace("latest.json", TAR)})
    assert refusal(served, altered) == "signature"
    # Expired, and a request that is repeated later.
    assert refusal(served, asked(granted(store, days=1, ago=2), [TAR])) == "expired"
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert refusal(served, request, later) == "expired"
    assert refusal(served, asked(grant, [TAR], asked_at="yesterday")) == "malformed"
    # Another deal, another purpose, an id of another grant, another version or the agency's files.
    assert refusal(served, asked(grant, [TAR], deal_id="other")) == "other deal"
    assert refusal(served, asked(grant, [TAR], purpose="train_other")) == "purpose"
    assert refusal(served, asked(grant, [TAR], grant="acme-0000")) == "unknown grant"
    for path in (
        "../other/" + TAR,
        "v0002/delivery/MANIFEST.json",
        "v0001/agency/run.json",
        "/etc/passwd",
        "v0001/delivery/../../x",
    ):
        assert refusal(served, asked(grant, [path])) == "path"


def test_a_request_is_answered_once(served: Served, files: RangeServer) -> None:
    """Also by a server that was started again, and whatever its signature looks like."""
    store, now = served.gate.store, datetime.now(UTC)
    first, second = asked(granted(store), [TAR]), asked(granted(store), [TAR])
    assert served.gate.answer(first, now).files
    assert refusal(served, first) == "replayed"
    assert served.gate.answer(second, now).files  # another grant's
    restarted = replace(served, gate=replace(served.gate))
    assert refusal(restarted, first) == refusal(restarted, second) == "replayed"
    assert len(accesses(served)) == 2
    # A request for what is not given is not used up by it.
    later = asked(granted(store), ["v0002/delivery/README.md"])
    assert refusal(served, later) == "path"
    publish(files.root / "acme", "v0002", {"README.md": b"new\n"})
    announce(store, "acme", SIGNER, datetime.now(UTC))
    assert served.gate.answer(later, now).files
    connection = HTTPConnection(urlsplit(served.uri).netloc)
    with closing(connection):
        connection.request("POST", "/v1/files", later.model_dump_json().encode())
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["refused"]) == (403, "replayed")


def test_a_record_of_which_the_reply_is_lost_is_no_replay(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that broke off says that another process was first."""
    write = LocalStore.write_new
    monkeypatch.setattr(LocalStore, "write_new", lambda *a, **k: write(*a, **k) and False)
    request = asked(granted(served.gate.store), [TAR])
    assert served.gate.answer(request, datetime.now(UTC)).files
    assert refusal(served, request) == "replayed"


def test_clocks_that_differ_by_more_than_minutes(served: Served) -> None:
    """A request of the past or of the future, whichever clock is wrong; a grant needs no clock."""
    grant, now = granted(served.gate.store), datetime.now(UTC)
    for minutes, said in ((-6, "expired"), (6, "expired"), (-(10**6), "expired")):
        moved = (now + timedelta(minutes=minutes)).isoformat()
        assert refusal(served, asked(grant, [TAR], asked_at=moved), now) == said
    for minutes in (-4, 4):
        moved = (now + timedelta(minutes=minutes)).isoformat()
        assert served.gate.answer(asked(grant, [TAR], asked_at=moved), now).files
    # The server's clock is set back: what was asked by the true time is not of its now.
    past = now - timedelta(days=400)
    assert refusal(served, asked(grant, [TAR]), past) == "expired"
    # Set back with a request to match: it is before the grant was issued.
    request = asked(grant, [TAR], asked_at=past.isoformat())
    assert refusal(served, request, past) == "expired"
    # Beyond microseconds, digits tell requests apart; in another zone, it is the same instant.
    zone = now.astimezone(timezone(timedelta(hours=5))).isoformat()
    assert served.gate.answer(asked(grant, [TAR], asked_at=zone), now).files
    digits = f"{now:%Y-%m-%dT%H:%M:%S.%f}"
    for more in ("000000001", "000000002"):
        request = asked(grant, [TAR], asked_at=f"{digits}{more}+00:00")
        assert served.gate.answer(request, now).files


def test_a_buyers_requests_of_one_moment_differ(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moment

    moment = datetime.now(UTC)
    monkeypatch.setattr(grant_addresses, "datetime", Stopped)
    given = GrantAddresses(served.uri, granted(served.gate.store), BUYER, "")
    for _ in range(3):
        given.prepare([TAR])
    assert len(accesses(served)) == 3


def test_only_the_latest_version_is_given(served: Served, files: RangeServer) -> None:
    store = served.gate.store
    grant = granted(store)
    publish(files.root / "acme", "v0002", {"README.md": b"new\n"})
    announce(store, "acme", SIGNER, datetime.now(UTC))
    assert refusal(served, asked(grant, [TAR])) == "path"
    served.gate.answer(asked(grant, ["v0002/delivery/README.md"]), datetime.now(UTC))


def test_a_revoked_grant_ends_at_once(served: Served, tmp_path: Path) -> None:
    store = served.gate.store
    grant = granted(store)
    got(served, grant, tmp_path / "copy")
    revoke_grant(store, Grant.model_validate_json(grant).grant, "lost")
    assert refusal(served, asked(grant, [TAR])) == "revoked"
    with pytest.raises(InputError, match=r"refuses the grant.*revoked"):
        got(served, grant, tmp_path / "copy")
    with pytest.raises(InputError, match="no such grant"):
        revoke_grant(store, "acme-x", "")
    # One that was never kept here counts for nothing, although the signature is right.
    (Path(store.uri) / "agency/grants" / f"{Grant.model_validate_json(grant).grant}.json").unlink()
    assert refusal(served, asked(grant, [TAR])) == "unknown grant"


def test_a_grant_ends_with_the_deal_and_has_its_purposes(served: Served) -> None:
    store, now = served.gate.store, datetime(2027, 6, 30, tzinfo=UTC)
    issued, _ = issue_grant(store, SIGNER, "acme", BUYER.vkey, [], now, 900)
    assert issued.expires_at == "2027-07-02T00:00:00+00:00"  # the deal's last day is July 1
    with pytest.raises(InputError, match="does not have this purpose"):
        issue_grant(store, SIGNER, "acme", BUYER.vkey, ["other"], now, 1)
    with pytest.raises(InputError, match="no published version"):
        issue_grant(store, SIGNER, "none", BUYER.vkey, [], now, 1)


def test_ids_lead_to_no_other_files_and_days_may_be_many(served: Served) -> None:
    store, now = served.gate.store, datetime.now(UTC)
    for name in ("../acme-1", "a//b", "/etc/passwd", "", "..", "a\n", "x" * 300):
        with pytest.raises(InputError, match="Not the id"):
            revoke_grant(store, name, "")
        with pytest.raises(InputError, match="Not the id"):
            issue_grant(store, SIGNER, name, BUYER.vkey, [], now, 1)
    year, _ = issue_grant(store, SIGNER, "acme", BUYER.vkey, [], now, 10**6)
    assert issue_grant(store, SIGNER, "acme", BUYER.vkey, [], now, 10**12)[0].expires_at == (
        year.expires_at
    )


def test_an_address_that_ends_in_between_is_asked_for_again(
    served: Served, files: RangeServer, tmp_path: Path
) -> None:
    uses: dict[str, int] = {}
    number = iter(range(1_000_000))
    object.__setattr__(
        served.gate, "address", lambda one: f"{files.uri}/{one.key}?n={next(number)}"
    )

    def accepts(query: str) -> bool:
        uses[query] = uses.get(query, 0) + 1
        return uses[query] <= 2

    files.accepts = accepts
    done = got(served, granted(served.gate.store), tmp_path / "copy")
    assert done.totals.faults > 0
    assert done.totals.received_bytes == sum(map(len, FILES.values()))
