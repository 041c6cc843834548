"""Counts of the renditions and of the flagged captions among samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypedDict


class SampleCountsJson(TypedDict, total=False):
    """The counts as JSON; what is missing is zero."""

    samples: int
    renditions: dict[str, int]
    flagged: int
    flags: dict[str, int]


@dataclass
class SampleCounts:
    """How many samples have a rendition, and how many a flagged caption.

    Attributes:
        samples: All samples.
        renditions: Those whose file is a rendition, by the kind of medium.
        flagged: Those with a flagged caption.
        flags: The same by flag; a sample counts once under each of its flags.
    """

    samples: int = 0
    renditions: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    flags: Counter[str] = field(default_factory=Counter)

    def add_sample(self, media_type: str, rendition: str, flags: Iterable[str]) -> None:
        """Counts one sample.

        Args:
            media_type: `image` or `video`.
            rendition: How its file was rendered; "" if it was not.
            flags: The flags of its captions.
        """
        found = set(map(str, flags))
        self.samples += 1
        self.renditions.update([media_type] if rendition else [])
        self.flagged += bool(found)
        self.flags.update(found)

    def add(self, other: SampleCounts) -> None:
        """Adds the counts of other samples."""
        self.samples += other.samples
        self.renditions.update(other.renditions)
        self.flagged += other.flagged
        self.flags.update(other.flags)

    def to_json(self) -> SampleCountsJson:
        """Returns the counts as JSON, with the flags sorted."""
        return {
            "samples": self.samples,
            "renditions": dict(sorted(self.renditions.items())),
            "flagged": self.flagged,
            "flags": dict(sorted(self.flags.items())),
        }

    @classmethod
    def from_json(cls, value: SampleCountsJson) -> SampleCounts:
        """Returns the counts that `to_json` wrote; what is missing is zero."""
        return cls(
            value.get("samples", 0),
            Counter(value.get("renditions", {})),
            value.get("flagged", 0),
            Counter(value.get("flags", {})),
        )

    def lines(self, render_images: str) -> list[tuple[str, str]]:
        """Returns the counts in words with their headings; nothing of what no sample has.

        Args:
            render_images: The deal's `render.images`.
        """
        lines = []
        pictures, films = self.renditions["image"], self.renditions["video"]
        if pictures:
            noun = "picture" if pictures == 1 else "pictures"
            why = f'render.images = "{render_images}"'
            lines.append(("Renditions", f"{pictures:,} {noun} rendered as displayed ({why})"))
        if films:
            noun = "film" if films == 1 else "films"
            why = 'render.audio = "drop"'
            lines.append(("Renditions", f"{films:,} {noun} delivered without sound ({why})"))
        if self.flagged:
            have = "sample has" if self.flagged == 1 else "samples have"
            kinds = ", ".join(f"{flag} {count:,}" for flag, count in sorted(self.flags.items()))
            lines.append(
                (
                    "Captions",
                    f"{self.flagged:,} {have} a flagged caption of a model ({kinds}); "
                    'captions.flagged = "drop" would leave such captions out',
                )
            )
        return lines
