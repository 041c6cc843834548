"""Beam pipelines that turn a licensed catalogue into a delivery and its ledger."""
