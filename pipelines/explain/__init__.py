"""Explains one asset's decision: what every rule and signal says about it."""
