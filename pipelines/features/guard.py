"""Runs decoders in a child process, so that only the child can crash, hang or exhaust memory."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import weakref
from dataclasses import replace
from fractions import Fraction
from typing import IO

from PIL import Image

from pipelines.features.pipe_messages import (
    Header,
    PipeMessageError,
    SharedMemory,
    receive_blobs,
    receive_header,
    send_message,
    unpack_image,
)
from pipelines.features.reading_json import reading_from_json
from pipelines.media.films import Film, FilmShot
from pipelines.media.formats import Format
from pipelines.media.images import DecodedImage, ImageFacts
from pipelines.media.limits import MAX_SHOTS, MediaLimits
from pipelines.process.isolated import python_command
from pipelines.signals.file.embedded import may_state_rights
from pipelines.signals.file.metadata_blocks import file_fault
from pipelines.signals.file.trust import TrustLists
from schemas.errors import BadRecord, RunError
from schemas.reasons import Reason
from schemas.signal import Reading

_START_TIMEOUT_S = 120.0
_ATTEMPTS = 2
_MAX_ADDED_BYTES = 1 << 20  # what new metadata may add to a file
# The child inherits nothing of the parent's environment, so that a compromised decoder finds no
# credentials in it.
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",  # a second arena would escape the memory limit
    # Memory that each picture needs again is kept, since getting it anew costs a tenth of decoding.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_local = threading.local()


class Guard:
    """One child process, started on first use and restarted after it dies; not thread-safe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stop: weakref.finalize[..., Guard] | None = None
        self._trust_sha256 = ""  # of the trust lists that the child has
        self._shared: SharedMemory | None = None
        self.owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The child's process id; None if no child is running."""
        return self._process.pid if self._process else None

    def film(self, data: bytes, limits: MediaLimits) -> Film:
        """Probes a film; see `films.probe_film`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        header, images = self._ask(
            {"what": "film", "sample_frames": limits.sample_frames}, data, limits
        )
        facts = dict(header["facts"])
        facts["fps"] = Fraction(*facts["fps"])
        facts["keyframes_ms"] = tuple(facts["keyframes_ms"])
        facts["shots"] = tuple(FilmShot(*shot) for shot in facts["shots"])
        count = int(header["samples"])
        return Film(**facts, samples=tuple(images[:count]), shot_samples=tuple(images[count:]))

    def image(self, data: bytes, fmt: Format, limits: MediaLimits) -> DecodedImage:
        """Decodes a picture; see `images.decode_for_models`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        costs = {
            "cpu_s": limits.picture_cpu_s,
            "memory_bytes": min(limits.picture_memory_bytes, limits.decode_memory_bytes),
        }
        header, images = self._ask({"what": "image", "format": fmt, **costs}, data, limits)
        return DecodedImage(images[0], ImageFacts(**header["facts"]))

    def signals(self, data: bytes, fmt: Format, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what a file says about rights; see `embedded.read_embedded`.

        Returns:
            The reading. If the child crashes on the file or exceeds its time, a reading with one
            fault, since the file may have denied a use. Files without metadata need no child.
        """
        if not may_state_rights(data, fmt):
            return Reading()
        request: Header = {"what": "signals", "format": fmt, "trust_sha256": trust.digest}
        return self._reading(request, data, "metadata", trust, limits)

    def sidecar(self, data: bytes, name: str, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what an `.xmp` file beside a medium says about rights.

        Returns:
            The reading, with a fault as in `signals`.
        """
        request: Header = {"what": "sidecar", "name": name, "trust_sha256": trust.digest}
        return self._reading(request, data, f"sidecar {name}", trust, limits)

    def strip(
        self,
        data: bytes,
        fmt: Format,
        setting: str,
        orientation: int,
        trust: TrustLists,
        limits: MediaLimits,
    ) -> bytes:
        """Removes a file's metadata; see `strip.strip_metadata`. A plain file needs no child.

        Raises:
            BadRecord: `metadata.not_removable`, also if the child dies of it.
        """
        if not may_state_rights(data, fmt) and orientation == 1:
            return data
        request: Header = {
            "what": "strip",
            "format": fmt,
            "setting": setting,
            "orientation": orientation,
            "trust_sha256": trust.digest,
        }
        try:
            hurried = replace(limits, decode_timeout_s=limits.signals_timeout_s)
            _, blobs = self._ask_blobs(request, data, hurried, trust, len(data) + _MAX_ADDED_BYTES)
        except BadRecord as bad:
            raise BadRecord(Reason.METADATA_NOT_REMOVABLE, bad.detail) from bad
        [stripped] = blobs
        return stripped

    def _reading(
        self, request: Header, data: bytes, where: str, trust: TrustLists, limits: MediaLimits
    ) -> Reading:
        try:
            hurried = replace(limits, decode_timeout_s=limits.signals_timeout_s)
            header, _ = self._ask(request, data, hurried, trust)
            return reading_from_json(header["reading"])
        except BadRecord as bad:
            detail = bad.detail
        # A compromised child may answer anything.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"the reader sent an invalid answer: {type(error).__name__}"
        return Reading(faults=(file_fault(where, detail, data),))

    def close(self) -> None:
        """Ends the child, if one is running."""
        if self._stop is not None:
            self._stop()
        self._process = self._stop = None
        self._trust_sha256 = ""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def _ask(
        self,
        request: Header,
        data: bytes,
        limits: MediaLimits,
        trust: TrustLists | None = None,
    ) -> tuple[Header, list[Image.Image]]:
        most_bytes = 3 * limits.side**2 * (limits.sample_frames + MAX_SHOTS)
        header, blobs = self._ask_blobs(request, data, limits, trust, most_bytes)
        sizes = header.get("sizes", [])
        return header, [unpack_image(size, blob) for size, blob in zip(sizes, blobs, strict=True)]

    def _ask_blobs(
        self,
        request: Header,
        data: bytes,
        limits: MediaLimits,
        trust: TrustLists | None,
        most_bytes: int,
    ) -> tuple[Header, list[bytes]]:
        request = {
            "max_pixels": limits.max_pixels,
            "side": limits.side,
            "cpu_s": limits.decode_timeout_s,
            "memory_bytes": limits.decode_memory_bytes,
            **request,
            "timeout_s": limits.decode_timeout_s,
        }
        for attempt in range(1, _ATTEMPTS + 1):
            late = threading.Event()
            try:
                return self._exchange(request, data, limits, late, trust, most_bytes)
            except (OSError, PipeMessageError) as error:
                detail, took_too_long = self._autopsy(late.is_set(), request)
                # A child may die for another reason, such as low memory on the machine; if a fresh
                # child dies too, the file is the cause.
                if took_too_long or attempt == _ATTEMPTS:
                    raise BadRecord(Reason.MEDIA_UNDECODABLE, detail) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _exchange(
        self,
        request: Header,
        data: bytes,
        limits: MediaLimits,
        late: threading.Event,
        trust: TrustLists | None,
        most_bytes: int,
    ) -> tuple[Header, list[bytes]]:
        process = self._start()
        if trust is not None and trust.digest != self._trust_sha256:
            # Sent once per child, since they may be much larger than a file's statements.
            request = request | {"trust": trust.as_json()}
        watch = threading.Timer(limits.decode_timeout_s, _kill_late, (process, late))
        watch.start()
        try:
            requests, answers = _pipes(process)
            send_message(requests, request, [data], self._shared)
            header = receive_header(answers)
            blobs = receive_blobs(answers, header, most_bytes, self._shared)
        finally:
            watch.cancel()
        if "bad" in header:
            reason, detail = header["bad"]
            raise BadRecord(Reason(reason), detail)
        if trust is not None:
            self._trust_sha256 = trust.digest
        return header, blobs

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
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            pass_fds=handles,
        )
        self._process = process
        self._stop = weakref.finalize(self, _end, process, os.getpid())
        watch = threading.Timer(_START_TIMEOUT_S, process.kill)
        watch.start()
        try:
            receive_header(_pipes(process)[1])
        except PipeMessageError as error:
            self.close()
            raise RunError(
                "The decoder process cannot start",
                f"{shlex.join(command)} (exit code {process.returncode})",
                "Run that command by hand to see why.",
            ) from error
        finally:
            watch.cancel()
        return process

    def _autopsy(self, late: bool, request: Header) -> tuple[str, bool]:
        """Ends the child if it is still running, and returns why it died, and whether of time."""
        process = self._process
        self.close()
        if late:
            return f"the child took longer than {request['timeout_s']:g} s", True
        code = process.returncode if process else None
        if code == -signal.SIGXCPU:
            return f"the child used more than {request['cpu_s']:g} s of processor time", True
        if code is not None and code < 0:
            return f"the child crashed: signal {-code}", False
        return f"the child crashed: exit code {code}", False


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the child was started with pipes")
    return process.stdin, process.stdout


def _kill_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


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


def this_guard() -> Guard:
    """Returns this thread's guard."""
    guard: Guard | None = getattr(_local, "guard", None)
    if guard is None or guard.owner != os.getpid():
        guard = _local.guard = Guard()
    return guard
