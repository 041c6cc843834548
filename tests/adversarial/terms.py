"""The deals that the adversarial catalogue is packaged under, and the days that its traps touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Not a full second: whoever rounds it lets a later event count or an earlier one pass.
AS_OF = datetime(2026, 6, 30, 11, 59, 59, 999_999, UTC)
AS_OF_TEXT = "2026-06-30T11:59:59.999999Z"
STARTS, ENDS = date(2026, 7, 1), date(2029, 7, 1)
TICK, DAY = timedelta(microseconds=1), timedelta(days=1)
LONG_AGO = AS_OF - 400 * DAY
SHOT = date(2024, 6, 15)
COUNTRIES = ("US", "NO", "DE")
FRAME, LATER_FRAME = "Frame 2026/1", "Frame 2026/2"

# Every id holds one of these words, so that one search finds any of them in a delivery.
ASSET_WORD, CONTRIBUTOR_WORD, RELEASE_WORD, PAYEE_WORD = "aszt-", "kontr-", "relz-", "paye-"

GEN, INFERENCE = "train_gen", "inference"
BOTH = frozenset({GEN, INFERENCE})


@dataclass(frozen=True)
class Terms:
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
        return (GEN, INFERENCE) if self.inference == "require" else (GEN,)

    @property
    def if_people(self) -> tuple[str, ...]:
        """Reasons that people shown give by themselves."""
        return ("people.refused",) if self.people == "refuse" else ()

    @property
    def if_minors(self) -> tuple[str, ...]:
        """Reasons that a minor gives by itself."""
        return ("minors.refused",) if self.minors == "refuse" else ()


REQUIRE = Terms("adversary-require", "require", "biometric-release", "guardian-release")
WITHOUT = Terms("adversary-without", "pack-without", "refuse", "refuse")


def deal_text(
    terms: Terms, hosts: Sequence[str], covered: Sequence[str], later: Sequence[str]
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
purposes = ["{GEN}"]
territory = {_texts(COUNTRIES)}
starts = {STARTS}
ends = {ENDS}

[rights]
inference = "{terms.inference}"
people = "{terms.people}"
minors = "{terms.minors}"

[[agreements]]
ref = "{FRAME}"
signed_at = {AS_OF.date()}
purposes = ["{GEN}", "{INFERENCE}"]
contributors = {_texts(covered)}

[[agreements]]
ref = "{LATER_FRAME}"
signed_at = {AS_OF.date() + DAY}
purposes = ["{GEN}", "{INFERENCE}"]
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
