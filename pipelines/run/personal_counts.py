"""Counts of the assets that hold personal data, by kind; never the data themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict


class CountsJson(TypedDict, total=False):
    """The counts as JSON; what is missing is zero."""

    read: int
    files: int
    file_kinds: dict[str, int]
    texts: int
    text_kinds: dict[str, int]


@dataclass
class PersonalCounts:
    """How many assets hold personal data; an asset counts once under each of its kinds.

    Attributes:
        read: Assets whose files were read.
        files: Of these, those whose files hold some.
        file_kinds: The same by kind.
        texts: Those whose title, description or keywords hold some.
        text_kinds: The same by kind.
    """

    read: int = 0
    files: int = 0
    file_kinds: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    text_kinds: Counter[str] = field(default_factory=Counter)

    def add_asset(self, file_kinds: Iterable[str], text_kinds: Iterable[str]) -> None:
        """Counts one asset."""
        in_file, in_texts = set(map(str, file_kinds)), set(map(str, text_kinds))
        self.read += 1
        self.files += bool(in_file)
        self.file_kinds.update(in_file)
        self.texts += bool(in_texts)
        self.text_kinds.update(in_texts)

    def add(self, other: PersonalCounts) -> None:
        """Adds the counts of other assets."""
        self.read += other.read
        self.files += other.files
        self.file_kinds.update(other.file_kinds)
        self.texts += other.texts
        self.text_kinds.update(other.text_kinds)

    def to_json(self) -> CountsJson:
        """Returns the counts as JSON, with the kinds sorted."""
        return {
            "read": self.read,
            "files": self.files,
            "file_kinds": dict(sorted(self.file_kinds.items())),
            "texts": self.texts,
            "text_kinds": dict(sorted(self.text_kinds.items())),
        }

    @classmethod
    def from_json(cls, value: CountsJson) -> PersonalCounts:
        """Returns the counts that `to_json` wrote; what is missing is zero."""
        return cls(
            value.get("read", 0),
            value.get("files", 0),
            Counter(value.get("file_kinds", {})),
            value.get("texts", 0),
            Counter(value.get("text_kinds", {})),
        )


def kinds_text(kinds: Mapping[str, int]) -> str:
    """Returns kinds and their counts as one line, such as `gps 3, name 12`."""
    return ", ".join(f"{kind.replace('_', ' ')} {n:,}" for kind, n in sorted(kinds.items()))


@dataclass(frozen=True)
class PersonalData:
    """What a run found of personal data, and what the deal does with it.

    Attributes:
        setting: The deal's `rights.personal_data`.
        found: Counts over all assets whose files were read.
        delivered: Counts over the samples as they are delivered.
    """

    setting: str
    found: PersonalCounts
    delivered: PersonalCounts

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON."""
        return {
            "setting": self.setting,
            "found": self.found.to_json(),
            "delivered": self.delivered.to_json(),
        }

    def lines(self) -> list[str]:
        """Returns it in words: one line on what was found, one on what is delivered."""
        found, delivered = self.found, self.delivered
        lines = [f"found in {_in_words(found, 'of the files read')}"]
        if delivered.files or delivered.texts:
            lines.append(f"delivered in {_in_words(delivered, 'samples')}")
        else:
            lines.append("no sample was found to hold any")
        return [*lines, f'rights.personal_data = "{self.setting}"']


def _in_words(counts: PersonalCounts, what: str) -> str:
    text = f"{counts.files:,} of {counts.read:,} {what}"
    if counts.files:
        text += f" ({kinds_text(counts.file_kinds)})"
    if counts.texts:
        text += f"; in the texts of {counts.texts:,} ({kinds_text(counts.text_kinds)})"
    return text
