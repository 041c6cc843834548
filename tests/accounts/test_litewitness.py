"""`litewitness`, by an author of C2SP tlog-witness, cosigns a log. Its key is in an ssh-agent."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ledger.merkle import EMPTY_ROOT
from tests.accounts.cases import SIGNER
from tests.accounts.small_log import ORIGIN, Log, begin, check

LITEWITNESS, AGENT = shutil.which("litewitness"), shutil.which("ssh-agent")
NAME = "witness.example/lite"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LITEWITNESS or not AGENT, reason="litewitness is not installed"),
]


def wait_for(path: Path, words: str) -> str:
    for _ in range(200):
        if path.exists() and words in (text := path.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(path.read_text() if path.exists() else f"{path} is missing")


def ssh_key(folder: Path, agent: Path) -> str:
    """Puts a new key into an agent; returns the digest by which litewitness finds it."""
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    environment = dict(os.environ) | {"SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", key], check=True, env=environment)
    blob = base64.b64decode((folder / "key.pub").read_text().split(" ")[1])
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A running witness that knows the log; its address and verifier key."""
    agent = tmp_path / "agent"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    database, said = tmp_path / "witness.db", tmp_path / "said"
    started = [subprocess.Popen([str(AGENT), "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)]
    try:
        for _ in range(100):
            if agent.exists():
                break
            time.sleep(0.05)
        words = [str(LITEWITNESS), "-name", NAME, "-key", ssh_key(tmp_path, agent)]
        words += ["-ssh-agent", str(agent), "-db", str(database)]
        with said.open("wb") as sink:
            started.append(
                subprocess.Popen([*words, "-listen", f"127.0.0.1:{port}"], stderr=sink, stdout=sink)
            )
        found = re.search(r'vkey="?([^\s"]+)', wait_for(said, "vkey="))
        assert found
        wait_for(said, "listening")
        with sqlite3.connect(database) as known:  # as `witnessctl add-log` and `add-key` do
            root = base64.b64encode(EMPTY_ROOT).decode()
            known.execute("INSERT INTO log VALUES (?, 0, ?)", (ORIGIN, root))
            known.execute("INSERT INTO key VALUES (?, ?)", (ORIGIN, SIGNER.vkey))
        yield f"http://127.0.0.1:{port}", found[1]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def test_litewitness_cosigns_a_growing_log(tmp_path: Path, lite: tuple[str, str]) -> None:
    url, vkey = lite
    folder = tmp_path / "log"
    begin(folder)
    log = Log(folder)
    earlier = tmp_path / "earlier"
    shutil.copytree(folder, earlier)
    for number in range(5):
        done = log.witness(url, "--witness", vkey, "--json")
        assert done.code == 0, done.err
        assert [one["name"] for one in done.json["witnesses"]] == [NAME]
        assert check(log.prove(), "--witness", vkey).code == 0
        log.add(*(f"{number}-{at}" for at in range(number + 1)))
    assert log.witness(url, "--witness", vkey).code == 0
    other = Log(earlier)
    refused = other.witness(url, "--witness", vkey)
    assert refused.code == 1 and "has seen more records of this log" in refused.err
    other.add(*(f"other {at}" for at in range(20)))
    refused = other.witness(url, "--witness", vkey)
    assert refused.code == 1 and "has seen another log by this name" in refused.err


def test_litewitness_does_not_know_another_log(tmp_path: Path, lite: tuple[str, str]) -> None:
    url, vkey = lite
    begin(tmp_path / "log")
    with sqlite3.connect(tmp_path / "witness.db") as known:
        known.execute("DELETE FROM key")
        known.execute("DELETE FROM log")
    refused = Log(tmp_path / "log").witness(url, "--witness", vkey)
    assert refused.code == 1 and "It does not know this log" in refused.err
