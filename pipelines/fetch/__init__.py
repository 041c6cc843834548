"""Fetching media and what servers say about them, from allowed places only."""
