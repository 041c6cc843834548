"""Buyers' readers give the members that only some profiles have, bytes and order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.profiles import load_profile
from pipelines.reader import WITHOUT_REMOVALS, SampleReader, open_delivery
from tests.conformance.adapters import READERS, Samples, by_tarfile, family_of, sha256
from tests.conformance.library import WITH_MEMBERS, ReaderLibrary, families, make_library
from tests.conformance.test_readers import rows_of
from tests.end_to_end.command import environment, fairshard
from tests.shared import made_once

pytestmark = pytest.mark.slow

_PROFILES = tuple(WITH_MEMBERS)
_EVERY = pytest.mark.parametrize(
    ("profile", "name"), [(one, family) for one in _PROFILES for family in families(one)]
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> ReaderLibrary:
    make = partial(make_library, profiles=_PROFILES)
    root, _ = made_once(tmp_path_factory, worker_id, "library-members", make)
    return ReaderLibrary(root, _PROFILES)


def by_tables(library: ReaderLibrary, profile: str, name: str) -> Samples:
    """What the tables say that the tars hold: the members and their sha256, in order."""
    found: Samples = {}
    for row in rows_of(family_of(library, profile, name)):
        found[row["key"]] = {
            name: row["media_sha256"],
            **{one["ending"]: one["sha256"] for one in row["extra_members"]},
            "txt": row["txt_sha256"],
            "json": row["json_sha256"],
        }
    return found


@pytest.mark.parametrize("reader", READERS)
@_EVERY
def test_readers_agree(library: ReaderLibrary, profile: str, name: str, reader: str) -> None:
    family, expected = family_of(library, profile, name), by_tables(library, profile, name)
    found = READERS[reader](family)
    assert found == expected
    assert list(found) == list(expected)


@_EVERY
def test_our_reader_agrees(library: ReaderLibrary, profile: str, name: str) -> None:
    family = family_of(library, profile, name)
    expected = by_tables(library, profile, name)
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
    assert found == expected


@_EVERY
def test_every_sample_has_as_many_members(library: ReaderLibrary, profile: str, name: str) -> None:
    family = family_of(library, profile, name)
    found = by_tarfile(family)
    endings = [name, *load_profile(profile).extras, "txt", "json"]
    assert len(found) > 1 and all(list(fields) == endings for fields in found.values())
    assert list(found.items()) == list(by_tables(library, profile, name).items())


@pytest.mark.parametrize("profile", _PROFILES)
def test_verify_accepts_it(library: ReaderLibrary, profile: str) -> None:
    done = fairshard("verify", library.delivery(profile), "--allow-unpinned")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("profile", _PROFILES)
def test_the_cards_examples_run(library: ReaderLibrary, profile: str, tmp_path: Path) -> None:
    """As they are written, in the delivery's folder."""
    shutil.copytree(library.delivery(profile), tmp_path / "delivery")
    shutil.copy(tmp_path / "delivery/log.vkey", tmp_path / "agency.vkey")
    card = (tmp_path / "delivery/README.md").read_text("utf-8")
    blocks = re.findall(
        r"^### Extra members with \w+$.+?^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 2
    for code in blocks:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path / "delivery",
            env=environment({}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        shown = [line.split(" ")[0] for line in done.stdout.splitlines()]
        assert shown == list(load_profile(profile).extras)


@pytest.mark.parametrize("profile", _PROFILES)
def test_an_export_has_the_members_of_the_tars(
    library: ReaderLibrary, profile: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("export", library.delivery(profile), "--to", "parquet", "--out", out, "--quiet")
    done = fairshard(*words, "--allow-unpinned")
    assert done.code == 0, done.err
    table = pq.read_table(out / "samples")
    expected = {
        key: [found[ending] for ending in load_profile(profile).extras]
        for name in families(profile)
        for key, found in by_tarfile(family_of(library, profile, name)).items()
    }
    columns = [ending.replace(".", "_") for ending in load_profile(profile).extras]
    exported = {
        str(row["key"]): [sha256(row[column]) for column in columns] for row in table.to_pylist()
    }
    assert exported == expected
