"""Pulling a delivery: what changed, over several connections, checked, and then put in place."""
