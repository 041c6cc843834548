"""A second verifier of the agency's log and proofs, written from docs/ledger.md and docs/proofs.md.

It imports nothing of the product: only the standard library and Ed25519 from `cryptography`. It is
slow and literal, so that it can be read beside the specifications.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    """Something is not as the specifications say."""


def need(condition: bool, why: str) -> None:
    if not condition:
        raise Refused(why)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(hashes: list[bytes]) -> bytes:
    """The root of leaf hashes, RFC 6962, section 2.1."""
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha(b"\x01" + mth(hashes[:k]) + mth(hashes[k:]))


def climb(m: int, n: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to, RFC 6962, section 2.1.1."""
    if n == 1:
        need(not path, "the path is too long")
        return leaf
    need(bool(path), "the path is too short")
    k = 1
    while 2 * k < n:
        k *= 2
    if m < k:
        return sha(b"\x01" + climb(m, k, leaf, path[:-1]) + path[-1])
    return sha(b"\x01" + path[-1] + climb(m - k, n - k, leaf, path[:-1]))


def open_note(note: str, vkey: str) -> str:
    """The text of a note that a key has signed, C2SP signed-note."""
    name, key_id, key = vkey.split("+", 2)
    raw = base64.b64decode(key, validate=True)
    need(raw[0] == 1 and len(raw) == 33, "not an Ed25519 key")
    need(sha(name.encode() + b"\n" + raw)[:4].hex() == key_id, "the key id is wrong")
    text, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        mark, signer, encoded = line.split(" ")
        signed = base64.b64decode(encoded, validate=True)
        if mark == "—" and signer == name and signed[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(raw[1:]).verify(
                    signed[4:], (text + "\n").encode()
                )
            except InvalidSignature:
                raise Refused("the signature is wrong") from None
            return text + "\n"
    raise Refused("not signed by this key")


def canonical(value: object) -> bytes:
    """RFC 8785 for texts, whole numbers, lists and objects with ASCII names."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def texts(*values: str) -> bytes:
    return b"".join(len(v.encode()).to_bytes(4, "big") + v.encode() for v in values)


def commitment(domain: str, salt: bytes, value: bytes) -> bytes:
    return sha(domain.encode() + b"\x00" + salt + b"\x00" + value)


def tile_name(number: int) -> str:
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def parts(size: int) -> Iterable[tuple[str, int]]:
    for number in range(size // 256):
        yield tile_name(number), 256
    if size % 256:
        yield f"{tile_name(size // 256)}.p/{size % 256}", size % 256


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The leaves of a published log, after everything that is published of it was checked."""
    vkey = (folder / "log.vkey").read_text().strip()
    text = open_note((folder / "checkpoint").read_text(), vkey)
    origin, size_text, root_text = text.splitlines()
    size, root = int(size_text), base64.b64decode(root_text)
    leaves: list[bytes] = []
    for name, width in parts(size):
        data, found = (folder / "tile" / "entries" / name).read_bytes(), []
        while data:
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, "an entry is cut off")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
        need(len(found) == width, "a bundle has another number of entries")
        leaves += found
    hashes = [sha(b"\x00" + leaf) for leaf in leaves]
    need(mth(hashes) == root, "the entries do not have the checkpoint's root")
    level = 0
    while hashes:
        for at, (name, width) in enumerate(parts(len(hashes))):
            data = (folder / "tile" / str(level) / name).read_bytes()
            need(data == b"".join(hashes[256 * at : 256 * at + width]), f"tile {level}/{name}")
        hashes = [mth(hashes[at : at + 256]) for at in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    found_leaves = [json.loads(leaf) for leaf in leaves]
    for index, (leaf, data) in enumerate(zip(found_leaves, leaves, strict=True)):
        need(canonical(leaf) == data, f"leaf {index} is not canonical")
        need(leaf["index"] == index, f"leaf {index} has index {leaf['index']}")
        need(leaf["version"] == "fairshard/record/v1", f"leaf {index} has another version")
    need(key_after(found_leaves, origin) == vkey, "the log's last key is not the one that signs")
    return found_leaves


def key_after(leaves: list[dict[str, Any]], origin: str) -> str:
    """The key that the log's records name last; every hand-over is signed by the key before."""
    need(leaves[0]["kind"] == "key" and not leaves[0]["previous_vkey"], "the first record")
    key = str(leaves[0]["vkey"])
    for leaf in leaves:
        if leaf["kind"] != "key":
            continue
        need(leaf["origin"] == origin, "the origin changed")
        if leaf["index"]:
            need(leaf["previous_vkey"] == key, "a key handed over that did not sign")
            key = endorsed(leaf)
    return key


def endorsed(leaf: dict[str, Any]) -> str:
    text = f"fairshard key v1\n{leaf['origin']}\n{leaf['index']}\n{leaf['vkey']}\n"
    open_note(f"{text}\n{leaf['endorsement']}\n", leaf["previous_vkey"])
    return str(leaf["vkey"])


def check_books(out: Path, leaves: list[dict[str, Any]]) -> None:
    """Every leaf commits to its record, and every set that a leaf names has its root and size."""
    books = out / "agency" / "books"
    every: dict[str, set[bytes]] = {"assets": set(), "contributors": set()}
    for index, leaf in enumerate(leaves):
        record = json.loads((books / "records" / f"{index:08d}.json").read_bytes())
        private = canonical(record["private"])
        made = commitment("record", bytes.fromhex(record["salt"]), private)
        need(leaf["private_sha256"] == made.hex(), f"record {index} is not the one in the log")
        for name, known in every.items():
            if leaf["kind"] == "delivery":
                known |= check_set(books, leaf, name)
            need(check_set(books, leaf, f"all_{name}") == known, f"record {index}: all {name}")


def check_sums(out: Path, leaves: list[dict[str, Any]]) -> int:
    """Every delivery's record commits to the sum that its folder has; returns how many do."""
    found = 0
    for leaf in leaves:
        if leaf["kind"] != "delivery" or "sum_root" not in leaf:
            continue
        deal, version = leaf["delivery"].split("/")
        note = (out / deal / version / "agency" / "sums" / "sum.note").read_text()
        text = note.rpartition("\n\n")[0] + "\n"
        root = base64.b64decode(text.split("\n")[5]).hex()
        need(root == leaf["sum_root"], f"{leaf['delivery']}: another root of sums")
        found += 1
    return found


def check_set(books: Path, leaf: dict[str, Any], name: str) -> set[bytes]:
    size, root = leaf[name], leaf[f"{name}_root"]
    data = (books / "sets" / f"{root}.npy").read_bytes()[128:] if size else b""
    rows = [data[at : at + 32] for at in range(0, len(data), 32)]
    need(len(rows) == size and rows == sorted(set(rows)), f"{name}: size or order")
    need(mth([sha(b"\x00" + row) for row in rows]).hex() == root, f"{name}: root")
    return set(rows)


def joined(text: str) -> list[bytes]:
    data = base64.b64decode(text, validate=True)
    need(len(data) % 32 == 0, "not whole hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def check_proof(data: bytes, trusted: set[str]) -> tuple[str, str, bool]:
    """What a proof file shows: the subject, the delivery ("" for all so far), and if it is in."""
    proof = json.loads(data)
    need(canonical(proof) + b"\n" == data, "not canonical")
    need(proof["version"] == "fairshard/proof/v1", "another version")
    keys = set(trusted)
    for item in proof.get("keys", []):
        need(item["record"]["kind"] == "key", "not a key record")
        if item["record"]["previous_vkey"] in keys:
            keys.add(endorsed(item["record"]))
    text = None
    for vkey in keys:
        try:
            text = open_note(proof["checkpoint"], vkey)
        except Refused:
            continue
    need(text is not None, "not signed by a trusted key")
    origin, size_text, root_text = str(text).splitlines()
    need(origin.endswith("/agency-log"), "another log")
    size, root = int(size_text), base64.b64decode(root_text)
    for item in [proof, *proof.get("keys", [])]:
        leaf = sha(b"\x00" + canonical(item["record"]))
        index = item["record"]["index"]
        need(0 <= index < size, "outside the log")
        need(climb(index, size, leaf, joined(item["path"])) == root, "the record is not in the log")
    record, subject, name = proof["record"], proof["subject"], proof.get("set", "")
    if name.startswith("all_"):
        need(record["index"] == size - 1, "not the last record")
    else:
        need(record["kind"] == "delivery", "not a delivery")
    where = "" if name.startswith("all_") else record["delivery"]
    if subject == "delivery":
        need(record["delivery"] == proof["id"], "another delivery")
        return proof["id"], where, True
    need(subject in ("asset", "contributor"), "another subject")
    need(name in (f"{subject}s", f"all_{subject}s"), "another set")
    salt = bytes.fromhex(proof["salt"])
    need(len(salt) == 32, "the salt's length")
    value = commitment(f"log-{subject}", salt, texts(proof["id"]))
    return proof["id"], where, is_member(proof, value, record[name], record[f"{name}_root"])


def is_member(proof: dict[str, Any], value: bytes, size: int, root: str) -> bool:
    """Whether a value is in the set of this size and root, by the leaves that a proof shows."""
    leaves, start, path = joined(proof["leaves"]), proof["start"], joined(proof["set_path"])
    if size == 0:
        need(not leaves and not path and root == sha(b"").hex(), "an empty set")
        return False
    stop = start + len(leaves)
    need(0 <= start < stop <= size, "outside the set")

    def subtree(low: int, high: int) -> bytes:
        if high <= start or low >= stop:
            need(bool(path), "the path is too short")
            return path.pop(0)
        if high - low == 1:
            return sha(b"\x00" + leaves[low - start])
        k = 1
        while 2 * k < high - low:
            k *= 2
        left = subtree(low, low + k)
        return sha(b"\x01" + left + subtree(low + k, high))

    need(subtree(0, size).hex() == root and not path, "the leaves are not in the set")
    if leaves == [value]:
        return True
    if len(leaves) == 2:
        need(leaves[0] < value < leaves[1], "not between its neighbours")
    elif start == 0 and value < leaves[0]:
        pass
    else:
        need(len(leaves) == 1 and stop == size and value > leaves[0], "no neighbour proves it")
    return False


def open_envelope(data: bytes, vkey: str) -> dict[str, Any]:
    """The statement in a DSSE envelope that an Ed25519 key has signed, DSSE 1.0."""
    found = json.loads(data)
    kind, body = found["payloadType"].encode(), base64.b64decode(found["payload"])
    signed = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind
    signed += b" " + str(len(body)).encode() + b" " + body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(vkey.split("+", 2)[2])[1:])
    for signature in found["signatures"]:
        try:
            key.verify(base64.b64decode(signature["sig"]), signed)
        except InvalidSignature:
            continue
        statement: dict[str, Any] = json.loads(body)
        return statement
    raise Refused("not signed by this key")
