"""How fast a delivery is pulled, beside other S3 clients: `python -m tests.bench.pull`.

All get the same files from the same server on this machine, over S3's protocol, with the same
number of connections and the same length of a part, in turn; each time is the best of some rounds.
`pull` and boto3's parallel downloads run in this process. After `make bench-peers` three commands,
each with its start, are compared as well: `fairshard pull`, `aws s3 cp --recursive` and `s5cmd
cp`, the last also with the numbers of connections that it chooses itself. The others neither
digest nor sync what they write; a pull does both. So s5cmd is also run with `openssl dgst -sha256`
after it, on all cores: what it takes with other tools to know that the files are right. Files are
in memory (`--dir`), since the disk is not what is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.config import Config
from s3transfer.manager import TransferConfig, TransferManager

from pipelines.pull.download import DownloadSettings
from pipelines.pull.open import open_origin
from pipelines.pull.part_file import PART_BYTES
from pipelines.pull.pull import PullRequest, pull
from tests.pull.deals import SIGNER, publish

LANES = 8
BUCKET = "bench"
SMALL_FILES, SMALL_BYTES = 40, 100_000
PREFIX = "acme/v0001/delivery"
CLIENTS = Path(".venv-s3-clients")
PART_MIB = PART_BYTES >> 20


def make(folder: Path, shards: int, shard_bytes: int) -> Path:
    """Writes a delivery below the bucket, and returns its folder."""
    block = os.urandom(1 << 20)
    files = {f"small/{n:03d}": block[n : n + SMALL_BYTES] for n in range(SMALL_FILES)}
    for n in range(shards):
        files[f"shards/d-{n:05d}.tar"] = n.to_bytes(8, "big") + block * (shard_bytes >> 20)
    publish(folder / BUCKET / "acme", "v0001", files)
    return folder / BUCKET / PREFIX


def by_pull(target: Path) -> None:
    origin = open_origin(f"s3://{BUCKET}/{PREFIX}", 30.0)
    request = PullRequest(target, (SIGNER.vkey,), settings=DownloadSettings(LANES))
    pull(origin, request, datetime.now(UTC), lambda done, total: None)


def by_boto3(source: Path, target: Path, endpoint: str) -> None:
    config = Config(max_pool_connections=LANES, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    manager = TransferManager(
        client,
        TransferConfig(
            max_request_concurrency=LANES,
            multipart_chunksize=PART_BYTES,
            multipart_threshold=PART_BYTES,
        ),
    )
    with manager:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                name = path.relative_to(source).as_posix()
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                manager.download(BUCKET, f"{PREFIX}/{name}", str(target / name))


def by_command(command: list[str]) -> Callable[[Path], None]:
    """Returns what runs a command that downloads to the folder which its last argument becomes."""

    def run(target: Path) -> None:
        subprocess.run([*command, f"{target}/"], check=True, stdout=subprocess.DEVNULL)

    return run


def with_digests(download: Callable[[Path], None]) -> Callable[[Path], None]:
    """Returns what downloads, and then computes the sha256 of every file on all cores."""

    def run(target: Path) -> None:
        download(target)
        files = sorted((path for path in target.rglob("*") if path.is_file()), key=_size)
        cores = os.cpu_count() or 1
        digests = [
            subprocess.Popen(
                ["openssl", "dgst", "-sha256", *files[core::cores]], stdout=subprocess.DEVNULL
            )
            for core in range(cores)
            if files[core::cores]
        ]
        assert all(process.wait() == 0 for process in digests)

    return run


def _size(path: Path) -> int:
    return path.stat().st_size


def commands(folder: Path) -> dict[str, Callable[[Path], None]]:
    """Returns the commands that are compared, by name; writes what configures them."""
    (folder / "agency.vkey").write_text(SIGNER.vkey + "\n")
    part = f"{PART_MIB}MB"
    (folder / "aws.config").write_text(
        f"[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = {LANES}\n"
        f"  multipart_chunksize = {part}\n  multipart_threshold = {part}\n"
        "  addressing_style = path\n"
    )
    os.environ["AWS_CONFIG_FILE"] = str(folder / "aws.config")
    place, tools = f"s3://{BUCKET}/{PREFIX}", CLIENTS / "bin"
    pull_command = [sys.executable, "-m", "pipelines", "pull", "--quiet", place]
    s5cmd = [str(tools / "s5cmd"), "--log", "error"]
    alike = ["--numworkers", "1", "cp", "-c", str(LANES), "-p", str(PART_MIB)]
    key = ["--key", str(folder / "agency.vkey")]
    return {
        "fairshard pull": by_command([*pull_command, *key]),
        "aws s3 cp": by_command([str(tools / "aws"), "s3", "cp", "--quiet", "--recursive", place]),
        "s5cmd cp": by_command([*s5cmd, *alike, f"{place}/*"]),
        "s5cmd cp, its defaults": by_command([*s5cmd, "cp", f"{place}/*"]),
        "s5cmd cp and digests": with_digests(by_command([*s5cmd, *alike, f"{place}/*"])),
    }


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    """Returns how often a pull's seconds are contained in those of each other client.

    Commands, which have to start, are compared with the command.
    """
    own = {"boto3": "pull"}
    return {
        way: round(took / seconds[own.get(way, "fairshard pull")], 2)
        for way, took in seconds.items()
        if way not in ("pull", "fairshard pull")
    }


def processor_s() -> float:
    """Returns the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(work: Callable[[Path], None], parent: Path, total: int) -> tuple[float, float]:
    """Returns the seconds and the CPU seconds that a download takes, and checks its length."""
    target = Path(tempfile.mkdtemp(dir=parent))
    try:
        start, cpu = time.perf_counter(), processor_s()
        work(target)
        took = time.perf_counter() - start, processor_s() - cpu
        found = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        assert found >= total, f"{found} bytes of {total}"
        return took
    finally:
        shutil.rmtree(target)


def main() -> None:
    """Prints speeds and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--mib", type=int, default=256, help="of a shard")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name)
        source = make(folder, options.shards, options.mib << 20)
        total = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.range_server", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None and server.stdin is not None
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        os.environ.update(
            AWS_ENDPOINT_URL_S3=endpoint,
            S3_ENDPOINT_URL=endpoint,  # s5cmd
            AWS_ACCESS_KEY_ID="x",
            AWS_SECRET_ACCESS_KEY="y",
            AWS_EC2_METADATA_DISABLED="true",
        )
        ways: dict[str, Callable[[Path], None]] = {
            "pull": by_pull,
            "boto3": lambda target: by_boto3(source, target, endpoint),
        }
        if CLIENTS.is_dir():
            ways |= commands(folder)
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, work in ways.items():
                times[way].append(timed(work, folder, total))
        server.stdin.close()
        server.wait()
    best = {way: min(wall for wall, _ in found) for way, found in times.items()}
    cpu = {way: min(spent for _, spent in found) for way, found in times.items()}
    print(
        json.dumps(
            {
                "mib": round(total / (1 << 20)),
                "mib_per_s": {way: round(total / (1 << 20) / best[way]) for way in ways},
                "cpu_s": {way: round(cpu[way], 2) for way in ways},
                "speed_ratio": ratios(best),
                "cpu_ratio": ratios(cpu),
                "rounds": {way: [round(wall, 2) for wall, _ in times[way]] for way in ways},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
