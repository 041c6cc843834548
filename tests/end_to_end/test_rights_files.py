"""The rights of a delivery: terms, policy and attributions, from packaging to removal."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.odrl.terms import CONTEXT, profile_document
from pipelines.run.signing_key import load_key
from pipelines.storage.tables import json_bytes
from schemas.canonical import canonical_json
from schemas.odrl import KNOWN_CONTEXTS, KNOWN_PROFILES
from tests.end_to_end.damage import sign_files, verify
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

TITLE = "=1+1\n<script>alert(1)</script>\u202e"
AGENCY = '[agency]\nlegal_name = "Bild & Co. <AG>"\nremoval_contact = "legal@bild.example"\n'
PATHS = [
    *("rights/TERMS.md", "rights/attribution.csv", "rights/attribution.parquet"),
    *("rights/deal.jsonld", "rights/profile.jsonld", "rights/terms.json"),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    folder = tmp_path_factory.mktemp("rights") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.deal += AGENCY
    by: dict[str, Any] = {"licence_code": "CC-BY-4.0", "credit": "Ann @ B.", "title": TITLE}
    made.add(1, side=600, **by, source_url="https://example.org/17")
    made.add(1, side=600, **by | {"licence_code": "cc-by-3.0-us", "credit": "+Carl"})
    made.add(1, side=600, credit="Nobody asks", title="Plain")
    made.add(1, side=600, licence_code="CC-BY-4.0")  # nobody to name: refused
    assert made.package().code == 0
    return made


def delivery(library: SmallLibrary, version: str = "v0001") -> Path:
    return library.out / "small" / version / "delivery"


def test_what_is_delivered(published: SmallLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    folder = delivery(published)
    assert sorted(f"rights/{path.name}" for path in (folder / "rights").iterdir()) == PATHS
    deal = json.loads((folder / "MANIFEST.json").read_bytes())["deal"]
    data = (folder / "rights/terms.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == deal["terms_sha256"]
    text = (folder / "rights/TERMS.md").read_text(encoding="utf-8")
    assert json.loads(data)["text_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert "- Agency: Bild &amp; Co. &lt;AG&gt;\n" in text
    assert "- Contact for removals: legal@bild.example\n" in text
    policy = json.loads((folder / "rights/deal.jsonld").read_bytes())
    assert policy["termsSha256"] == deal["terms_sha256"]
    everything = b"".join((folder / path).read_bytes() for path in PATHS)
    for private in (b"10.00", b"compensate", b"Nobody asks", b"c-1", b"0.40"):
        assert private not in everything
    rows = pq.read_table(folder / "rights/attribution.parquet").to_pylist()
    assert {row["author"]: (row["source"], row["licence_url"]) for row in rows} == {
        "Ann @ B.": (
            "https://example.org/17",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        "+Carl": ("", "https://creativecommons.org/licenses/by/3.0/us/"),
    }
    assert {row["title"] for row in rows} == {"=1+1 <script>alert(1)</script>"}
    listed = (folder / "rights/attribution.csv").read_text(encoding="utf-8")
    cells = {cell for record in csv.reader(io.StringIO(listed)) for cell in record}
    assert {"'=1+1 <script>alert(1)</script>", "'+Carl", "Ann @ B."} <= cells
    refused = pq.read_table(published.agency / "decisions").to_pylist()
    reasons = {row["asset_id"]: row["reasons"] for row in refused if row["reasons"]}
    assert reasons == {"a-3": ["licence.attribution"]}
    assert verify(folder, capsys, "--allow-unpinned").code == 0


def _changed(path: str, data: bytes) -> bytes:
    if path == "rights/terms.json":
        return data.replace(b"Example", b"Another")
    if path == "rights/TERMS.md":
        return data.replace(b"Within 30", b"Within 300")
    if path == "rights/deal.jsonld":
        policy = json.loads(data)
        policy["permission"].append({**policy["permission"][0], "action": "index"})
        return json_bytes(policy)
    if path == "rights/attribution.csv":
        return data.replace(b"Ann @ B.", b"Ann C.")
    if path == "rights/profile.jsonld":
        return data.replace(b"fs:infer", b"fs:index", 1)
    table = pq.read_table(io.BytesIO(data))
    sink = io.BytesIO()
    pq.write_table(table.slice(1), sink)
    return sink.getvalue()


@pytest.mark.parametrize("path", PATHS)
def test_a_signed_file_that_says_something_else_is_found(
    published: SmallLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    """The manifest has the digest of the changed file, so only the content can tell."""
    copied = Path(shutil.copytree(delivery(published), tmp_path / "delivery"))
    manifest: Any = json.loads((copied / "MANIFEST.json").read_bytes())
    was = (copied / path).read_bytes()
    data = _changed(path, was)
    assert data != was
    (copied / path).write_bytes(data)
    record = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    sign_files(copied, manifest, load_key(published.out / "agency/signing.key"), {path: record})
    state = tmp_path / "state.json"
    for _ in range(2):  # what is not sound is not remembered as sound
        result = verify(copied, capsys, "--allow-unpinned", "--state", state)
        assert result.code == 1
        assert path in result.paths and result.paths <= {path, "rights/attribution.csv"}


def _more_of_policy(data: bytes, what: str) -> bytes:
    policy = json.loads(data)
    if what == "one more term":
        return json_bytes({**policy, "obligation": [{"action": "index"}]})
    if what == "another meaning":
        return json_bytes({**policy, "@context": {**policy["@context"], "use": "odrl:print"}})
    if what == "another buyer":
        return json_bytes({**policy, "assignee": {**policy["assignee"], "fn": "Another"}})
    return b'{"permission": [],' + data.lstrip()[1:]


@pytest.mark.parametrize(
    "what", ["one more term", "another buyer", "another meaning", "a name twice"]
)
def test_a_signed_policy_that_says_more_is_found(
    published: SmallLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    copied = Path(shutil.copytree(delivery(published), tmp_path / "delivery"))
    manifest: Any = json.loads((copied / "MANIFEST.json").read_bytes())
    path = copied / "rights/deal.jsonld"
    path.write_bytes(_more_of_policy(path.read_bytes(), what))
    sign_files(copied, manifest, load_key(published.out / "agency/signing.key"))
    result = verify(copied, capsys, "--allow-unpinned")
    assert (result.code, result.paths) == (1, {"rights/deal.jsonld"})


def test_a_delivery_with_rights_and_no_table_of_samples_is_found(
    published: SmallLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Attributions would be compared with nothing."""
    copied = Path(shutil.copytree(delivery(published), tmp_path / "delivery"))
    manifest: Any = json.loads((copied / "MANIFEST.json").read_bytes())
    (copied / "samples.parquet").unlink()
    sign_files(copied, manifest, load_key(published.out / "agency/signing.key"))
    assert "samples.parquet" in verify(copied, capsys, "--allow-unpinned").paths


@pytest.mark.parametrize("way", ["patch", pytest.param("tombstone", marks=pytest.mark.slow)])
def test_attributions_of_removed_assets_are_gone(
    published: SmallLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    library = published.copied_to(tmp_path / "library")
    words = ["revoke", "--out", library.out, "--asset", "a-0", "--reason", "takedown"]
    words += ["--way", way, "--effective", "2026-12-01", "--as-of", "2026-11-27"]
    assert in_process(*words).code == 0
    before, after = delivery(library), delivery(library, "v0002")
    for path in PATHS:
        same = (before / path).read_bytes() == (after / path).read_bytes()
        assert same is ("attribution" not in path)
    rows = pq.read_table(after / "rights/attribution.parquet").to_pylist()
    assert [row["author"] for row in rows] == ["+Carl"]
    for path in PATHS:
        assert b"Ann @" not in (after / path).read_bytes()
    assert verify(after, capsys, "--allow-unpinned").code == 0


@pytest.mark.slow
def test_a_lost_file_is_made_again(published: SmallLibrary, tmp_path: Path) -> None:
    library = published.copied_to(tmp_path / "library")
    folder = delivery(library)
    sound = {path: (folder / path).read_bytes() for path in PATHS}
    for path in PATHS:
        (folder / path).write_bytes(b"")
    words = ["verify", folder, "--repair", "--catalogue", library.folder / "catalogue"]
    done = in_process(*words, "--deal", library.folder / "deal.toml", "--workers", 1, "--quiet")
    assert done.code == 0, done.err
    assert {path: (folder / path).read_bytes() for path in PATHS} == sound


@pytest.mark.parametrize("options", [(), ("--sample", "1")])
def test_a_delivery_without_any_rights_is_not_taken_for_an_earlier_release(
    published: SmallLibrary,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
) -> None:
    copied = Path(shutil.copytree(delivery(published), tmp_path / "delivery"))
    manifest: Any = json.loads((copied / "MANIFEST.json").read_bytes())
    shutil.rmtree(copied / "rights")
    for path in ("samples.parquet", "shards/sizes.json"):
        (copied / path).unlink()
    sign_files(copied, manifest, load_key(published.out / "agency/signing.key"))
    result = verify(copied, capsys, "--allow-unpinned", *options)
    assert result.paths >= {*PATHS, "samples.parquet", "shards/sizes.json"}
    assert "every delivery has it" in result.messages("rights/terms.json")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("path", ["rights/TERMS.md", "rights/attribution.csv"])
def test_a_sampled_verification_checks_rights_wholly(
    published: SmallLibrary,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    path: str,
    signed: bool,
) -> None:
    """The size stays, so that the digest or the content must tell."""
    copied = Path(shutil.copytree(delivery(published), tmp_path / "delivery"))
    manifest: Any = json.loads((copied / "MANIFEST.json").read_bytes())
    file = copied / path
    file.write_bytes(file.read_bytes().replace(b"B", b"D"))
    if signed:
        sign_files(copied, manifest, load_key(published.out / "agency/signing.key"))
    result = verify(copied, capsys, "--allow-unpinned", "--sample", "1")
    assert (result.code, result.paths) == (1, {path})


def test_the_profile_and_context_of_this_release_are_known() -> None:
    """Whoever changes one adds its digest, and keeps those of earlier releases."""
    profile = hashlib.sha256(json_bytes(profile_document())).hexdigest()
    assert profile in KNOWN_PROFILES
    assert hashlib.sha256(canonical_json(CONTEXT)).hexdigest() in KNOWN_CONTEXTS
