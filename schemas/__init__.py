"""Fairshard's data types: records, contracts and errors. Nothing here imports Beam."""
