"""Counts of renditions, and of captions that were flagged or left out, among samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypedDict

from schemas.deal import Deal
from schemas.deal_render import RenderTerms


class SampleCountsJson(TypedDict, total=False):
    """The counts as JSON; what is missing is zero."""

    samples: int
    renditions: dict[str, int]
    flagged: int
    flags: dict[str, int]
    dropped: int
    dropped_flags: dict[str, int]


@dataclass
class SampleCounts:
    """How many samples have a rendition, and how many have, or had, a flagged caption.

    Attributes:
        samples: All samples.
        renditions: Those whose file is a rendition, by the kind of medium.
        flagged: Those with a flagged caption.
        flags: The same by flag; a sample counts once under each of its flags.
        dropped: Those of which a flagged caption was left out.
        dropped_flags: The same by flag.
    """

    samples: int = 0
    renditions: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    dropped_flags: Counter[str] = field(default_factory=Counter)

    def add_sample(
        self, media_type: str, rendition: str, flags: Iterable[str], dropped: Iterable[str] = ()
    ) -> None:
        """Counts one sample.

        Args:
            media_type: `image` or `video`.
            rendition: How its file was rendered; "" if it was not.
            flags: The flags of its captions.
            dropped: The flags of its captions that were left out.
        """
        found, left_out = set(map(str, flags)), set(map(str, dropped))
        self.samples += 1
        self.renditions.update([media_type] if rendition else [])
        self.flagged += bool(found)
        self.flags.update(found)
        self.dropped += bool(left_out)
        self.dropped_flags.update(left_out)

    def add(self, other: SampleCounts) -> None:
        """Adds the counts of other samples."""
        self.samples += other.samples
        self.renditions.update(other.renditions)
        self.flagged += other.flagged
        self.flags.update(other.flags)
        self.dropped += other.dropped
        self.dropped_flags.update(other.dropped_flags)

    def to_json(self) -> SampleCountsJson:
        """Returns the counts as JSON, with the flags sorted."""
        return {
            "samples": self.samples,
            "renditions": dict(sorted(self.renditions.items())),
            "flagged": self.flagged,
            "flags": dict(sorted(self.flags.items())),
            "dropped": self.dropped,
            "dropped_flags": dict(sorted(self.dropped_flags.items())),
        }

    @classmethod
    def from_json(cls, value: SampleCountsJson) -> SampleCounts:
        """Returns the counts that `to_json` wrote; what is missing is zero."""
        return cls(
            value.get("samples", 0),
            Counter(value.get("renditions", {})),
            value.get("flagged", 0),
            Counter(value.get("flags", {})),
            value.get("dropped", 0),
            Counter(value.get("dropped_flags", {})),
        )

    def lines(self, deal: Deal) -> list[tuple[str, str]]:
        """Returns the counts in words with their headings; nothing of what no sample has."""
        lines = []
        pictures, films = self.renditions["image"], self.renditions["video"]
        if pictures:
            noun = "picture" if pictures == 1 else "pictures"
            why = f'render.images = "{deal.render.images}"'
            lines.append(("Renditions", f"{pictures:,} {noun} rendered as displayed ({why})"))
        if films:
            noun = "film" if films == 1 else "films"
            lines.append(("Renditions", f"{films:,} {noun} {_film_rendition(deal.render)}"))
        if self.flagged:
            have = "sample has" if self.flagged == 1 else "samples have"
            lines.append(
                (
                    "Captions",
                    f"{self.flagged:,} {have} a flagged caption of a model "
                    f"({_by_flag(self.flags)}); "
                    'captions.flagged = "drop" would leave such captions out',
                )
            )
        if self.dropped:
            which = "1 sample is" if self.dropped == 1 else f"{self.dropped:,} samples are"
            why = 'captions.flagged = "drop"'
            if deal.captions.flagged != "drop":
                why = f'rights.personal_data = "{deal.rights.personal_data}"'
            lines.append(
                (
                    "Captions",
                    f"{which} delivered without a flagged caption of a model "
                    f"({_by_flag(self.dropped_flags)}; {why})",
                )
            )
        return lines


def _film_rendition(terms: RenderTerms) -> str:
    """Says how a deal's films were rendered; all of them are rendered alike."""
    without = terms.audio == "drop"
    if terms.films == "native":
        return 'delivered without sound (render.audio = "drop")'
    done = "copied into MP4"
    if terms.films == "transcode":
        done = f"encoded again as {terms.film_codec.upper()}"
    sound = ' without sound (render.audio = "drop"' if without else " ("
    return f'{done}{sound}{", " if without else ""}render.films = "{terms.films}")'


def _by_flag(flags: Counter[str]) -> str:
    return ", ".join(f"{flag} {count:,}" for flag, count in sorted(flags.items()))
