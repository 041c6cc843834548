"""docs/verify_delivery.py: what this short script, with openssl, accepts and refuses."""

from __future__ import annotations

import ast
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.ledger.signed_note import FileKey, sign_checkpoint
from tests.end_to_end.command import Demo, tree
from tests.end_to_end.damage import copy_delivery, flip, replaced, sign_again, sign_files

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_delivery.py"
AGENCY = FileKey("agency.example/fairshard", bytes(range(32)))
OTHER = FileKey("agency.example/fairshard", bytes(range(1, 33)))

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl 3")


@pytest.fixture(scope="module")
def delivery(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("stdlib") / "delivery"
    return sign_again(copy_delivery(demo.delivery("demo-strict"), copy), AGENCY)


def run(delivery: Path, vkey: str = AGENCY.vkey) -> subprocess.CompletedProcess[str]:
    # With -I, only the packages of the interpreter itself can be imported.
    return subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, delivery, vkey],
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(delivery: Path, vkey: str = AGENCY.vkey) -> str:
    """Returns why it refuses a delivery; fails the test if it accepts it."""
    done = run(delivery, vkey)
    assert done.returncode == 1 and "OK" not in done.stdout
    return done.stderr


def test_verifier_is_short_and_uses_only_the_standard_library() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [node.names[0].name])
        if name
    }
    assert imported <= sys.stdlib_module_names


def test_sound_deliveries_are_accepted(demo: Demo, delivery: Path) -> None:
    for deal_id in ("demo-main", "demo-images", "demo-strict"):
        done = run(demo.delivery(deal_id), demo.summaries[deal_id]["vkey"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"OK: {deal_id}/v0001: ")
    assert run(delivery).returncode == 0


def test_flipped_bit_in_any_file_is_refused(delivery: Path) -> None:
    dice = random.Random(19)
    for name in tree(delivery):
        path = delivery / name
        data = path.read_bytes()
        with replaced(path, flip(data, dice.randrange(len(data)), dice.randrange(8))):
            said = refusal(delivery)
        assert name in said or name == "MANIFEST.json", said


def test_flipped_bits_in_the_manifest_are_refused(delivery: Path) -> None:
    """Includes the signature's line, in which base64 has unused bits."""
    dice = random.Random(23)
    path = delivery / "MANIFEST.json"
    data = path.read_bytes()
    line_end = data.index(b'"', data.index("— ".encode()))
    for position in (*dice.sample(range(len(data)), 20), *range(line_end - 3, line_end + 1)):
        for bit in (0, 3):
            with replaced(path, flip(data, position, bit)):
                refusal(delivery)


def test_truncated_manifest_is_refused(delivery: Path) -> None:
    path = delivery / "MANIFEST.json"
    data = path.read_bytes()
    for kept in (0, 1, len(data) // 2, len(data) - 1):
        with replaced(path, data[:kept]):
            refusal(delivery)
    value = json.loads(data)
    value["files"].pop()
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with replaced(path, text.encode()):
        assert "signature of MANIFEST.json" in refusal(delivery)


def test_missing_and_extra_files_are_refused(delivery: Path) -> None:
    for name in ("checkpoint", "SHA256SUMS", next(iter(tree(delivery)))):
        aside = delivery.parent / "aside"
        (delivery / name).rename(aside)
        said = refusal(delivery)
        aside.rename(delivery / name)
        assert "missing or not listed" in said and name in said
        assert "MANIFEST.json" not in said
    for name in ("extra", "shards/extra.tar"):
        (delivery / name).write_bytes(b"")
        said = refusal(delivery)
        (delivery / name).unlink()
        assert "missing or not listed" in said and name in said


def test_wrong_usage_is_answered_with_the_usage(delivery: Path) -> None:
    for vkey in ("agency.vkey", ""):  # a file, where a key is needed
        said = refusal(delivery, vkey)
        assert "Usage: python verify_delivery.py" in said and "Traceback" not in said


def test_another_key_is_refused(delivery: Path) -> None:
    assert "not signed by" in refusal(delivery, OTHER.vkey)
    same_id = "+".join([*AGENCY.vkey.split("+")[:2], OTHER.vkey.split("+", 2)[2]])
    assert "signature of MANIFEST.json" in refusal(delivery, same_id)
    for vkey in ("", "agency", AGENCY.vkey[:-8]):
        refusal(delivery, vkey)


def test_log_of_other_entries_is_refused(delivery: Path, tmp_path: Path) -> None:
    """The log is signed with the agency's own key, and every digest is right."""
    copy = copy_delivery(delivery, tmp_path / "delivery")
    manifest = json.loads((copy / "MANIFEST.json").read_bytes())
    bundle = sorted(path for path in copy.glob("tile/entries/**/*") if path.is_file())[0]
    entries, checkpoint = bundle.read_bytes(), (copy / "checkpoint").read_bytes()
    bundle.write_bytes(flip(entries, 40))
    sign_files(copy, manifest, AGENCY)
    assert "checkpoint is of other entries" in refusal(copy)
    bundle.write_bytes(entries)
    for origin, size, root in (
        ("agency.example/fairshard/other/v0001", manifest["ledger"]["entries"], None),
        (manifest["ledger"]["origin"], manifest["ledger"]["entries"] - 1, None),
        (manifest["ledger"]["origin"], manifest["ledger"]["entries"], bytes(32)),
    ):
        wanted = bytes.fromhex(manifest["ledger"]["root"]) if root is None else root
        text = sign_checkpoint(AGENCY, origin, size, wanted)
        (copy / "checkpoint").write_text(text, encoding="utf-8")
        sign_files(copy, manifest, AGENCY)
        assert "checkpoint is of other entries" in refusal(copy)
    theirs = sign_checkpoint(OTHER, manifest["ledger"]["origin"], 1, bytes(32))
    (copy / "checkpoint").write_text(theirs, encoding="utf-8")
    sign_files(copy, manifest, AGENCY)
    assert "checkpoint is not signed by" in refusal(copy)
    (copy / "checkpoint").write_bytes(checkpoint)
    sign_files(copy, manifest, AGENCY)
    assert run(copy).returncode == 0
