"""A child process that answers requests about files, restarted whenever it dies.

Only the child can crash, hang or exhaust memory. The modules `guard_*` hold what it is asked, and
`child_*` how it answers.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
import weakref

from pipelines.features.answers import failure_answer
from pipelines.features.pipe_messages import (
    BYTES_PER_PIXEL,
    Blob,
    Channel,
    Header,
    PipeMessageError,
    SharedMemory,
)
from pipelines.media.limits import MAX_SHOTS, MediaLimits
from pipelines.process.isolated import python_command
from pipelines.signals.file.trust import TrustLists
from pipelines.storage.progress import note_amount, timing
from schemas.errors import BadRecord, RunError
from schemas.reasons import Reason

MAX_CLIP_GROWTH = 16  # by which what is encoded again may be larger than its film
MAX_ADDED_BYTES = 1 << 20  # what new metadata may add to a file
_START_TIMEOUT_S = 120.0
_ATTEMPTS = 2
# The child inherits nothing of the parent's environment, so that a compromised decoder finds no
# credentials in it.
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",  # a second arena would escape the memory limit
    # Memory is kept for the next picture: getting it from the system costs a tenth of decoding.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class GuardedChild:
    """One child process, started on first use and restarted after it dies; not thread-safe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stop: weakref.finalize[..., GuardedChild] | None = None
        self._trust_sha256 = ""  # of the trust lists that the child has
        self._shared: SharedMemory | None = None
        self._channel: Channel | None = None
        self.owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The child's process id; None if no child is running."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """Ends the child, if one is running."""
        if self._stop is not None:
            self._stop()
        self._process = self._stop = self._channel = None
        self._trust_sha256 = ""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def ask(
        self,
        request: Header,
        data: bytes,
        limits: MediaLimits,
        max_answer_bytes: int,
        trust: TrustLists | None = None,
    ) -> tuple[Header, list[Blob]]:
        """Asks the child about a file; with trust lists, about its metadata.

        Returns:
            The answer's header and blobs; the blobs are valid until the next request.

        Raises:
            BadRecord: The child's own, or `media.undecodable` if it dies or takes too long.
        """
        timeout_s = limits.decode_timeout_s if trust is None else limits.signals_timeout_s
        request = {
            "max_pixels": limits.max_pixels,
            "side": limits.side,
            "cpu_s": timeout_s,
            "memory_bytes": limits.decode_memory_bytes,
            "timeout_s": timeout_s,
            **request,
        }
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with timing("decode_s"):
                    return self._exchange(request, data, max_answer_bytes, trust)
            except (OSError, PipeMessageError) as error:
                detail, took_too_long = self._autopsy(isinstance(error, TimeoutError), request)
                # A child may die for another reason, such as low memory on the machine; if a fresh
                # child dies too, the file is the cause.
                if took_too_long or attempt == _ATTEMPTS:
                    raise BadRecord(Reason.MEDIA_UNDECODABLE, detail) from error
                note_amount("decoder_retries")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _exchange(
        self, request: Header, data: bytes, max_answer_bytes: int, trust: TrustLists | None
    ) -> tuple[Header, list[Blob]]:
        channel = self._connect()
        if trust is not None and trust.digest != self._trust_sha256:
            # Sent once per child, since they may be much larger than a file's statements.
            request = request | {"trust": trust.as_json()}
        deadline_s = time.monotonic() + request["timeout_s"]
        channel.send(request, [data], deadline_s)
        header = channel.receive_header(deadline_s)
        blobs = channel.receive_blobs(header, max_answer_bytes, deadline_s)
        if "bad" in header:
            raise failure_answer(header)
        if trust is not None:
            self._trust_sha256 = trust.digest
        return header, blobs

    def _connect(self) -> Channel:
        self._start()
        if self._channel is None:
            raise AssertionError("a child that was started has a channel")
        return self._channel

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        shared = SharedMemory.create()
        self._shared = shared
        handles = () if shared is None else (shared.handle,)
        command = python_command(f"{__package__}.child", *map(str, handles))
        process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            pass_fds=handles,
        )
        self._process = process
        self._stop = weakref.finalize(self, _end, process, os.getpid())
        self._channel = _channel(process, shared)
        try:
            self._channel.receive_header(time.monotonic() + _START_TIMEOUT_S)
        except (OSError, PipeMessageError) as error:
            if isinstance(error, TimeoutError):
                process.kill()
            self.close()
            raise RunError(
                "The decoder process cannot start",
                f"{shlex.join(command)} (exit code {process.returncode})",
                "Run that command by hand to see why.",
            ) from error
        return process

    def _autopsy(self, late: bool, request: Header) -> tuple[str, bool]:
        """Ends the child if it is still running, and returns why it died, and whether of time."""
        process = self._process
        if late and process is not None:
            process.kill()
        self.close()
        if late:
            return f"the child took longer than {request['timeout_s']:g} s", True
        code = process.returncode if process else None
        if code == -signal.SIGXCPU:
            return f"the child used more than {request['cpu_s']:g} s of processor time", True
        if code is not None and code < 0:
            return f"the child crashed: signal {-code}", False
        return f"the child crashed: exit code {code}", False


def max_pixel_bytes(limits: MediaLimits) -> int:
    """Returns the size of the largest answer with a film's pictures."""
    return BYTES_PER_PIXEL * limits.side**2 * (limits.sample_frames + MAX_SHOTS)


def _channel(process: subprocess.Popen[bytes], shared: SharedMemory | None) -> Channel:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the child was started with pipes")
    requests = process.stdin.fileno()
    os.set_blocking(requests, False)  # so that a child that reads nothing cannot stop its parent
    return Channel(process.stdout.fileno(), requests, shared)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """Ends a child; after a fork, the copied guard must not end its parent's child."""
    if os.getpid() != owner:
        return
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        # A dying child keeps its own exit code; an idle one exits when its input closes.
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
