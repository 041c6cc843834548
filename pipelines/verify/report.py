"""What verification found: each thing wrong, with the file, shard, key and member at fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Protocol

from pipelines.verify.signer import SignedBy
from schemas import layout
from schemas.layout import shard_paths
from schemas.manifest import Manifest


class ProblemKind(StrEnum):
    """What sort of thing is wrong."""

    DAMAGE = "damage"
    """A file is missing, does not belong, or is not what was published."""

    REPLAY = "replay"
    """The manifest is signed, but it is not the one that belongs here."""


@dataclass(frozen=True)
class Problem:
    """Something wrong, and where.

    Attributes:
        path: The published file that it is wrong in.
        message: What is wrong with it.
        shard: Base name of the shard that the file belongs to, or "".
        key: Key of the sample at fault, or "".
        member: Name of the tar's member at fault, or "".
        kind: Whether files are damaged or a manifest is replayed.
    """

    path: str
    message: str
    shard: str = ""
    key: str = ""
    member: str = ""
    kind: ProblemKind = ProblemKind.DAMAGE

    def describe(self) -> str:
        """The problem in a line."""
        where = f"{self.path}: "
        if self.member:
            return f"{where}key {self.key}, member {self.member}: {self.message}"
        return f"{where}key {self.key}: {self.message}" if self.key else where + self.message


class ProblemReporter(Protocol):
    """Takes what is wrong."""

    def __call__(self, path: str, message: str, *, key: str = "", member: str = "") -> None:
        """Adds a problem.

        Args:
            path: The file, below the delivery.
            message: What is wrong with it.
            key: The sample, where it is one sample's.
            member: The tar's member, where it is one member's.
        """


@dataclass(frozen=True)
class SampleSummary:
    """What a sampled verification looked at.

    Attributes:
        seed: What the draw was made from.
        samples: How many samples were read; `of`: how many there are.
        bytes: How many bytes of tars were read; `of_bytes`: how many there are.
        chance: Of having met damage that touches one sample in a hundred, from 0 to 1.
        unread: What was not read at all, in words.
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
        state: The file.
        files: How many files were known sound and looked the same; `bytes`: their size.
        reread: How many of those that looked the same were read again all the same.
        before: The delivery that was seen before, or "".
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
        files: Paths that were made anew and replaced.
        removed: Paths that were there and belong to no delivery.
        shards: Shards that were written anew, wherever a file of theirs was bad.
        found: What was wrong before.
    """

    files: tuple[str, ...]
    removed: tuple[str, ...]
    shards: tuple[str, ...]
    found: tuple[Problem, ...]


@dataclass
class Report:
    """What verification found.

    Attributes:
        problems: What is wrong, in the order it was found.
        files: How many files were compared with the manifest; `bytes`: their size.
        shards: How many shards; `samples`: what they hold; `entries`: of the ledger.
        signed_by: The key that signed; `delivery`: what it signed.
        sampled: What a sampled verification looked at.
        resumed: What an incremental one took from its state.
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
    sampled: SampleSummary | None = None
    resumed: ResumeSummary | None = None
    repaired: RepairSummary | None = None
    shard_of: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def damaged(self) -> frozenset[str]:
        """The files that something is wrong with."""
        return frozenset(problem.path for problem in self.problems)

    @property
    def replayed(self) -> bool:
        """Whether the manifest is not the one that belongs here."""
        return any(problem.kind is ProblemKind.REPLAY for problem in self.problems)

    @property
    def signer_accepted(self) -> bool:
        """Whether the key that signed is a pinned one, or the demo's."""
        return self.signed_by is not None and self.signed_by.accepted

    def add_problem(self, path: str, message: str, *, key: str = "", member: str = "") -> None:
        """Adds damage; see `ProblemReporter`."""
        self.problems.append(Problem(path, message, self.shard_of.get(path, ""), key, member))

    def add_replay(self, message: str) -> None:
        """Adds a reason why the manifest is not the one that belongs here."""
        self.problems.append(Problem(layout.MANIFEST, message, kind=ProblemKind.REPLAY))

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        numbers = {
            name: getattr(self, name) for name in ("files", "bytes", "shards", "samples", "entries")
        }
        parts = {"sampled": self.sampled, "resumed": self.resumed, "repaired": self.repaired}
        more = {name: asdict(part) for name, part in parts.items() if part is not None}
        return {
            "sound": self.sound,
            "problems": [asdict(problem) for problem in self.problems],
            **self._signer_json(),
            "delivery": self.delivery,
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
    """The shard that each file belongs to."""
    return {
        path: record.name
        for index, record in enumerate(manifest.shards)
        for path in shard_paths(record.name, index)
    }
