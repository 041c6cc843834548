"""Fuzzing by coverage, by hand: what it finds is kept as cases of the tests."""
