"""Faults that are injected into real servers."""
