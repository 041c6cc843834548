"""Check a notice of removal and answer it, with Python 3.11 and OpenSSL 3 alone.

Writes beside the notice what the agency gives to `fairshard removals --accept`: an acknowledgement
or, with --deleted, a certificate that all that the notice names was deleted. Writes your verifier
key beside your private one, for the agency."""

import argparse
import json
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

TYPE = "application/vnd.fairshard.removal-reply+json"
DER = bytes.fromhex("302a300506032b6570032100")  # what comes before the 32 bytes of a public key
options = argparse.ArgumentParser(description=__doc__)
options.add_argument("notice", type=Path, help="the agency's file")
options.add_argument("--agency-key", required=True, help="its verifier key, got from the agency")
options.add_argument("--key", required=True, type=Path, help="your private Ed25519 key, as PEM")
options.add_argument("--name", required=True, help="your key's name, without spaces or +")
options.add_argument("--signer", required=True, help="who signs for you, such as a person's role")
options.add_argument("--deleted", action="store_true", help="all that the notice names was deleted")
options.add_argument("--now", type=Path, help="with --deleted: the delivery you use instead")
options.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="default: today")
given = options.parse_args()
path, agency = given.notice, given.agency_key.strip()


def openssl(command: str, **files: bytes) -> bytes:
    """Runs openssl in a folder with these files and returns its output."""
    with tempfile.TemporaryDirectory() as folder:
        for file, data in files.items():
            Path(folder, file).write_bytes(data)
        done = subprocess.run(f"openssl {command}".split(), cwd=folder, capture_output=True)
    done.returncode and sys.exit(f"BAD: openssl: {(done.stderr or done.stdout).decode().strip()}")
    return done.stdout


def canonical(value: object) -> bytes:  # RFC 8785 of texts, whole numbers, lists and objects
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


data = path.read_bytes()
notice = json.loads(data)
notice["vkey"] == agency or sys.exit(f"BAD: {path} is signed by another key than {agency}")
digest = sha256(canonical({**notice, "signature": ""})).hexdigest()
text, raw = f"fairshard notice v1\n{digest}\n".encode(), b64decode(notice["signature"].split()[2])
key = DER + b64decode(agency.split("+", 2)[2])[1:]
check = "pkeyutl -verify -rawin -in text -sigfile sig -pubin -inkey key -keyform DER"
openssl(check, text=text, sig=raw[4:], key=key)
print(f"OK: {notice['notice']}: {notice['reason']}, to be deleted by {notice['deadline']}")

old = {shard["sha256"]: shard["name"] for one in notice["deliveries"] for shard in one["shards"]}
shards = json.loads((given.now / "MANIFEST.json").read_bytes())["shards"] if given.now else []
new = {shard["name"]: shard["sha256"] for shard in shards}
reply = {
    "fairshard_removal_reply": 1,
    "kind": "certificate" if given.deleted else "acknowledgement",
    "notices": [{"notice": notice["notice"], "sha256": sha256(data).hexdigest()}],
    "scope": notice["scope"] if given.deleted else [],
    "shards": [
        {"name": shard, "sha256": digest, "replacement_sha256": new.get(shard)}
        for digest, shard in old.items()
        if given.deleted
    ],
    "signer": given.signer,
    "signed_at": given.date,
}
private, name = given.key.read_bytes(), given.name
public = openssl("pkey -in key -pubout -outform DER", key=private).removeprefix(DER)
key_id = sha256(name.encode() + b"\n\1" + public).hexdigest()[:8]
vkey, body = "+".join([name, key_id, b64encode(b"\1" + public).decode()]), canonical(reply)
signed = f"DSSEv1 {len(TYPE)} {TYPE} {len(body)} ".encode() + body
signature = openssl("pkeyutl -sign -rawin -inkey key -in text", key=private, text=signed)
envelope = {
    "payload": b64encode(body).decode(),
    "payloadType": TYPE,
    "signatures": [
        {"keyid": sha256(vkey.encode()).hexdigest(), "sig": b64encode(signature).decode()}
    ],
}
answer = path.with_name(f"{path.stem}.{reply['kind']}.json")
answer.write_bytes(canonical(envelope) + b"\n")
given.key.with_suffix(".vkey").write_text(vkey + "\n")
print(f"{answer}, to be checked with {given.key.with_suffix('.vkey')}")
