"""The nouns of Fairshard: records, contracts and errors. Nothing here imports Beam."""
