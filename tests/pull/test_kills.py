"""A pull that is killed again and again: nothing half-made, and little comes twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pull.deals import SIGNER, content, publish, tree
from tests.pull.range_server import RangeServer, range_server

#: Pulls with small parts, so that a small delivery has many.
PULL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.pull.download import DownloadSettings
from pipelines.pull.open import open_origin
from pipelines.pull.pull import PullRequest, pull
uri, folder, key, lanes, part = sys.argv[1:]
settings = DownloadSettings(int(lanes), 10.0, int(part), 0.01)
request = PullRequest(Path(folder), (key,), settings=settings)
pull(open_origin(uri, 10.0), request, datetime.now(UTC), lambda done, total: None)
"""
LANES, PART = 3, 256 << 10


def files(version: int) -> dict[str, bytes]:
    """Four shards, of which a version changes one, and small files."""
    made = {f"a/small_{n}": content(n, 2_000) for n in range(12)}
    for n in range(4):
        seed = 100 + n + (50 if n == 2 else 0) * version
        made[f"shards/d-{n:05d}.tar"] = content(seed, 24 * PART + n)
    return made


def killed_pulls(server: RangeServer, copy: Path, version: str, kills: int, seed: int) -> int:
    """Pulls until it succeeds; kills at random moments before. Returns how often it was killed."""
    choose, done = random.Random(seed), 0
    uri = f"{server.uri}/acme/{version}/delivery"
    words = [sys.executable, "-c", PULL, uri, str(copy), SIGNER.vkey, str(LANES), str(PART)]
    while True:
        process = subprocess.Popen(words, cwd=Path(__file__).parents[2])
        if done < kills:
            wait_for_traffic(server, process)
            time.sleep(choose.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += process.returncode == -signal.SIGKILL
            check_whole_or_absent(copy, server.root)
        if process.wait() == 0:
            return done


def wait_for_traffic(server: RangeServer, process: subprocess.Popen[bytes]) -> None:
    before = server.requests
    while server.requests <= before + 1 and process.poll() is None:
        time.sleep(0.002)


def check_whole_or_absent(copy: Path, root: Path) -> None:
    """With a manifest, the delivery is whole; every file under its name is one of a version."""
    there = tree(copy / "delivery")
    versions = [tree(folder) for folder in sorted(root.glob("acme/v*/delivery"))]
    for path, data in there.items():
        if not path.rpartition("/")[2].startswith(".tmp-"):
            assert data in [version.get(path) for version in versions], path
    if "MANIFEST.json" in there:
        assert there in versions


def run(tmp_path: Path, kills: int) -> None:
    deal, copy = tmp_path / "acme", tmp_path / "copy"
    publish(deal, "v0001", files(0))
    slow = 0.004

    def plan(path: str, number: int) -> str:
        time.sleep(slow)
        return ""

    with range_server(tmp_path, plan) as server:
        killed = killed_pulls(server, copy, "v0001", kills, 1)
        assert tree(copy / "delivery") == tree(deal / "v0001" / "delivery")
        publish(deal, "v0002", files(1))
        killed += killed_pulls(server, copy, "v0002", kills, 2)
        assert tree(copy / "delivery") == tree(deal / "v0002" / "delivery")
        twice = sum(server.twice(path) for path in server.spans)
        # Each kill loses at most what its connections were getting.
        assert twice <= killed * LANES * PART
        assert killed <= 2 * kills
        print(f"{killed} kills, {twice:,} bytes came twice, at most {killed * LANES * PART:,} may")
    assert not any((copy / ".pull").glob("parts*"))


def test_two_kills(tmp_path: Path) -> None:
    run(tmp_path, 1)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    run(tmp_path, 25)


def test_a_kill_at_every_step_of_the_switch_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a child, the process ends at the nth call that changes a name."""
    deal = tmp_path / "acme"
    publish(deal, "v0001", {"a": b"1", "b/c": b"2", "gone/d": b"3", "same": b"4"})
    publish(deal, "v0002", {"a": b"5", "b/c": b"6", "new/e": b"7", "same": b"4"})
    publish(deal, "v0003", {"a": b"8", "b/c": b"6", "same": b"4"})
    finished = False
    for step in range(1, 60):
        copy = tmp_path / f"copy{step}"
        assert pulled_in_child(deal / "v0001" / "delivery", copy, 0)
        finished = pulled_in_child(deal / "v0002" / "delivery", copy, step)
        check_whole_or_absent(copy, tmp_path)
        # The next pull finds this version, or one without a file that may have been placed.
        version = "v0002" if step % 2 else "v0003"
        assert pulled_in_child(deal / version / "delivery", copy, 0)
        assert tree(copy / "delivery") == tree(deal / version / "delivery")
        assert not (copy / "delivery" / "gone").exists()
        if finished:
            break
    assert finished and step > 15


def pulled_in_child(source: Path, copy: Path, step: int) -> bool:
    """Pulls in a forked child that ends at its nth rename or removal; whether it came through."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    from tests.pull.test_pull import got

    code = 1
    try:
        calls = 0
        real = {name: getattr(os, name) for name in ("replace", "rename", "unlink", "rmdir")}

        def counting(name: str) -> object:
            def call(*words: object, **more: object) -> object:
                nonlocal calls
                calls += 1
                if calls == step:
                    os._exit(1)
                return real[name](*words, **more)

            return call

        for name in real:
            setattr(os, name, counting(name))
        got(source, copy)
        code = 0
    finally:
        os._exit(code)
