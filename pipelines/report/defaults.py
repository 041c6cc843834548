"""Names strict defaults of a deal that refuse a large share of a catalogue.

Every default is the strict one, so a column that no real catalogue has may refuse everything. Such
a default must say so itself: what is absent, how many assets it refuses alone, and which deal key
accepts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console

from pipelines.report.deal_key_meanings import DEAL_KEY_MEANINGS
from pipelines.report.wrapped import print_wrapped
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts
from pipelines.run.undelivered import Undelivered
from schemas.deal import Deal, parse_deal
from schemas.deal_keys import allowed_values, deal_value, toml_text
from schemas.reason_info import Stage

#: A rule that refuses at least this share of the assets alone is named, or one that refuses all.
LARGE_SHARE = 0.1

# Reasons for which a value is not given at all, with what is not given.
_ABSENT = {
    "people.unknown_count": "assets.people_count",
    "property.unknown": "assets.property",
    "source.unstated": "assets.digital_source_type",
}
_DEFAULTS = parse_deal(
    """
    deal_id = "defaults"
    buyer = "nobody"
    purposes = ["train_gen"]
    territory = ["WORLD"]
    starts = 2026-01-01
    ends = 2027-01-01
    price = { pool = "0.00", currency = "USD" }
    """,
    "defaults",
)


@dataclass(frozen=True)
class StrictDefault:
    """A default of the deal that refuses many assets.

    Attributes:
        reason: The reason that it gives.
        key: The deal's key.
        value: Its value, which is the default.
        accepting: Its other values.
        absent: The column that no asset has a value in, or "".
        assets: How many assets were refused for the reason.
        alone: How many of them for no other reason.
        of: How many assets the step judged.
    """

    reason: str
    key: str
    value: str
    accepting: tuple[str, ...]
    absent: str
    assets: int
    alone: int
    of: int

    def line(self) -> str:
        """Returns the default as one line for people."""
        what = f"no asset has {self.absent}" if self.absent else REASONS[self.reason].sentence
        values = " or ".join(toml_text(value) for value in self.accepting)
        return (
            f"{self.reason}: {what.rstrip('.')}. {self.assets:,} of {self.of:,} assets refused, "
            f"{self.alone:,} by this alone. {self.key} = {toml_text(self.value)} is the default; "
            f"{values} lets through: {DEAL_KEY_MEANINGS[self.key]}."
        )

    def to_json(self) -> dict[str, object]:
        """Returns the default as JSON."""
        return {**vars(self), "accepting": list(self.accepting), "line": self.line()}


def strict_defaults(deal: Deal, counts: Undelivered) -> list[StrictDefault]:
    """Returns the deal's strict defaults that refuse a large share of a step's assets.

    Args:
        deal: The deal.
        counts: The counts of screening, and of what files and servers state if those were read,
            with the assets that each rule refused alone.
    """
    alone = counts.alone or Counter()
    found: list[StrictDefault] = []
    for stage in (Stage.SCREEN, Stage.ENRICH):
        found += _large(deal, stage, counts.steps.get(stage.value, StepCounts()), alone)
    return sorted(found, key=lambda item: (-item.alone, -item.assets, item.reason))


def _large(
    deal: Deal, stage: Stage, step: StepCounts, alone: Counter[str]
) -> Iterator[StrictDefault]:
    for code, assets in step.refused.items():
        is_large = assets == step.entered or alone[code] >= LARGE_SHARE * step.entered
        info = REASONS[code]
        # A no to a purpose is a person's or a file's, not a default's.
        if info.stage is not stage or not is_large or "purposes" in info.governed_by:
            continue
        for key in info.governed_by:
            value = deal_value(deal, key)
            others = tuple(word for word in allowed_values(key) if word != value)
            if key.startswith("rights.") and others and value == deal_value(_DEFAULTS, key):
                absent = _ABSENT.get(code, "") if assets == step.entered else ""
                yield StrictDefault(
                    code, key, str(value), others, absent, assets, alone[code], step.entered
                )


_PERSONAL_DATA = {
    "keep": "files are delivered as they are, with whatever personal data their metadata hold",
    "rights-only": "of the files' metadata, only rights statements are delivered",
    "none": "files are delivered without metadata",
    "refuse": "assets with personal data are refused",
}


def personal_line(deal: Deal) -> str:
    """Returns what the deal does with personal data, which a default decides if no key does."""
    setting = deal.rights.personal_data
    is_default = " (the default)" if "personal_data" not in deal.rights.model_fields_set else ""
    return f'rights.personal_data = "{setting}"{is_default}: {_PERSONAL_DATA[setting]}.'


def show_defaults(console: Console, defaults: Iterable[StrictDefault]) -> None:
    """Prints each default."""
    for item in defaults:
        print_wrapped(console, f"Strict default: {item.line()}")
