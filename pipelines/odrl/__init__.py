"""Exports deals and decisions as ODRL 2.2 policies."""
