"""Statements about rights, each with who said it and where."""
