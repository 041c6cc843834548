"""The result of a verification: every problem, with its file, shard, key and member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Protocol

from pipelines.format.manifest import numbered_shards
from pipelines.verify.signer import SignedBy
from schemas import layout
from schemas.layout import shard_paths
from schemas.manifest import Manifest, PatchRecord


class ProblemKind(StrEnum):
    """The kind of a problem."""

    DAMAGE = "damage"
    """A file is missing, does not belong to the delivery, or differs from what was published."""

    REPLAY = "replay"
    """The manifest is signed, but does not belong to this delivery."""


@dataclass(frozen=True)
class Problem:
    """A problem and its location.

    Attributes:
        path: The published file with the problem.
        message: What is wrong with it.
        shard: Base name of the shard that the file belongs to, or "".
        key: Key of the sample with the problem, or "".
        member: Name of the tar member with the problem, or "".
        kind: Whether a file is damaged or the manifest is replayed.
    """

    path: str
    message: str
    shard: str = ""
    key: str = ""
    member: str = ""
    kind: ProblemKind = ProblemKind.DAMAGE

    def describe(self) -> str:
        """Returns the problem as one line."""
        where = f"{self.path}: "
        if self.member:
            return f"{where}key {self.key}, member {self.member}: {self.message}"
        return f"{where}key {self.key}: {self.message}" if self.key else where + self.message


class ProblemReporter(Protocol):
    """A function that adds a problem to a report."""

    def __call__(self, path: str, message: str, *, key: str = "", member: str = "") -> None:
        """Adds a problem.

        Args:
            path: The file, relative to the delivery.
            message: What is wrong with it.
            key: Key of the sample, if the problem is in one sample.
            member: Name of the tar member, if the problem is in one member.
        """


@dataclass(frozen=True)
class SampleSummary:
    """What a sampled verification covered.

    Attributes:
        seed: Seed of the draw.
        samples: Number of samples that were read.
        of: Number of samples in the delivery.
        bytes: Number of bytes of tars that were read.
        of_bytes: Total size of the tars.
        chance: Probability of detecting damage that affects one sample in a hundred, from 0 to 1.
        unread: Descriptions of what was not read.
    """

    seed: int
    samples: int
    of: int
    bytes: int
    of_bytes: int
    chance: float
    unread: tuple[str, ...]


@dataclass(frozen=True)
class ResumeSummary:
    """What an incremental verification took from its state.

    Attributes:
        state: Path of the state file.
        files: Number of unchanged files that were not read, since they were found sound before.
        bytes: Their size.
        reread: Number of unchanged files that were read again nevertheless.
        before: The delivery that was verified before, or "".
    """

    state: str
    files: int
    bytes: int
    reread: int
    before: str


@dataclass(frozen=True)
class RepairSummary:
    """What a repair did.

    Attributes:
        files: Paths of files that were rebuilt and replaced.
        removed: Paths of files that were removed because they are not part of the delivery.
        shards: Shards that were rebuilt because one of their files was damaged.
        found: The problems before the repair.
    """

    files: tuple[str, ...]
    removed: tuple[str, ...]
    shards: tuple[str, ...]
    found: tuple[Problem, ...]


@dataclass
class Report:
    """The result of a verification.

    Attributes:
        problems: The problems, in the order in which they were found.
        files: Number of files that were compared with the manifest.
        bytes: Their size.
        shards: Number of shards.
        samples: Number of samples in them.
        entries: Number of ledger entries.
        signed_by: The key that signed the manifest.
        delivery: The delivery that the manifest names.
        patches: What it was made from by a removal, if it was.
        sampled: What a sampled verification covered.
        resumed: What an incremental verification took from its state.
        repaired: What a repair did before this verification.
        shard_of: The shard that each file belongs to, by path.
    """

    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    shards: int = 0
    samples: int = 0
    entries: int = 0
    signed_by: SignedBy | None = None
    delivery: str = ""
    patches: PatchRecord | None = None
    sampled: SampleSummary | None = None
    resumed: ResumeSummary | None = None
    repaired: RepairSummary | None = None
    shard_of: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def sound(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    @property
    def damaged(self) -> frozenset[str]:
        """Paths of the files with problems."""
        return frozenset(problem.path for problem in self.problems)

    @property
    def replayed(self) -> bool:
        """Whether the manifest does not belong to this delivery."""
        return any(problem.kind is ProblemKind.REPLAY for problem in self.problems)

    @property
    def signer_accepted(self) -> bool:
        """Whether the manifest is signed by a pinned key or the demo's key."""
        return self.signed_by is not None and self.signed_by.accepted

    def add_problem(self, path: str, message: str, *, key: str = "", member: str = "") -> None:
        """Adds a problem of kind damage; see `ProblemReporter`."""
        self.problems.append(Problem(path, message, self.shard_of.get(path, ""), key, member))

    def add_replay(self, message: str) -> None:
        """Adds a reason why the manifest does not belong to this delivery."""
        self.problems.append(Problem(layout.MANIFEST, message, kind=ProblemKind.REPLAY))

    def to_json(self) -> dict[str, object]:
        """Returns the report as JSON."""
        numbers = {
            name: getattr(self, name) for name in ("files", "bytes", "shards", "samples", "entries")
        }
        parts = {"sampled": self.sampled, "resumed": self.resumed, "repaired": self.repaired}
        more = {name: asdict(part) for name, part in parts.items() if part is not None}
        patches = None if self.patches is None else self.patches.model_dump()
        return {
            "sound": self.sound,
            "problems": [asdict(problem) for problem in self.problems],
            **self._signer_json(),
            "delivery": self.delivery,
            "patches": patches,
            **numbers,
            **more,
        }

    def _signer_json(self) -> dict[str, object]:
        key = self.signed_by
        return {
            "signer": key.name if key else "",
            "key_id": key.key_id if key else "",
            "fingerprint": key.fingerprint if key else "",
            "key_pinned": key is not None and key.pinned,
            "key_demonstration": key is not None and key.demonstration,
        }


def shards_by_path(manifest: Manifest) -> dict[str, str]:
    """Returns the shard that each file belongs to, by path."""
    return {
        path: record.name
        for index, record in numbered_shards(manifest)
        for path in shard_paths(record.name, index)
    }
