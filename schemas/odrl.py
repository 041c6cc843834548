"""What a deal's policy in ODRL 2.2 says about purposes and countries; docs/odrl.md explains it."""

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

#: Digests of the profile's document, `rights/profile.jsonld`, of this release and earlier ones.
#: Whatever policies mean hangs on it, so that a delivery may have no other.
KNOWN_PROFILES = frozenset({"1ee7d4f124899b317e59f02d7f2c043c3d0edbc8ae137a8a17f2c280851a6356"})
#: Digests of the `@context` of policies, as canonical JSON, likewise.
KNOWN_CONTEXTS = frozenset({"57cb8a6a7250816e22b672494c59ecb44dcc84046f507991dcc749a2182b16ef"})
