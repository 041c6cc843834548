"""Delivery: the published files beside the shards, and the checks before publishing."""
