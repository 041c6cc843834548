"""Draws scenes and films, and saves them as files."""
