"""Both sides of the comparison with img2dataset: they pack the same pictures, timed alike."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.commands.common import parse_as_of
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.steps.package import package
from pipelines.verify.delivery import verify_delivery
from tests.bench.img2dataset_library import AS_OF, BenchLibrary, picture_name, write_deal

ROOT = Path(__file__).resolve().parents[2]
PEER = Path(".venv-img2dataset")
_PEER_SCRIPT = ROOT / "tests" / "bench" / "peer" / "img2dataset_peer.py"
_READERS = 8


@dataclass(frozen=True)
class PackingTime:
    """The time that packing all pictures took.

    Attributes:
        clock_s: Elapsed time.
        processor_s: Processor time of all processes involved, except the web server.
    """

    clock_s: float
    processor_s: float


@dataclass(frozen=True)
class Img2datasetMode:
    """The way in which img2dataset treats a picture."""

    name: str
    options: dict[str, object]


# With `resize_mode` alone, pictures are decoded and encoded again. In the second mode their bytes
# are kept, as in ours, but decoded. In the third, nothing checks whether they are pictures.
MODES = (
    Img2datasetMode("resize_mode=no", {}),
    Img2datasetMode("resize_mode=no, skip_reencode", {"skip_reencode": True}),
    Img2datasetMode("disable_all_reencoding", {"disable_all_reencoding": True}),
)


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serves a folder from a separate process within the block; yields its address."""
    command = [sys.executable, "-m", "tests.bench.file_server", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield f"http://127.0.0.1:{int(_line(process))}"
        finally:
            process.terminate()


def server_rate(address: str, pictures: int) -> float:
    """Returns how many pictures per second the server sends to a client that discards them."""
    port = int(address.rpartition(":")[2])

    def read(number: int) -> int:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET /{picture_name(number)} HTTP/1.1\r\n\r\n".encode())
            buffer, total = bytearray(1 << 20), 0
            while taken := connection.recv_into(buffer):
                total += taken
            return total

    started = time.perf_counter()
    with ThreadPoolExecutor(_READERS) as pool:
        least = min(pool.map(read, range(pictures)))
    if least < 10_000:
        raise RuntimeError(f"the server gave {least} bytes for a picture")
    return pictures / (time.perf_counter() - started)


@dataclass(frozen=True)
class Img2datasetSide:
    """img2dataset with one list of addresses.

    Attributes:
        folder: The folder of its list and its output.
        pictures: Number of pictures.
        processes: Number of processes that it uses.
        threads: Number of threads in each process.
    """

    folder: Path
    pictures: int
    processes: int
    threads: int

    @property
    def _output(self) -> Path:
        return self.folder / "img2dataset"

    def write_list(self, address: str) -> None:
        """Writes the list of addresses, with captions, as Parquet."""
        rows = {
            "url": [f"{address}/{picture_name(number)}" for number in range(self.pictures)],
            "caption": [f"Field of colours {number}" for number in range(self.pictures)],
        }
        pq.write_table(pa.table(rows), self.folder / "urls.parquet")

    def options(self, mode: Img2datasetMode) -> dict[str, object]:
        """Returns the arguments of `img2dataset.download`; others have their defaults."""
        return {
            "url_list": str(self.folder / "urls.parquet"),
            "input_format": "parquet",
            "caption_col": "caption",
            "output_folder": str(self._output),
            "output_format": "webdataset",
            "resize_mode": "no",
            "processes_count": self.processes,
            "thread_count": self.threads,
            # Small enough for every process to have shards to make until the end.
            "number_sample_per_shard": max(1, self.pictures // (2 * self.processes)),
            **mode.options,
        }

    def call(self, process: subprocess.Popen[str], mode: Img2datasetMode) -> PackingTime:
        """Times one call in a process that has already imported it."""
        self._clear()
        if process.stdin is None:
            raise RuntimeError("the process has no input")
        process.stdin.write(json.dumps(self.options(mode)) + "\n")
        process.stdin.flush()
        answer = json.loads(_line(process))
        self._check()
        return PackingTime(answer["clock_s"], answer["processor_s"])

    def command(self, mode: Img2datasetMode) -> PackingTime:
        """Times the whole command, started as a process."""
        self._clear()
        command = [f"--{name}={value}" for name, value in self.options(mode).items()]
        packing_time = run_command([str(ROOT / PEER / "bin" / "img2dataset"), *command])
        self._check()
        return packing_time

    def _clear(self) -> None:
        shutil.rmtree(self._output, ignore_errors=True)

    def _check(self) -> None:
        count = 0
        for path in self._output.glob("*.tar"):
            with tarfile.open(path) as tar:
                count += sum(name.endswith(".jpg") for name in tar.getnames())
        if count != self.pictures:
            raise RuntimeError(f"img2dataset packed {count} of {self.pictures} pictures")


@contextmanager
def peer_process() -> Iterator[subprocess.Popen[str]]:
    """Yields a process of img2dataset's environment that has imported it and waits for calls."""
    command = [str(ROOT / PEER / "bin" / "python"), str(_PEER_SCRIPT)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            _line(process)
            yield process
        finally:
            process.terminate()


@dataclass
class FairshardSide:
    """Our side: every packaging uses a new deal and the same feature store.

    Attributes:
        library: The library that is packaged.
        folder: The folder of the deals and the output.
        wids_md5: Whether the deals have the MD5 of tars in wids' index.
        made: Number of deals made so far.
    """

    library: BenchLibrary
    folder: Path
    wids_md5: str = "give"
    made: int = 0

    def warm(self) -> None:
        """Packages once, which computes and stores the features of every picture."""
        self._call(self._next())

    def call(self, workers: int) -> PackingTime:
        """Times one packaging through the program's functions, in this process."""
        deal = self._next()
        clock, processor = time.perf_counter(), processor_s()
        self._call(deal, workers, computed=0)
        packing_time = PackingTime(time.perf_counter() - clock, processor_s() - processor)
        self._forget(deal)
        return packing_time

    def command(self, workers: int) -> PackingTime:
        """Times the whole command, started as a process."""
        deal = self._next()
        command = [sys.executable, "-m", "pipelines", "package", "--quiet"]
        command += ["--catalogue", str(self.library.catalogue), "--deal", str(deal)]
        command += ["--as-of", AS_OF, "--out", str(self.output), "--workers", str(workers)]
        packing_time = run_command(command)
        self._forget(deal)
        return packing_time

    def verify(self) -> None:
        """Packages once more and verifies the delivery completely."""
        deal = self._next()
        self._call(deal, computed=0)
        report = verify_delivery(str(self.output / deal.stem / "v0001" / "delivery"), None, "")
        if not report.sound or report.samples != self.library.pictures:
            raise RuntimeError(f"{report.samples} samples, problems: {report.problems[:3]}")
        self._forget(deal)

    @property
    def output(self) -> Path:
        """The output store."""
        return self.folder / "out"

    def _next(self) -> Path:
        self.made += 1
        return write_deal(self.folder, f"bench-{self.wids_md5}-{self.made}", self.wids_md5)

    def _call(self, deal: Path, workers: int = 1, computed: int | None = None) -> None:
        prepared = prepare_job(
            JobRequest(
                catalogue=str(self.library.catalogue),
                deal=deal,
                as_of=parse_as_of(AS_OF),
                output=str(self.output),
                workers=workers,
            )
        )
        packaged = package(prepared.job, prepared.log_key)
        passed = packaged.steps["write"].passed
        if passed != self.library.pictures:
            raise RuntimeError(f"ours packed {passed} of {self.library.pictures} pictures")
        if computed is not None and set(packaged.computed.values()) != {computed}:
            raise RuntimeError(f"features were not cached: {packaged.computed}")

    def _forget(self, deal: Path) -> None:
        shutil.rmtree(self.output / deal.stem)


def processor_s() -> float:
    """Returns the processor time of this process and its ended children, in seconds."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def run_command(command: list[str]) -> PackingTime:
    """Runs a command until it ends; its processor time is known once it has been waited for."""
    clock, processor = time.perf_counter(), processor_s()
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[:4]} failed: {done.stderr.decode()[-800:]}")
    return PackingTime(time.perf_counter() - clock, processor_s() - processor)


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise RuntimeError(f"{process.args!r} ended without an answer")
    return line
