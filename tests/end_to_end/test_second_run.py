"""A second run in one process sees what has changed on the servers since the first."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from tests.end_to_end.command import tables
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import Fate, Library, Planted, id_in
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package_options
from tests.fetch.web_server import answer, serving

# No model may see these assets, so none is loaded.
SERVED = Planted(id_in(0, 2), Fate.UNSEEN, 1)
LOCAL = Planted(id_in(1, 2), Fate.UNSEEN, 2)
LICENCE = (
    b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>%s</license></content>'
    b"</rsl>"
)
ALLOWED, DENIED = b'<permits type="usage">ai-train</permits>', b"<prohibits>ai-train</prohibits>"


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "/robots.txt",
            b"User-agent: *\nAllow: /\n",
            b"User-agent: *\nContent-Usage: train-ai=n\n",
        ),
        ("/.well-known/tdmrep.json", b"[]", b'[{"location": "/*", "tdm-reservation": 1}]'),
        ("/licence.xml", LICENCE % ALLOWED, LICENCE % DENIED),
    ],
    ids=["robots.txt", "tdmrep.json", "RSL"],
)
def test_new_denial_on_the_server_is_seen_by_the_second_run(
    tmp_path: Path, path: str, before: bytes, after: bytes
) -> None:
    write_library(Library((SERVED, LOCAL)), tmp_path)
    save_key(tmp_path / "key", demonstration_key(1))
    picture = (tmp_path / "catalogue" / SERVED.path).read_bytes()
    answers = {f"/{SERVED.path}": answer(picture), path: answer(before)}
    with serving(answers) as site:
        if path == "/licence.xml":
            answers["/robots.txt"] = answer(f"License: {site.origin}{path}\n".encode())
        put_on_server(tmp_path, site.origin)
        assert package(tmp_path, "first") == {SERVED.asset_id: [], LOCAL.asset_id: []}
        answers[path] = answer(after)
        second = package(tmp_path, "second")
        assert second == {SERVED.asset_id: ["server.denied"], LOCAL.asset_id: []}
        # Twice in the first run, for the decisions and for the shards, and once in the second,
        # which delivers nothing of the server: for all that lies there.
        assert site.request_counts[path] == 3


def put_on_server(root: Path, origin: str) -> None:
    """Moves one asset's file to a server that the deal lists."""
    path = root / "catalogue" / "assets.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        if row["asset_id"] == SERVED.asset_id:
            row["media_uri"] = f"{origin}/{SERVED.path}"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    (root / "catalogue" / SERVED.path).unlink()
    with (root / "deal.toml").open("a", encoding="utf-8") as deal:
        deal.write(f'\n[sources]\nhosts = ["{origin}"]\n')


def package(root: Path, name: str) -> dict[str, list[str]]:
    """Packages into a separate output in this process; returns each asset's reasons."""
    ended = run_in_process(*package_options(root, root / name))
    assert ended.code == 0, ended.err
    decisions = tables(root / name / "sparse" / "v0001" / "agency" / "decisions").to_pylist()
    return {row["asset_id"]: row["reasons"] for row in decisions}
