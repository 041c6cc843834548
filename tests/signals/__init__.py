"""Tests of the readers of rights signals."""
