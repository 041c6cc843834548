"""Verification of a delivery from its published bytes alone."""
