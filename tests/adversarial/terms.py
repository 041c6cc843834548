"""The deals for the adversarial catalogue, and the dates that its traps depend on."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Not a whole second, so that rounding would count a later event or miss an earlier one.
AS_OF = datetime(2026, 6, 30, 11, 59, 59, 999_999, UTC)
AS_OF_TEXT = "2026-06-30T11:59:59.999999Z"
STARTS, ENDS = date(2026, 7, 1), date(2029, 7, 1)
MICROSECOND, DAY = timedelta(microseconds=1), timedelta(days=1)
LONG_AGO = AS_OF - 400 * DAY
SHOOT_DAY = date(2024, 6, 15)
COUNTRIES = ("US", "NO", "DE")
AGREEMENT, LATE_AGREEMENT = "Frame 2026/1", "Frame 2026/2"

# Every id contains one of these words, so that one search finds any id in a delivery.
ASSET_WORD, CONTRIBUTOR_WORD, RELEASE_WORD, PAYEE_WORD = "aszt-", "kontr-", "relz-", "paye-"

_ASSET_RULES = ("contributors_given", "splits_positive", "splits_sum", "territory_codes")
_REFERENCE_RULES = (
    *("consents_reach_contributors", "consents_reach_assets", "revocations_reach_assets"),
    "asset_ids_differ",
)

TRAIN_GEN, INFERENCE = "train_gen", "inference"
BOTH_PURPOSES = frozenset({TRAIN_GEN, INFERENCE})


@dataclass(frozen=True)
class AdversaryTerms:
    """The terms that the expected decisions depend on.

    Attributes:
        name: The deal's id.
        inference: `require` or `pack-without`.
        people: `biometric-release` or `refuse`.
        minors: `guardian-release` or `refuse`.
        reference_rules: Whether the rules about references may stop the run; then no trap breaks
            them. Otherwise the deal diverts them.
        unjudged_content: `accept` or `refuse`.
    """

    name: str
    inference: str
    people: str
    minors: str
    reference_rules: bool = False
    unjudged_content: str = "accept"

    @property
    def needed(self) -> tuple[str, ...]:
        """The purposes that an asset must be cleared for."""
        return (TRAIN_GEN, INFERENCE) if self.inference == "require" else (TRAIN_GEN,)

    @property
    def people_reasons(self) -> tuple[str, ...]:
        """The reasons to refuse any asset that shows people."""
        return ("people.refused",) if self.people == "refuse" else ()

    @property
    def minors_reasons(self) -> tuple[str, ...]:
        """The reasons to refuse any asset that shows a minor."""
        return ("minors.refused",) if self.minors == "refuse" else ()


REQUIRE_INFERENCE = AdversaryTerms(
    "adversary-require", "require", "biometric-release", "guardian-release"
)
PACK_WITHOUT_INFERENCE = AdversaryTerms("adversary-without", "pack-without", "refuse", "refuse")
# The same without anything that a deal would rarely have: no diverted rule about references, no
# content that nobody judges.
STRICT_RULES = AdversaryTerms(
    "adversary-strict", "require", "biometric-release", "guardian-release", True, "refuse"
)


def compared_id(written: str) -> str:
    """Returns the id by which an asset is known: nothing that is not seen, and composed."""
    seen = written.translate({0x200B: None, 0x202E: None, 0: None, 0x0A: " ", 0xA0: " ", 0x09: " "})
    return unicodedata.normalize("NFC", seen).strip(" ")


def deal_text(
    terms: AdversaryTerms, hosts: Sequence[str], covered: Sequence[str], later: Sequence[str]
) -> str:
    """Returns the deal as TOML.

    Args:
        terms: Which deal.
        hosts: Servers from which media may be fetched.
        covered: Contributors of the agreement that is signed on the day of `as_of`.
        later: Contributors of the agreement that is signed one day too late.
    """
    return f"""
deal_id = "{terms.name}"
buyer = "Adversary Models"
purposes = ["{TRAIN_GEN}"]
territory = {_texts(COUNTRIES)}
starts = {STARTS}
ends = {ENDS}

[rights]
# Packets behind the picture are in a second picture, and must be read all the same.
unjudged_content = "{terms.unjudged_content}"
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
divert = {_texts(_ASSET_RULES if terms.reference_rules else _ASSET_RULES + _REFERENCE_RULES)}

[limits]
dead_letter_share = "0.50"
max_media_bytes = "1MiB"
"""


def _texts(items: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"
