"""Removes metadata from media files without touching the pictures."""
