"""Removal: where an asset is in deliveries, and what takes it out of them."""
