"""Fetches media, and what servers state about them, from allowed locations only."""
