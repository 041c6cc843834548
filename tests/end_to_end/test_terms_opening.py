"""Which terms a version was made under is told by the agency's file alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    folder = tmp_path_factory.mktemp("terms") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add(2, side=600)
    assert made.package().code == 0
    return made


def test_the_agencys_file_tells_the_terms_and_its_loss_is_named(
    published: SmallLibrary, tmp_path: Path
) -> None:
    library = published.copied_to(tmp_path / "library")
    words = ["revoke", "--out", library.out, "--asset", "a-0", "--reason", "takedown"]
    assert in_process(*words, "--effective", "2026-12-01", "--as-of", "2026-11-27").code == 0
    manifests, openings = [], []
    for version in ("v0001", "v0002"):
        folder = library.out / "small" / version
        manifests.append(json.loads((folder / "delivery/MANIFEST.json").read_bytes()))
        openings.append((folder / "agency/terms.json").read_bytes())
    assert [one["fairshard_manifest"] for one in manifests] == [4, 5]
    assert openings[0] == openings[1]
    assert {one["deal"]["terms_sha256"] for one in manifests} == {
        json.loads(openings[0])["commitment"]
    }
    deal, to = library.folder / "deal.toml", tmp_path / "odrl"
    export = ["odrl", "--run", library.out / "small/v0001", "--deal", deal, "--to", to]
    assert in_process(*export).code == 0
    assert (
        json.loads((to / "deal.jsonld").read_bytes())["termsSha256"]
        == (manifests[0]["deal"]["terms_sha256"])
    )
    sound = deal.read_text()
    deal.write_text(sound + "agency_share = '0.39'\n")
    other = in_process(*export)
    assert other.code == 2 and "made under different terms" in other.err
    deal.write_text(sound)
    path = library.out / "small/v0001/agency/terms.json"
    for data in (None, openings[0].replace(b"0.40", b"0.41")):
        path.unlink() if data is None else path.write_bytes(data)
        lost = in_process(*export)
        assert lost.code == 1 and "terms that a version was made under cannot be read" in lost.err
