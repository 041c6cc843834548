"""Check a delivery with Python 3.11 and OpenSSL 3 alone. docs/verify.md has the formats.
Usage: python verify_delivery.py DELIVERY VERIFIER_KEY    (the key as the agency publishes it)"""

import json
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from hashlib import file_digest, sha256
from pathlib import Path

"+" in sys.argv[-1] or sys.exit(__doc__)
DELIVERY, (NAME, KEY_ID, KEY) = Path(sys.argv[1]), sys.argv[2].split("+", 2)
PUBLIC_DER = bytes.fromhex("302a300506032b6570032100") + b64decode(KEY)[1:]
OPENSSL = "openssl pkeyutl -verify -rawin -in text -sigfile sig -pubin -inkey key -keyform DER"
JSON = json.JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False)


def check(holds: bool, fault: str) -> None:
    holds or sys.exit(f"BAD: {fault}")


def check_signature(text: str, line: str, file: str) -> None:
    raw = b64decode(line.rpartition(" ")[2])  # four bytes of key id, then the signature
    own = line == f"— {NAME} {b64encode(raw).decode()}" and raw[:4].hex() == KEY_ID
    check(own, f"{file} is not signed by {NAME}+{KEY_ID}")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in ("text", text.encode()), ("sig", raw[4:]), ("key", PUBLIC_DER):
            Path(folder, name).write_bytes(data)
        done = subprocess.run(OPENSSL.split(), cwd=folder, capture_output=True)
    check(done.returncode == 0, f"the signature of {file} is not valid")


manifest = json.loads(data := (DELIVERY / "MANIFEST.json").read_bytes().decode())
check(data == JSON.encode(manifest) + "\n", "MANIFEST.json is not in its one form")
digest = sha256((JSON.encode({**manifest, "signature": ""}) + "\n").encode()).hexdigest()
check_signature(f"fairshard manifest v1\n{digest}\n", manifest["signature"], "MANIFEST.json")
listed = {file["path"]: file["sha256"] for file in manifest["files"]}
ends = {*DELIVERY.rglob("*")} - {path.parent for path in DELIVERY.rglob("*")}  # and empty folders
found = {path.relative_to(DELIVERY).as_posix() + "@" * path.is_symlink() for path in ends}
check(not (wrong := found ^ {*listed, "MANIFEST.json"}), f"missing or not listed: {wrong}")
for path, digest in listed.items():
    with (DELIVERY / path).open("rb") as file:
        check(file_digest(file, "sha256").hexdigest() == digest, f"{path} was altered")
hashes = []  # of the ledger's entries; each stands in its bundle after its length in two bytes
for path in sorted(path for path in listed if path.startswith("tile/entries/")):
    bundle = (DELIVERY / path).read_bytes()
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        hashes.append(sha256(b"\0" + bundle[2:end]).digest())
        bundle = bundle[end:]
size, ledger = len(hashes), manifest["ledger"]
while len(hashes) > 1:  # RFC 6962: two by two from the left; an odd last one goes up as it is
    pairs, odd = zip(hashes[::2], hashes[1::2], strict=False), hashes[len(hashes) & ~1 :]
    hashes = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
text, _, line = (DELIVERY / "checkpoint").read_bytes().decode().rpartition("\n\n")
check_signature(text + "\n", line.removesuffix("\n"), "checkpoint")
signed = f"{ledger['origin']}\n{size}\n{b64encode(hashes[0]).decode()}"
check(text == signed and hashes[0].hex() == ledger["root"], "the checkpoint is of other entries")
print(f"OK: {manifest['delivery']}: {len(listed)} files, {size} ledger entries, by {NAME}")
