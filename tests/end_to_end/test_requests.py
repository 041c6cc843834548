"""How many requests a run sends to a bucket for each unit; each costs a service time and money."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from pipelines.features import store as features
from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.storage import s3_requests
from pipelines.storage.recent import RecentFiles
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import Library
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package_options
from tests.end_to_end.test_sparse import planted
from tests.faults.servers import direct_aws, moto

_UNIT = re.compile(
    r"(?P<folder>agency/(?:features/[a-z]+|work/[0-9a-f]+/[a-z-]+))[-/0-9a-f]*\.[a-z]+"
)
# What a new deal sends for a unit whose features are stored, if one process does all of it.
_STORED = {
    "GetObject features/captions": 1,
    "GetObject features/embeddings": 1,
    "GetObject features/facts": 1,
    "GetObject features/measures": 1,
    "GetObject features/readings": 1,
    "GetObject features/scores": 1,
    "GetObject features/tags": 1,
    "PutObject work/units": 2,
}


_UNITS = 16


def sent(root: Path, bucket: str) -> Counter[str]:
    """Returns the requests by kind and folder, when a second deal takes a library's assets.

    Args:
        root: An empty folder.
        bucket: An empty bucket.
    """
    found: Counter[str] = Counter()

    def note(event_name: str, request: Any, **_: object) -> None:
        if match := _UNIT.search(unquote(urlsplit(request.url).path)):
            folder = re.sub(r"work/[0-9a-f]+", "work", match["folder"]).removeprefix("agency/")
            found[f"{event_name.rpartition('.')[2]} {folder}"] += 1

    write_library(Library(tuple(planted(unit, bits=4) for unit in range(_UNITS)), bits=4), root)
    save_key(root / "key", demonstration_key(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_requests, "_note", note)
        for number in range(2):
            deal = root / "deal.toml"
            text = re.sub(r'deal_id = ".*"', f'deal_id = "deal-{number}"', deal.read_text())
            deal.write_text(text)
            patch.setattr(features, "_recent", RecentFiles(64 << 20))  # as in a new process
            found.clear()
            ended = run_in_process(*package_options(root, f"s3://{bucket}/out"))
            assert ended.code == 0, ended.err
    return found


def test_a_unit_whose_features_are_stored_needs_few_requests(tmp_path: Path) -> None:
    with moto() as server:
        server.client().create_bucket(Bucket="units")
        with direct_aws(server):
            found = sent(tmp_path, "units")
    each = {name: times / _UNITS for name, times in found.items() if times >= _UNITS}
    # Whether states of files are stored depends on how long ago the files were made.
    assert {name: times for name, times in each.items() if "/seen" not in name} == _STORED
