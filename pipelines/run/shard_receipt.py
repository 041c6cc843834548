"""Receipt of one shard that was written; it needs nothing of the packaging side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipelines.run.costs import Cost
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.sample_counts import SampleCounts
from schemas import layout
from schemas.manifest import FileRecord, ShardRecord


@dataclass(frozen=True)
class ShardReceipt:
    """Receipt of one shard that was written.

    Attributes:
        shard: What the manifest says about it and its tar.
        index: Position among the delivery's shards.
        md5: Of the tar, hex; "" if the deal wants none.
        files: Its other files as they were written, so that none is read again to be digested.
        personal: How many of its samples hold personal data as they are delivered.
        samples: How many of its samples have a rendition or a flagged caption.
        cost: What it took, also in an earlier attempt at the run.
    """

    shard: ShardRecord
    index: int
    md5: str
    files: tuple[FileRecord, ...]
    personal: PersonalCounts = field(default_factory=PersonalCounts)
    samples: SampleCounts = field(default_factory=SampleCounts)
    cost: Cost = field(default_factory=Cost)

    @property
    def tar(self) -> FileRecord:
        """The tar."""
        path = layout.tar_path(self.shard.name)
        return FileRecord(path=path, bytes=self.shard.bytes, sha256=self.shard.sha256)

    @property
    def table(self) -> FileRecord:
        """The table beside the tar."""
        path = layout.shard_table_path(self.shard.name)
        return next(file for file in self.files if file.path == path)

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        return {
            "shard": self.shard.model_dump(),
            "index": self.index,
            "md5": self.md5,
            "files": [file.model_dump() for file in self.files],
            "personal": self.personal.to_json(),
            "samples": self.samples.to_json(),
            "cost": self.cost.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ShardReceipt:
        """Reads back what `to_json` wrote."""
        files = tuple(FileRecord(**file) for file in value["files"])
        personal = PersonalCounts.from_json(value.get("personal", {}))
        samples = SampleCounts.from_json(value.get("samples", {}))
        shard = ShardRecord(**value["shard"])
        cost = Cost.from_json(value.get("cost", {}))
        return cls(shard, value["index"], value["md5"], files, personal, samples, cost)
