"""Drawn scenes and films, and the files they are saved as."""
