"""Reads statements about rights, each with its speaker and its location."""
