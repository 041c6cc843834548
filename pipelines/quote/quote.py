"""A quote: what a deal would deliver and pay, from what its screening came to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from pipelines.ledger.pool import DividedPool
from pipelines.quote.money import Keys, Spread, divide_price, join_people, spread_of
from pipelines.quote.recorded import Recorded
from pipelines.quote.tally import CLEARED, FILES, SEVERAL, Sizes, Tally
from pipelines.rights.rules.attribution import UNNAMED
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.reasons import REASONS
from pipelines.storage.columns import values_of
from schemas.deal import Deal
from schemas.deal_keys import allowed_values, deal_value
from schemas.errors import InputError
from schemas.reasons import Reason

_CLASSES = 256
# The reason of each class of assets that are refused for one.
_CODES = {
    **{at: rule.code for at, rule in enumerate(SCREENING_RULES, start=1)},
    UNNAMED: Reason.LICENCE_ATTRIBUTION.value,
}
_MEDIA_PLACES = 2  # of each person: for pictures and for films


@dataclass(frozen=True)
class ReasonLine:
    """What one reason excludes.

    Attributes:
        code: The reason.
        assets: How many assets it excludes.
        alone: What the assets come to that nothing else excludes: what would be added if the rule
            let them pass.
        example: The first such asset, or the first at all.
    """

    code: str
    assets: int
    alone: Sizes
    example: str


@dataclass(frozen=True)
class KeyLine:
    """What a key of the deal would add if none of the rules that it governs refused anything.

    Attributes:
        key: The key.
        value: What the deal says.
        others: Its other values, if they are a closed list.
        rules: The reasons that it governs and that refuse assets.
        adds: What would be cleared besides.
    """

    key: str
    value: object
    others: tuple[str, ...]
    rules: tuple[str, ...]
    adds: Sizes


@dataclass(frozen=True)
class LabelLine:
    """What assets with one label come to: cleared, refused, and alone by which rule.

    Attributes:
        label: A licence, territory, category, media type or contributor.
        cleared: How many assets are cleared.
        refused: How many are refused.
        alone: By reason, how many are refused by that rule only.
    """

    label: str
    cleared: int
    refused: int
    alone: dict[str, int]


@dataclass(frozen=True)
class Quote:
    """What a deal would deliver and pay.

    Attributes:
        deal: The deal.
        tally: What screening came to.
        pool: How the price is divided; None if nothing can be paid.
        fault: Why it cannot be divided, or None.
        keys: What the division was decided by.
        people: What contributors' assets come to, most cleared first.
        recorded: What an earlier version found in files, or None.
    """

    deal: Deal
    tally: Tally
    pool: DividedPool | None
    fault: InputError | None
    keys: Keys
    people: list[LabelLine]
    recorded: Recorded | None = None

    @property
    def credits(self) -> dict[str, int]:
        """What contributors would be credited, in minor units."""
        return {} if self.pool is None else self.pool.division.credits

    @property
    def spread(self) -> Spread | None:
        """How that is spread; None if nobody is paid."""
        return spread_of(self.credits) if self.credits else None

    def reasons(self) -> list[ReasonLine]:
        """Returns all reasons, those that exclude most first."""
        alone = self.tally.alone()
        failed = self.tally.failed
        lines = [
            ReasonLine(
                code,
                count,
                Sizes(failed[code]) if code in failed else alone.get(code, Sizes()),
                self.tally.example_of(code),
            )
            for code, count in self.tally.reasons().items()
        ]
        return sorted(lines, key=lambda line: (-line.assets, line.code))

    def keys_of_deal(self) -> list[KeyLine]:
        """Returns the keys of the deal that exclude assets, those that would add most first."""
        found = self.tally.reasons()
        governed: dict[str, list[str]] = {}
        for code in _CODES.values():
            for key in REASONS[code].governed_by:
                if code in found:
                    governed.setdefault(key, []).append(code)
        lines = []
        for key, rules in governed.items():
            value = deal_value(self.deal, key)
            others = tuple(word for word in allowed_values(key) if word != value)
            adds = self.tally.would_add(rules)
            lines.append(KeyLine(key, value, others, tuple(rules), adds))
        return sorted(lines, key=lambda line: (-line.adds.assets, line.key))

    def labels(self, dimension: str) -> list[LabelLine]:
        """Returns the labels of a dimension, those with most assets first."""
        lines: dict[str, LabelLine] = {}
        for (label, line_class), count in sorted(self.tally.by[dimension].items()):
            line = lines.setdefault(label, LabelLine(label, 0, 0, {}))
            lines[label] = _add(line, line_class, count)
        return sorted(lines.values(), key=lambda one: (-one.cleared - one.refused, one.label))


def _add(line: LabelLine, line_class: int, count: int) -> LabelLine:
    if line_class == CLEARED:
        return LabelLine(line.label, line.cleared + count, line.refused, line.alone)
    alone = dict(line.alone)
    if line_class not in (SEVERAL, FILES):
        code = _CODES[line_class]
        alone[code] = alone.get(code, 0) + count
    return LabelLine(line.label, line.cleared, line.refused + count, alone)


def make_quote(
    deal: Deal,
    tally: Tally,
    contributors: pa.Table,
    as_of: date,
    keys: Keys,
    recorded: Recorded | None = None,
) -> Quote:
    """Makes a quote.

    Args:
        deal: The deal.
        tally: What its screening came to.
        contributors: The table of contributors.
        as_of: The day on which levels are evaluated.
        keys: What the agency's key and books decide.
        recorded: What an earlier version found in files, or None.
    """
    people = sorted(_people(tally, contributors), key=lambda one: (-one.cleared, one.label))
    try:
        pool = divide_price(deal.price, as_of, tally, contributors, keys)
    except InputError as error:
        return Quote(deal, tally, None, error, keys, people, recorded)
    return Quote(deal, tally, pool, None, keys, people, recorded)


def _people(tally: Tally, contributors: pa.Table) -> Iterator[LabelLine]:
    """Yields what contributors' assets come to; one without a row has the label ""."""
    names = [*values_of(contributors["contributor_id"], str), ""]
    joined = join_people(tally, _MEDIA_PLACES * len(names))
    cleared, refused = (
        counts.reshape(len(names), _MEDIA_PLACES).sum(axis=1).tolist()
        for counts in (joined.cleared, joined.refused)
    )
    alone: list[dict[str, int]] = [{} for _ in names]
    places = np.minimum(joined.alone // _CLASSES // _MEDIA_PLACES, len(names) - 1)
    classes = joined.alone % _CLASSES
    keys, of_line = np.unique(places * _CLASSES + classes, return_inverse=True)
    counts = np.bincount(of_line, weights=joined.alone_lines, minlength=len(keys)).astype(np.int64)
    for place, line_class, count in zip(
        (keys // _CLASSES).tolist(), (keys % _CLASSES).tolist(), counts.tolist(), strict=True
    ):
        if line_class != FILES:
            alone[place][_CODES[line_class]] = count
    for at, person in enumerate(names):
        if cleared[at] or refused[at]:
            yield LabelLine(person, cleared[at], refused[at], alone[at])


def describe(code: str) -> str:
    """Returns a reason's meaning in plain words."""
    return REASONS[code].sentence
