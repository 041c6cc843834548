"""Rebuilding damaged files of a published delivery."""
