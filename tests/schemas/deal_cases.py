"""Two valid deals, and helpers that change one and list the faults of an invalid deal."""

from __future__ import annotations

import pytest

from schemas.deal import parse_deal
from schemas.errors import InputError

SAMPLE = """\
deal_id = "acme-2026-01"
buyer = "Acme Models"
purposes = ["train_gen"]
territory = ["US", "NO"]
starts = 2026-01-01
ends = 2029-01-01
profile = "image-text"
media = ["image"]

[rights]
editorial = "refuse"
ai_generated = "refuse"
minors = "refuse"
people = "release"
unknown_people_count = "refuse"

[select]
min_short_side = 512
keywords_any = []
keywords_none = []
dedupe = "near"
max_assets = 100000

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "100000.00"
currency = "USD"
agency_share = "0.40"
allocation = "per_asset"

[shards]
target_bytes = "512MiB"

[output]
uri = "out/"
"""
LEAST = """\
deal_id = "d"
buyer = "b"
purposes = ["train_gen"]
territory = ["NO"]
starts = 2026-01-01
ends = 2026-01-02
price.pool = "1"
price.currency = "USD"
"""


def with_key(key: str, value: str) -> str:
    """Returns the minimal deal with one key set to a value; an empty value omits the key."""
    lines = [line for line in LEAST.splitlines() if not line.startswith(f"{key} = ")]
    return "\n".join([*lines, f"{key} = {value}" if value else "", ""])


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_deal(text, "acme.toml")
    assert caught.value.exit_code == 2
    assert "acme.toml" in caught.value.which
    return caught.value


def faults(text: str) -> list[str]:
    """Returns the lines of a refusal, one per fault."""
    error = refusal(text)
    assert error.what == "The deal is not valid"
    assert error.remedy == "See the example and the list of keys in docs/deal.md."
    head, *lines = error.which.splitlines()
    assert head == "acme.toml"
    return [line.strip() for line in lines]
