"""The deals that the adversarial catalogue is packaged under, and the days that its traps touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Not a full second: whoever rounds it lets a later event count or an earlier one pass.
AS_OF = datetime(2026, 6, 30, 11, 59, 59, 999_999, UTC)
AS_OF_TEXT = "2026-06-30T11:59:59.999999Z"
STARTS, ENDS = date(2026, 7, 1), date(2029, 7, 1)
MICROSECOND, DAY = timedelta(microseconds=1), timedelta(days=1)
LONG_AGO = AS_OF - 400 * DAY
SHOOT_DAY = date(2024, 6, 15)
COUNTRIES = ("US", "NO", "DE")
AGREEMENT, LATE_AGREEMENT = "Frame 2026/1", "Frame 2026/2"

# Every id holds one of these words, so that one search finds any of them in a delivery.
ASSET_WORD, CONTRIBUTOR_WORD, RELEASE_WORD, PAYEE_WORD = "aszt-", "kontr-", "relz-", "paye-"

TRAIN_GEN, INFERENCE = "train_gen", "inference"
BOTH_PURPOSES = frozenset({TRAIN_GEN, INFERENCE})


@dataclass(frozen=True)
class AdversaryTerms:
    """What the answers depend on.

    Attributes:
        name: The deal's id.
        inference: `require` or `pack-without`.
        people: `biometric-release` or `refuse`.
        minors: `guardian-release` or `refuse`.
    """

    name: str
    inference: str
    people: str
    minors: str

    @property
    def needed(self) -> tuple[str, ...]:
        """Purposes that an asset must be cleared for."""
        return (TRAIN_GEN, INFERENCE) if self.inference == "require" else (TRAIN_GEN,)

    @property
    def people_reasons(self) -> tuple[str, ...]:
        """Reasons that people shown give by themselves."""
        return ("people.refused",) if self.people == "refuse" else ()

    @property
    def minors_reasons(self) -> tuple[str, ...]:
        """Reasons that a minor gives by itself."""
        return ("minors.refused",) if self.minors == "refuse" else ()


REQUIRE_INFERENCE = AdversaryTerms(
    "adversary-require", "require", "biometric-release", "guardian-release"
)
PACK_WITHOUT_INFERENCE = AdversaryTerms("adversary-without", "pack-without", "refuse", "refuse")


def deal_text(
    terms: AdversaryTerms, hosts: Sequence[str], covered: Sequence[str], later: Sequence[str]
) -> str:
    """The deal as TOML.

    Args:
        terms: Which deal.
        hosts: Servers that media may come from.
        covered: Contributors of the agreement that is signed on the very day of `as_of`.
        later: Contributors of the one that is signed a day too late.
    """
    return f"""
deal_id = "{terms.name}"
buyer = "Adversary Models"
purposes = ["{TRAIN_GEN}"]
territory = {_texts(COUNTRIES)}
starts = {STARTS}
ends = {ENDS}

[rights]
inference = "{terms.inference}"
people = "{terms.people}"
minors = "{terms.minors}"

[[agreements]]
ref = "{AGREEMENT}"
signed_at = {AS_OF.date()}
purposes = ["{TRAIN_GEN}", "{INFERENCE}"]
contributors = {_texts(covered)}

[[agreements]]
ref = "{LATE_AGREEMENT}"
signed_at = {AS_OF.date() + DAY}
purposes = ["{TRAIN_GEN}", "{INFERENCE}"]
contributors = {_texts(later)}

[select]
min_short_side = 32
keywords_any = ["Stock", "ångström"]
keywords_none = ["barred", "Straße"]
dedupe = "exact"

[price]
currency = "USD"
pool = "100000.00"

[shards]
target_bytes = "1MiB"

[sources]
hosts = {_texts([*hosts, "127.0.0.1"])}

[gate]
divert = ["contributors_given", "splits_positive", "splits_sum", "territory_codes"]

[limits]
dead_letter_share = "0.50"
max_media_bytes = "1MiB"
"""


def _texts(items: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"
