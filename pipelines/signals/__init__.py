"""Reads statements about rights, each with who made it and where it was found."""
