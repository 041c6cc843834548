"""Delivery: where published bytes live, and how they get there."""
