"""Our verifier, reader and export agree with the tars, for every plain profile.

test_extra_members.py has the same for profiles with more members.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.reader import WITHOUT_REMOVALS, SampleReader, open_delivery
from tests.conformance.adapters import by_tarfile, family_of, sha256
from tests.conformance.library import DELIVERED, PLAIN, ReaderLibrary, families
from tests.end_to_end.command import fairshard

pytestmark = pytest.mark.slow

_EVERY_PROFILE = pytest.mark.parametrize("profile", PLAIN)


@_EVERY_PROFILE
def test_verify_accepts_it(library: ReaderLibrary, profile: str) -> None:
    done = fairshard("verify", library.delivery(profile), "--allow-unpinned")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize(("profile", "name"), DELIVERED)
def test_our_reader_agrees(library: ReaderLibrary, profile: str, name: str) -> None:
    family = family_of(library, profile, name)
    delivery = open_delivery(family.delivery, [str(family.delivery / "log.vkey")])
    reader = SampleReader(delivery, WITHOUT_REMOVALS, run="read", families=[name])
    found = {
        str(one["__key__"]): {
            part: sha256(data)
            for part, data in one.items()
            if not part.startswith("__") and isinstance(data, bytes)
        }
        for one in reader
    }
    assert found == by_tarfile(family)


@_EVERY_PROFILE
def test_an_export_has_what_is_in_the_tars(
    library: ReaderLibrary, profile: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("export", library.delivery(profile), "--to", "parquet", "--out", out, "--quiet")
    done = fairshard(*words, "--allow-unpinned")
    assert done.code == 0, done.err
    expected = {
        key: [found[name], found["txt"], found["json"]]
        for name in families(profile)
        for key, found in by_tarfile(family_of(library, profile, name)).items()
    }
    exported = {
        str(row["key"]): [
            sha256(row["media"]),
            *(sha256(row[column].encode()) for column in ("txt", "json")),
        ]
        for row in pq.read_table(out / "samples").to_pylist()
    }
    assert exported == expected
