"""The state of incremental verification: files found sound, and the newest manifest seen.

The state is a file of the reader. A digest in it detects damage only: anyone who can write the file
can also write the digest, so keep it where the delivery's writer has no access.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import ObjectInfo
from pipelines.storage.tables import json_bytes
from pipelines.verify.files import DeliveryFiles
from pipelines.verify.report import Report, ResumeSummary
from schemas.errors import InputError
from schemas.manifest import FileRecord, Manifest

_STATE_FORMAT = 1
_SAVE_EVERY_S = 2.0
_VERSION = re.compile(r"v(\d{4,})")


@dataclass(frozen=True)
class IncrementalSettings:
    """How to continue from an earlier verification.

    Attributes:
        path: The state file; created if there is none.
        reread: Fraction of the bytes known to be sound that are read again, oldest reads first.
        full: Whether everything is read again.
    """

    path: Path
    reread: Fraction = Fraction(0)
    full: bool = False


@dataclass(frozen=True)
class LatestManifest:
    """The newest manifest that was seen."""

    delivery: str
    as_of: str
    manifest_sha256: str
    vkey: str
    origin: str
    size: int
    root: str


@dataclass(frozen=True)
class VerifiedFile:
    """A file that was found sound.

    Attributes:
        bytes: Its size.
        sha256: Its digest, hex.
        marker: The store's change marker.
        round: Number of the verification that last read it.
    """

    bytes: int
    sha256: str
    marker: str
    round: int


@dataclass
class VerificationState:
    """The state, as used by one verification.

    Attributes:
        settings: How to continue.
        uri: Address of the delivery that `verified_files` belong to.
        latest: The newest manifest that was seen, or None.
        round: Number of this verification.
        verified_files: Files that were found sound, by path.
    """

    settings: IncrementalSettings
    uri: str = ""
    latest: LatestManifest | None = None
    round: int = 0
    verified_files: dict[str, VerifiedFile] = field(default_factory=dict)
    _saved_at: float = 0.0
    _open: bool = False

    @classmethod
    def open(cls, settings: IncrementalSettings) -> VerificationState:
        """Reads the state, or starts a new one if there is none.

        Raises:
            InputError: If the file is damaged or not a state.
        """
        try:
            data = settings.path.read_bytes()
        except FileNotFoundError:
            return cls(settings)
        except OSError as error:
            raise _unusable_state(settings.path, str(error)) from error
        try:
            record = json.loads(data)
            stored_digest = record.pop("sha256")
            if stored_digest != _digest(record) or record["fairshard_state"] != _STATE_FORMAT:
                raise ValueError("its digest is not that of its content")
            latest = LatestManifest(**record["seen"]) if record["seen"] is not None else None
            verified = {path: VerifiedFile(**item) for path, item in record["files"].items()}
            return cls(settings, str(record["uri"]), latest, int(record["round"]), verified)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _unusable_state(settings.path, str(error)) from error

    def begin(
        self,
        uri: str,
        manifest: Manifest,
        data: bytes,
        found: Mapping[str, ObjectInfo],
        groups: Iterable[list[str]],
        report: Report,
    ) -> frozenset[str]:
        """Compares the manifest with the newest one seen, and returns what need not be read.

        Args:
            uri: Address of the delivery.
            manifest: Its manifest, verified.
            data: The manifest's bytes.
            found: The objects that exist.
            groups: Files that are checked together: a group is skipped only as a whole.
            report: Receives the problems, and what was skipped.

        Returns:
            Paths of files that were found sound before and are unchanged.

        Raises:
            InputError: If the state belongs to another deal.
        """
        before = self.latest.delivery if self.latest is not None else ""
        report.resumed = ResumeSummary(str(self.settings.path), 0, 0, 0, before)
        latest = _latest_manifest(manifest, data)
        if self.latest is not None and self.latest != latest:
            self._check_newer(self.latest, latest, report)
        if report.replayed:
            return frozenset()  # nothing is recorded for a replay
        self._open = True
        self.round += 1
        if uri != self.uri:
            self.verified_files.clear()
        self.uri, self.latest = uri, latest
        listed = {file.path: file for file in manifest.files}
        unchanged = [
            group
            for group in groups
            if group and all(self._is_unchanged(p, listed, found) for p in group)
        ]
        reread_groups = self._to_reread(unchanged)
        unchanged_paths = {path for group in unchanged for path in group}
        reread = {path for at in reread_groups for path in unchanged[at]}
        trusted = frozenset(unchanged_paths - reread)
        # A file that is read now counts as sound only once it has been found so again.
        self.verified_files = {path: self.verified_files[path] for path in trusted}
        report.resumed = ResumeSummary(
            str(self.settings.path),
            len(trusted),
            sum(self.verified_files[path].bytes for path in trusted),
            len(reread),
            before,
        )
        return trusted

    def remember(self, group: Iterable[str], files: DeliveryFiles) -> None:
        """Records files that were found sound together."""
        if not self._open:
            return
        for path in group:
            record, marker = files.listed[path], files.found[path].marker
            self.verified_files[path] = VerifiedFile(
                record.bytes, record.sha256, marker, self.round
            )
        if time.monotonic() - self._saved_at >= _SAVE_EVERY_S:
            self._save()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Writes the state when the block ends, even after an error."""
        try:
            yield
        finally:
            if self._open:
                self._save()

    def _is_unchanged(
        self, path: str, listed: Mapping[str, FileRecord], found: Mapping[str, ObjectInfo]
    ) -> bool:
        verified = self.verified_files.get(path)
        return (
            verified is not None
            and path in found
            and found[path].marker != ""
            and (verified.bytes, verified.sha256) == (listed[path].bytes, listed[path].sha256)
            and verified.marker == found[path].marker
        )

    def _to_reread(self, unchanged: list[list[str]]) -> frozenset[int]:
        """Returns which unchanged groups are read again: those whose last read is oldest."""
        if self.settings.full:
            return frozenset(range(len(unchanged)))
        sizes = [sum(self.verified_files[path].bytes for path in group) for group in unchanged]
        ages = [min(self.verified_files[path].round for path in group) for group in unchanged]
        wanted, chosen = self.settings.reread * sum(sizes), set()
        for at in sorted(range(len(unchanged)), key=lambda at: (ages[at], unchanged[at])):
            if wanted <= 0:
                break
            chosen.add(at)
            wanted -= sizes[at]
        return frozenset(chosen)

    def _check_newer(self, before: LatestManifest, now: LatestManifest, report: Report) -> None:
        deal, _, version = now.delivery.partition("/")
        deal_before, _, version_before = before.delivery.partition("/")
        if deal != deal_before:
            raise InputError(
                "The state belongs to another deal",
                f"{self.settings.path} has seen {before.delivery}, but this is {now.delivery}",
                "Keep one state file per deal.",
            )
        pinned = report.signed_by is not None and report.signed_by.pinned
        if now.vkey != before.vkey and not pinned:
            report.add_replay(f"replayed or forged: signed by {now.vkey}, earlier by {before.vkey}")
        if _version_number(version) < _version_number(version_before):
            report.add_replay(f"replayed: it is of {version}, {version_before} was seen before")
        elif version == version_before:
            text = f"replayed or forged: another manifest of {version} was seen before, as of "
            text += f"{before.as_of} with {before.size} ledger entries; this one is as of "
            report.add_replay(f"{text}{now.as_of} with {now.size}")
        elif now.as_of < before.as_of:
            text = f"replayed: {version} is as of {now.as_of}, "
            report.add_replay(f"{text}{version_before} was as of {before.as_of}")

    def _save(self) -> None:
        record: dict[str, object] = {
            "fairshard_state": _STATE_FORMAT,
            "uri": self.uri,
            "seen": dataclasses.asdict(self.latest) if self.latest is not None else None,
            "round": self.round,
            "files": {path: dataclasses.asdict(item) for path, item in self.verified_files.items()},
        }
        path = self.settings.path.absolute()
        data = json_bytes({**record, "sha256": _digest(record)})
        LocalStore(str(path.parent)).write_bytes(path.name, data)
        self._saved_at = time.monotonic()


def _latest_manifest(manifest: Manifest, data: bytes) -> LatestManifest:
    ledger = manifest.ledger
    return LatestManifest(
        manifest.delivery,
        manifest.as_of,
        hashlib.sha256(data).hexdigest(),
        manifest.vkey,
        ledger.origin,
        ledger.entries,
        ledger.root,
    )


def _version_number(version: str) -> int:
    match = _VERSION.fullmatch(version)
    return int(match[1]) if match else 0


def _digest(record: Mapping[str, object]) -> str:
    return hashlib.sha256(b"fairshard/state\x00" + json_bytes(record)).hexdigest()


def _unusable_state(path: Path, why: str) -> InputError:
    return InputError(
        "The state of an earlier verification cannot be used",
        f"{path}: {why}",
        "Delete it to verify everything again. An older delivery in place of the newest can then "
        "no longer be detected.",
    )
