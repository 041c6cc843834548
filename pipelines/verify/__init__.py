"""Checking a delivery from its published bytes alone."""
