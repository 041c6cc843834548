"""Counts of screened assets that can be added up: by reason, and by what the assets are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipelines.quote.candidates import Candidates
from pipelines.rights.rules.attribution import early_reasons

Codes = npt.NDArray[np.int64]
#: What an asset is counted under besides its reasons: cleared, refused for several, or by one rule.
CLEARED, SEVERAL = 0, 255
#: The bit in a mask, and the class, of assets that the catalogue clears and an earlier run did not.
FILES_BIT, FILES = 1 << 63, 64
DIMENSIONS = ("licence", "territory", "category", "media_type")


@dataclass
class Sizes:
    """How much assets come to, as the catalogue says.

    Attributes:
        assets: How many.
        films: How many of them are films.
        bytes: The sum of their files' sizes, where stated.
        without_bytes: How many state no size.
        film_ms: The sum of films' lengths in ms, where stated.
        without_length: How many films state none.
    """

    assets: int = 0
    films: int = 0
    bytes: int = 0
    without_bytes: int = 0
    film_ms: int = 0
    without_length: int = 0

    def add(self, other: Sizes) -> None:
        """Adds other assets."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_json(self) -> dict[str, int]:
        """Returns it as JSON."""
        return dict(vars(self))


@dataclass
class PersonTally:
    """What contributors' assets come to; an array has an item for each person and media type.

    The place is twice the person's position among those who are known, and 1 more for films.

    Attributes:
        places: Places of those who have a line.
        cleared: Lines of cleared assets.
        refused: Lines of refused assets.
        share_bp: Shares of cleared assets, summed.
        weighted: Weight times share of cleared assets, summed; empty where it is not asked for.
        alone: Place and rule (`place * 256 + class`) of lines that one rule alone refuses.
        alone_lines: How many such lines there are.
    """

    places: Codes
    cleared: Codes
    refused: Codes
    share_bp: Codes
    weighted: Codes
    alone: Codes
    alone_lines: Codes


@dataclass
class Tally:
    """What screening came to, for one deal and a part of the catalogue or all of it.

    Attributes:
        masks: By mask of reasons: what the assets come to.
        examples: By mask: the first asset, with its place in the catalogue.
        by: By dimension, then label and class: how many assets.
        failed: Failed assets by reason.
        failed_examples: The first failed asset of a reason, with its place.
        notices: How many assets notices of removal keep out.
        recorded: Assets that the catalogue clears and an earlier run excluded, by reason.
        recorded_examples: The first such asset of a reason, with its place.
        people: What contributors' assets come to, in parts.
        odd_lines: Lines that have a class of their own in the division: asset, contributor,
            media type, share and weight of cleared assets.
        weights: Of cleared assets: sum, greatest common divisor, least and largest weight.
        stops: Whether a row fails a rule that stops a run.
        candidates: Cleared assets of which some are to be chosen.
    """

    masks: dict[int, Sizes] = field(default_factory=lambda: defaultdict(Sizes))
    examples: dict[int, tuple[tuple[int, int], str]] = field(default_factory=dict)
    by: dict[str, Counter[tuple[str, int]]] = field(
        default_factory=lambda: {name: Counter() for name in DIMENSIONS}
    )
    failed: Counter[str] = field(default_factory=Counter)
    failed_examples: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)
    notices: Counter[str] = field(default_factory=Counter)
    recorded: Counter[str] = field(default_factory=Counter)
    recorded_examples: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)
    people: list[PersonTally] = field(default_factory=list)
    odd_lines: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    weights: tuple[int, int, int, int] = (0, 0, 0, 0)
    stops: bool = False
    candidates: Candidates = field(default_factory=Candidates)

    def add(self, other: Tally) -> None:
        """Adds another part; the order does not matter."""
        for mask, sizes in other.masks.items():
            self.masks[mask].add(sizes)
        _keep_first(self.examples, other.examples)
        _keep_first(self.failed_examples, other.failed_examples)
        _keep_first(self.recorded_examples, other.recorded_examples)
        self.recorded.update(other.recorded)
        for name, counts in other.by.items():
            self.by[name].update(counts)
        self.failed.update(other.failed)
        self.notices.update(other.notices)
        self.people += other.people
        self.odd_lines += other.odd_lines
        self.weights = join_weights(self.weights, other.weights)
        self.stops |= other.stops
        self.candidates.add(other.candidates)

    @property
    def entered(self) -> int:
        """How many assets were screened."""
        return sum(sizes.assets for sizes in self.masks.values())

    @property
    def passed(self) -> int:
        """How many assets the catalogue clears, whatever an earlier run found in their files."""
        return self.cleared.assets + self.masks.get(FILES_BIT, Sizes()).assets

    @property
    def cleared(self) -> Sizes:
        """What cleared assets come to."""
        return self.masks.get(0, Sizes())

    def alone(self) -> dict[str, Sizes]:
        """Returns what each rule refuses alone, by its reason."""
        found = {}
        for mask, sizes in self.masks.items():
            reasons = early_reasons(mask)
            if len(reasons) == 1:
                found[reasons[0]] = sizes
        return found

    def would_add(self, rules: Iterable[str]) -> Sizes:
        """Returns what would be cleared besides if none of some rules were asked."""
        lifted = set(rules)
        found = Sizes()
        for mask, sizes in self.masks.items():
            if mask and mask != FILES_BIT and lifted.issuperset(early_reasons(mask)):
                found.add(sizes)
        return found

    def reasons(self) -> Counter[str]:
        """Returns how many assets are refused for each reason, or failed."""
        found = self.failed + self.recorded
        for mask, sizes in self.masks.items():
            found.update(dict.fromkeys(early_reasons(mask), sizes.assets))
        return found

    def example_of(self, reason: str) -> str:
        """Returns the first asset that is refused for a reason, or "".

        An asset with no other reason is preferred.
        """
        for examples in (self.failed_examples, self.recorded_examples):
            if reason in examples:
                return examples[reason][1]
        found = [
            (len(early_reasons(mask)) > 1, place, asset)
            for mask, (place, asset) in self.examples.items()
            if reason in early_reasons(mask)
        ]
        return min(found)[2] if found else ""


def _keep_first(
    kept: dict[int, tuple[tuple[int, int], str]] | dict[str, tuple[tuple[int, int], str]],
    others: dict[int, tuple[tuple[int, int], str]] | dict[str, tuple[tuple[int, int], str]],
) -> None:
    for key, value in others.items():
        if key not in kept or value < kept[key]:  # type: ignore[index]
            kept[key] = value  # type: ignore[index]


def join_weights(
    left: tuple[int, int, int, int], right: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Joins sums, divisors, least and largest weights of two parts; all are 0 of no asset."""
    if not right[3]:
        return left
    if not left[3]:
        return right
    return (
        left[0] + right[0],
        int(np.gcd(left[1], right[1])),
        min(left[2], right[2]),
        max(left[3], right[3]),
    )
