"""Checks a sample's JSON and text against each other, its row, its profile and the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.media.formats import FORMATS, media_type_of, parse_format
from pipelines.profiles import profile_for, profile_names
from pipelines.profiles.base import Profile, SampleError
from pipelines.profiles.captions import score_bp
from pipelines.verify.sample_facts import Stated, contradictions, differing_measures
from schemas.manifest import ShardRecord
from schemas.profiles.file_fields import file_columns
from schemas.profiles.index_columns import index_columns

# The fields that a sample's JSON and its row in the table have in common.
_COMPARED_FIELDS = (
    "key asset profile media_sha256 media_type deal_id width height caption caption_source "
    "caption_model decision_sha256 duration_ms title licence_model licence_class licence_code "
    "digital_source_type ai_generated alteration_constraints file_constraints "
    "duplication_constraints usable_until"
).split()


@dataclass(frozen=True)
class SampleCheck:
    """Checks the contents of samples.

    Attributes:
        family: File extension of their media.
        profile: The profile that they must match.
        stated: What the manifest says about them.
    """

    family: str
    profile: Profile
    stated: Stated

    @classmethod
    def of(cls, record: ShardRecord, stated: Stated) -> SampleCheck | None:
        """Returns the check for a shard; None if no profile is known for the deal's."""
        if stated.profile not in profile_names() or record.family not in FORMATS:
            return None
        known = profile_for(stated.profile, media_type_of(parse_format(record.family)))
        return cls(record.family, known, stated) if known is not None else None

    def faults_of(
        self, key: str, sample: Mapping[str, bytes], row: Mapping[str, object] | None
    ) -> Iterator[tuple[str, str]]:
        """Yields what is wrong with a sample.

        Args:
            key: Its key.
            sample: Its members' bytes by extension; the medium's may be empty.
            row: Its row in the shard's table, if known.

        Yields:
            Pairs of the extension of the wrong member and a description of what is wrong.
        """
        if self.family not in sample:
            yield self.family, f"the sample has no .{self.family}"
        yield from self._member_faults(sample)
        if "json" not in sample or "txt" not in sample:
            yield "json", "the sample has no text or no JSON"
            return
        try:
            read = self.profile.parse_sample(sample["json"])
        except SampleError as error:
            yield "json", f"the sample does not match the profile {self.profile.name}: {error}"
            return
        present = {name: sample[name] for name in self.profile.extras if name in sample}
        if len(present) == len(self.profile.extras):
            yield from self.profile.find_extra_faults(read, present)
        if read.key != key or read.caption.encode() != sample["txt"]:
            yield "txt", "its JSON or text belongs to another sample"
        if row is not None and "split" in row:  # deliveries of FORMAT_VERSION 10 have other rules
            for fault in contradictions(read, sample["json"], self.family, self.stated):
                yield "json", fault
        mismatches = [
            name
            for name in _COMPARED_FIELDS
            if row is not None and getattr(read, name) != row[name]
        ]
        if row is not None:
            mismatches += differing_measures(read, row)
            # Tables of earlier releases have fewer columns.
            facts: dict[str, object] = {**file_columns(read), **index_columns(read)}
            facts |= {field.name: getattr(read, field.name) for field in self.profile.columns}
            mismatches += [
                name for name, value in facts.items() if name in row and value != row[name]
            ]
            if score_bp(float(str(row["clip_score"]))) != read.clip_score_bp:
                mismatches.append("clip_score")
        if mismatches:
            other = f"its table has different values for {', '.join(mismatches)}"
            yield "json", f"the sample does not match the profile {self.profile.name}: {other}"

    def _member_faults(self, sample: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
        """Yields extra members that are missing, and those that the profile does not have."""
        wanted = self.profile.extras
        found = [name for name in sample if name not in (self.family, "txt", "json")]
        for name in found:
            if name not in wanted and not name.startswith("__"):
                yield name, f"the profile {self.profile.name} has no member .{name}"
        for name in wanted:
            if name not in sample:
                yield name, f"the sample has no .{name}"
