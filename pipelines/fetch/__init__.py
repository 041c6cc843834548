"""Fetches media, and what servers state about them, from allowed locations only."""

from pipelines.process.postponed import leave_out

# Tenacity imports it where it is installed, for coroutines that nothing here is.
leave_out("tenacity", "tornado")
