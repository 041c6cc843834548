"""`revoke`, `removals` and `sweep`: what buyers get, what the books hold, and replies that lie."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
import rfc8785

from pipelines.accounts.log import open_log
from pipelines.accounts.pools import balances
from pipelines.format.notice import NoticeError, open_notice
from pipelines.ledger.dsse import envelope
from pipelines.ledger.signed_note import FileKey, sign_note
from pipelines.run.signing_key import load_key, log_key
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from schemas.notice import REPLY_TYPE, SCOPE
from tests.end_to_end.command import CommandResult, fairshard, kill_when
from tests.end_to_end.small_library import in_process, make_library_of_two

pytestmark = pytest.mark.long

BUYER, FORGER = (FileKey("buyer.example", bytes([n]) * 32) for n in (7, 8))
SCHEMAS = Path(__file__).parents[2] / "schemas/jsonschema"
WORDS = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of two contributors, packaged for a price of 10.00."""
    made = make_library_of_two(tmp_path_factory.mktemp("removal") / "library")
    assert made.package().code == 0
    return made.folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    shutil.copytree(published, tmp_path / "library")
    return tmp_path / "library"


def owed(folder: Path) -> dict[str, int]:
    path = folder / "out/agency/signing.key"
    log = open_log(open_store(str(folder / "out")), log_key(load_key(path), path))
    return {one.contributor_id: one.amount_minor for one in balances(log)}


def revoke(folder: Path, *words: object) -> Any:
    done = in_process("revoke", "--out", folder / "out", *WORDS, "--json", *words)
    is_done = not done.json["unknown"] and not any(one["differences"] for one in done.json["deals"])
    assert done.code == (0 if is_done else 1), done.err
    return done.json["deals"]


def delivered(folder: Path, version: str) -> set[str]:
    path = folder / f"out/small/{version}/agency/ledger/ledger-00000.parquet"
    return set(values_of(pq.read_table(path)["asset_id"], str))


def files(folder: Path) -> dict[str, str]:
    """All files with their digests, but the one that remembers checkpoints by the output's path."""
    out = folder / "out"
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "signing.key.checkpoint"
    }


def test_a_removal_is_made_once_and_the_next_version_goes_on_from_it(folder: Path) -> None:
    before = owed(folder)
    assert sum(before.values()) == 6_00
    [done] = revoke(folder, "--asset", "a-0", "--money", "reverse")
    assert (done["patched"], done["samples"]) == ({"small/v0001": "v0002"}, {"small/v0001": 1})
    assert [one["taken_minor"] for one in done["corrections"]] == [1_00]
    assert delivered(folder, "v0002") == {"a-1", "a-2", "a-3", "a-4", "a-5"}
    assert owed(folder) == {**before, "c-1": before["c-1"] - 1_00}
    assert (
        in_process(
            "verify", folder / "out/small/v0002/delivery", "--allow-unpinned", "--quiet"
        ).code
        == 0
    )
    state = files(folder)
    [again] = revoke(folder, "--asset", "a-0", "--reason", "legal", "--money", "reverse")
    assert not again["is_new"] and files(folder) == state
    [kept] = revoke(folder, "--asset", "a-5", "a-0", "--money", "keep")
    assert kept["patched"] == {"small/v0002": "v0003"}
    assert [one["sequence"] for one in kept["notices"]] == [1, 2]
    assert owed(folder) == {**before, "c-1": before["c-1"] - 1_00}
    words = ["--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--json"]
    made = in_process(
        *("package", "--out", folder / "out", *words, "--as-of", "2026-11-28", "--workers", 1)
    )
    assert made.code == 0, made.err
    replaces = json.loads((folder / "out/small/v0004/agency/pool/replaces.json").read_bytes())
    assert replaces["replaces"] == "small/v0001"
    assert replaces["contributors_minor"] == {"previous": 5_00, "now": 6_00, "difference": 1_00}
    assert replaces["pool_minor"]["difference"] == 0
    # The four assets that are left, of which c-1 has two and half of a third, share the pool.
    assert delivered(folder, "v0004") == {"a-1", "a-2", "a-3", "a-4"}
    assert owed(folder) == {"c-1": 3_75, "c-2": 2_25}


def test_a_contributor_is_removed_with_what_they_share(folder: Path) -> None:
    [done] = revoke(folder, "--contributor", "c-2", "--money", "reverse", "--way", "tombstone")
    assert done["samples"] == {"small/v0001": 3}
    assert owed(folder) == {"c-1": 3_00}
    [everything] = revoke(folder, "--contributor", "c-1", "--money", "reverse")
    assert everything["emptied"] == ["small/v0002"] and everything["patched"] == {}
    assert owed(folder) == {}


def test_a_notice_is_signed_and_names_commitments_alone(folder: Path) -> None:
    [done] = revoke(folder, "--asset", "a-3", "a-4", "nothing-like-it")
    data = (folder / "out" / done["notices"][0]["file"]).read_bytes()
    vkey = (folder / "out/agency/log/log.vkey").read_text().strip()
    notice = open_notice(data, vkey)
    schema = json.loads((SCHEMAS / "notice.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(data))
    assert data == rfc8785.dumps(json.loads(data))
    for word in (b"a-3", b"a-4", b"c-1", b"c-2", b"nothing-like-it"):
        assert word not in data
    [delivery] = notice.deliveries
    tars = folder / "out/small/v0001/delivery/shards"
    for shard in delivery.shards:
        tar = (tars / f"{shard.name}.tar").read_bytes()
        assert hashlib.sha256(tar).hexdigest() == shard.sha256
        for sample in shard.samples:
            for member in sample.members:
                assert tar[member.offset - 512 :].startswith(member.name.encode())
                size = int(tar[member.offset - 388 : member.offset - 376].rstrip(b"\0 "), 8)
                assert size == member.length
    other = rfc8785.dumps({**json.loads(data), "deadline": "2030-01-01"})
    for changed in (other, data + b" ", data.replace(b"small-000001", b"small-000002")):
        with pytest.raises(NoticeError):
            open_notice(changed, vkey)
    with pytest.raises(NoticeError, match="another key"):
        open_notice(data, FORGER.vkey)


def test_what_is_not_delivered_is_recorded_once_without_a_buyer(folder: Path) -> None:
    words = ("--asset", "x", "--release", "no such release")
    assert revoke(folder, *words) == []
    state = files(folder)
    assert not [name for name in state if "/notices/" in name]
    assert revoke(folder, *words) == []
    assert files(folder) == state
    refused = in_process("revoke", "--out", folder / "out", *WORDS)
    assert refused.code == 2 and "Nothing was named" in refused.err
    assert revoke(folder, "--asset", "a-0", "--deal", "small")[0]["deal_id"] == "small"


def reply_to(folder: Path, done: Mapping[str, Any]) -> dict[str, Any]:
    """A sound certificate for a removal."""
    [sent] = done["notices"]
    notice = json.loads((folder / "out" / sent["file"]).read_bytes())
    manifest = json.loads((folder / "out/small/v0002/delivery/MANIFEST.json").read_bytes())
    new = {shard["name"]: shard["sha256"] for shard in manifest["shards"]}
    return {
        "fairshard_removal_reply": 1,
        "kind": "certificate",
        "notices": [{"notice": sent["notice"], "sha256": sent["sha256"]}],
        "scope": list(SCOPE),
        "shards": [
            {"name": s["name"], "sha256": s["sha256"], "replacement_sha256": new.get(s["name"])}
            for delivery in notice["deliveries"]
            for s in delivery["shards"]
        ],
        "signer": "Head of Data, Example Models",
        "signed_at": "2026-12-10",
    }


def dsse(reply: Mapping[str, Any], key: FileKey = BUYER) -> bytes:
    return envelope(key, rfc8785.dumps(dict(reply)), REPLY_TYPE)


def accept(
    folder: Path, data: bytes, as_of: str = "2026-12-11", *more: str, key: FileKey = BUYER
) -> CommandResult:
    (folder / "reply").write_bytes(data)
    (folder / "buyer.vkey").write_text(f"{key.vkey}\n")
    words = ["--accept", folder / "reply", "--buyer-key", folder / "buyer.vkey", "--as-of", as_of]
    return in_process("removals", "--out", folder / "out", *words, "--json", *more)


def states(folder: Path, day: str) -> list[str]:
    done = in_process("removals", "--out", folder / "out", "--as-of", day, "--json")
    return [one["state"] for one in done.json["notices"]]


def test_replies_are_recorded_once_and_states_follow(folder: Path) -> None:
    [done] = revoke(folder, "--asset", "a-0")
    certificate = reply_to(folder, done)
    acknowledgement = {
        **certificate,
        **{"kind": "acknowledgement", "scope": [], "shards": [], "signed_at": "2026-12-04"},
    }
    assert states(folder, "2026-11-26") == []
    assert states(folder, "2026-12-31") == ["open"]
    assert states(folder, "2027-01-01") == ["overdue"]
    note = sign_note(BUYER, rfc8785.dumps(acknowledgement).decode() + "\n").encode()
    assert accept(folder, note, "2026-12-05").json["is_new"]
    assert states(folder, "2026-12-31") == ["acknowledged"]
    assert states(folder, "2027-01-01") == ["overdue"]
    first = accept(folder, dsse(certificate)).json
    again = accept(folder, dsse(certificate), "2027-02-01").json
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert again["record"] == first["record"]
    assert states(folder, "2026-12-10") == ["acknowledged"]
    assert states(folder, "2027-01-01") == ["deleted"]
    shown = in_process("removals", "--out", folder / "out", "--as-of", "2027-01-01")
    assert max(map(len, shown.out.splitlines())) <= 80 and "deleted" in shown.out
    leaves = (folder / "out/agency/log/tile/entries").rglob("*")
    assert not any(b"Head of Data" in path.read_bytes() for path in leaves if path.is_file())


Change = Callable[[dict[str, Any]], object]
LIES: list[tuple[str, Change]] = [
    ("never sent", lambda reply: reply["notices"][0].update(notice="small-000009")),
    ("another digest", lambda reply: reply["notices"][0].update(sha256="0" * 64)),
    ("leaves out a shard", lambda reply: reply["shards"].clear()),
    ("without embeddings", lambda reply: reply["scope"].remove("embeddings")),
    (
        "still has the samples",
        lambda reply: reply["shards"][0].update(replacement_sha256=reply["shards"][0]["sha256"]),
    ),
    ("is not a shard of", lambda reply: reply["shards"][0].update(replacement_sha256="1" * 64)),
    (
        "no notice names",
        lambda reply: reply["shards"].append({**reply["shards"][0], "sha256": "2" * 64}),
    ),
    ("older than the notice", lambda reply: reply.update(signed_at="2026-11-26")),
    ("signed after the day", lambda reply: reply.update(signed_at="2026-12-12")),
    ("is malformed", lambda reply: reply.update(signed_at="2026-09-31")),
    ("is malformed", lambda reply: reply.update(signed_at="9999-99-99")),
    ("is malformed", lambda reply: reply.update(signed_at="0000-12-10")),
    ("is malformed", lambda reply: reply.update(signed_at="2026-12-10T00:00")),
    ("by another name", lambda reply: reply["shards"][0].update(name="small-jpg-00009")),
    ("names a shard twice", lambda reply: reply["shards"].append(reply["shards"][0])),
    ("says that something was deleted", lambda reply: reply.update(kind="acknowledgement")),
    ("is malformed", lambda reply: reply.update(forgotten=True)),
]


def test_replies_that_lie_are_named_and_not_recorded(folder: Path) -> None:
    [done] = revoke(folder, "--asset", "a-0")
    log = folder / "out/agency/log/checkpoint"
    state = log.read_bytes()
    for said, change in LIES:
        reply = reply_to(folder, done)
        change(reply)
        refused = accept(folder, dsse(reply))
        assert (refused.code, said in refused.err) == (1, True), (said, refused.err)
    forged = [dsse(reply_to(folder, done), FORGER), b"", b"{}", dsse(reply_to(folder, done))[:-9]]
    for data in forged:
        refused = accept(folder, data)
        assert refused.code == 1 and "not signed by the buyer's key" in refused.err, data
    assert log.read_bytes() == state


def test_a_reply_is_the_same_in_whatever_envelope_it_comes(folder: Path) -> None:
    [done] = revoke(folder, "--asset", "a-0")
    reply = reply_to(folder, done)
    first = accept(folder, dsse(reply))
    log = folder / "out/agency/log/checkpoint"
    state = log.read_bytes()
    found = json.loads(dsse(reply))
    twice = rfc8785.dumps({**found, "signatures": found["signatures"] * 2})
    refused = accept(folder, twice)
    assert refused.code == 1 and "lists a signature twice" in refused.err
    found["signatures"].append({"keyid": "x", "sig": base64.b64encode(b"x" * 64).decode()})
    note = sign_note(BUYER, rfc8785.dumps(reply).decode() + "\n").encode()
    for data in (rfc8785.dumps(found), json.dumps(json.loads(dsse(reply))).encode(), note):
        again = accept(folder, data, "2026-12-20").json
        assert (again["is_new"], again["record"]) == (False, first.json["record"])
    assert log.read_bytes() == state


def test_a_deal_is_answered_by_one_key_until_it_is_replaced(folder: Path) -> None:
    [first], [second] = revoke(folder, "--asset", "a-0"), revoke(folder, "--asset", "a-4")
    reply, log = reply_to(folder, first), folder / "out/agency/log/checkpoint"
    nothing = accept(folder, dsse(reply), "2026-12-11", "--replace-buyer-key")
    assert nothing.code == 2 and "no earlier key to replace" in nothing.err
    pinned = accept(folder, dsse(reply)).json
    assert (pinned["buyer_key"], pinned["first_of_deals"]) == (BUYER.vkey, ["small"])
    acknowledged = {
        **reply_to(folder, second),
        **{"kind": "acknowledgement", "scope": [], "shards": []},
    }
    state = log.read_bytes()
    for other in (FORGER, FileKey(FORGER.name, bytes([9]) * 32), FileKey("x", bytes([7]) * 32)):
        refused = accept(folder, dsse(acknowledged, other), key=other)
        assert refused.code == 2 and "has answered with another key" in refused.err
        assert BUYER.vkey in refused.err and other.vkey in refused.err
    assert log.read_bytes() == state
    shown = in_process("removals", "--out", folder / "out", "--as-of", "2026-12-11")
    assert f"buyer's key buyer.example+{BUYER.vkey.split('+')[1]}" in shown.out
    new = ("2026-12-11", "--replace-buyer-key")
    replaced = accept(folder, dsse(acknowledged, FORGER), *new, key=FORGER)
    assert replaced.json["replaced_buyer_key"] == BUYER.vkey
    again = accept(folder, dsse(acknowledged, FORGER), *new, key=FORGER).json
    assert (again["is_new"], again["record"]) == (False, replaced.json["record"])
    listed = in_process("removals", "--out", folder / "out", "--json").json
    assert listed["buyer_keys"] == {"small": FORGER.vkey}
    assert accept(folder, dsse(acknowledged)).code == 2
    assert not accept(folder, dsse(reply)).json["is_new"]  # what was recorded stays so


def test_replies_need_a_reply(folder: Path) -> None:
    for option in (["--replace-buyer-key"], ["--earlier-key", folder / "out/agency/signing.key"]):
        refused = in_process("removals", "--out", folder / "out", *option)
        assert refused.code == 2 and "belong to a reply" in refused.err


def altered(envelope: bytes, **changes: object) -> bytes:
    """An envelope whose payload was changed after it was signed."""
    found = json.loads(envelope)
    body = json.loads(base64.b64decode(found["payload"])) | changes
    payload = base64.b64encode(rfc8785.dumps(body)).decode()
    return rfc8785.dumps(found | {"payload": payload})


def test_forged_certificates_are_named_and_delete_nothing(folder: Path) -> None:
    """Signed by another key, altered, signed as something else, replayed for another notice."""
    [first] = revoke(folder, "--asset", "a-0")
    sound = dsse(reply_to(folder, first))
    [second] = revoke(folder, "--asset", "a-4")
    [other] = second["notices"]
    named = {"notice": other["notice"], "sha256": other["sha256"]}
    log = folder / "out/agency/log/checkpoint"
    state = log.read_bytes()
    replayed = {**reply_to(folder, first), "notices": [named]}
    renamed = [{**named, "sha256": first["notices"][0]["sha256"]}]
    forged: list[tuple[bytes, str]] = [
        (dsse(reply_to(folder, first), FORGER), "is not signed by the buyer's key"),
        (altered(sound, signed_at="2026-12-31"), "is not signed by the buyer's key"),
        (altered(sound, notices=[named]), "is not signed by the buyer's key"),
        (
            envelope(BUYER, rfc8785.dumps(reply_to(folder, first)), "text/plain"),
            "is not signed by the buyer's key, or is malformed",
        ),
        (dsse({**replayed, "notices": renamed}), "names a notice with another digest"),
        (dsse(replayed), "a shard that"),
    ]
    for data, said in forged:
        refused = accept(folder, data)
        assert refused.code == 1 and said in refused.err, refused.err
    assert log.read_bytes() == state and states(folder, "2027-01-01") == ["overdue", "overdue"]
    # Sent again after the second notice, a sound certificate is still for the first alone.
    assert accept(folder, sound).json["is_new"] and not accept(folder, sound).json["is_new"]
    assert states(folder, "2027-01-01") == ["deleted", "overdue"]


def test_a_sweep_drafts_what_ended_and_its_command_removes_it(folder: Path) -> None:
    path = folder / "catalogue/consents.jsonl"
    withdrawn = {"contributor_id": "c-2", "purpose": "all", "value": "deny"}
    with path.open("a", encoding="utf-8") as sink:
        sink.write(json.dumps({**withdrawn, "given_at": "2026-10-01T00:00:00Z"}) + "\n")
    assets = folder / "catalogue/assets.jsonl"
    rows = assets.read_text(encoding="utf-8").splitlines(keepends=True)
    assets.write_text("".join(rows[:1] + rows[2:]), encoding="utf-8")
    words = ["sweep", "--out", folder / "out", "--catalogue", folder / "catalogue"]
    words += ["--deal", folder / "deal.toml", "--to", folder / "drafts", "--json", "--as-of"]
    state = files(folder)
    [before] = in_process(*words, "2026-09-30").json["deals"]
    assert before["notices"] == [] and before["not_in_the_catalogue"] == ["a-1"]
    done = in_process(*words, "2026-11-27")
    assert done.code == 0, done.err
    [draft] = done.json["deals"]
    [notice] = draft["notices"]
    assert [one["asset_id"] for one in notice["assets"]] == ["a-3", "a-4", "a-5"]
    assert notice["reason"] == "consent_withdrawn" and files(folder) == state
    program, *command = notice["command"].split()
    assert program == "fairshard"
    assert in_process(*command, "--as-of", "2026-11-27").code == 0
    assert delivered(folder, "v0002") == {"a-0", "a-1", "a-2"}
    [after] = in_process(*words, "2026-11-27").json["deals"]
    assert after["notices"] == [] and (after["delivered"], after["noticed"]) == (3, 3)
    assert [path.name for path in (folder / "drafts").iterdir()] == ["small.json"]
    without_deal = in_process(*words[:5])
    assert without_deal.code == 2 and "must be given together" in without_deal.err
    assert in_process(*words[:3]).code == 0


@pytest.mark.slow
def test_killed_at_any_moment_a_removal_is_completed_once(published: Path, tmp_path: Path) -> None:
    """Twelve moments: always the end that an undisturbed removal has."""
    words = ["revoke", *WORDS, "--asset", "a-0", "a-4", "--money", "reverse"]

    def kept(name: str) -> dict[str, str]:
        """All files, after `clean` has removed the claim and temporary files of the kill."""
        cleaned = in_process("clean", tmp_path / name / "out", "--older-than", "0s", "--quiet")
        assert cleaned.code == 0, cleaned.err
        return files(tmp_path / name)

    shutil.copytree(published, tmp_path / "whole")
    assert fairshard(*words, "--out", tmp_path / "whole/out").code == 0
    whole = kept("whole")
    marks = sorted(path for path in whole if path not in files(published))
    for number in range(12):
        name = f"killed-{number}"
        shutil.copytree(published, tmp_path / name)
        out = tmp_path / name / "out"
        mark = out / marks[number * (len(marks) - 1) // 11]
        kill_when([*words, "--out", out], mark.exists)
        done = fairshard(*words, "--out", out)
        assert done.code == 0, (number, done.err)
        assert kept(name) == whole, (number, mark)
