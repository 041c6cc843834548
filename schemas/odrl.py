"""What a deal's policy in ODRL 2.2 says of purposes and countries; docs/odrl.md explains it."""

from __future__ import annotations

from schemas.rights import Purpose

# ODRL has no terms for training, inference, mining and search, so a profile defines them.
ACTIONS: dict[Purpose, str] = {
    Purpose.TRAIN_GEN: "fs:trainGenerative",
    Purpose.TRAIN_NONGEN: "fs:trainNonGenerative",
    Purpose.INFERENCE: "fs:infer",
    Purpose.DATA_MINING: "fs:mineData",
    Purpose.INDEX: "index",  # ODRL: "To record the Asset in an index."
    Purpose.SEARCH: "fs:search",
}
# One IRI for each ISO 3166-1 alpha-2 code (OMG LCC).
COUNTRY_BASE = "https://www.omg.org/spec/LCC/Countries/ISO3166-1-CountryCodes-Adjunct/"
