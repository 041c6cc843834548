"""Benchmarks (`make bench`). They report ratios within one run, because machines differ."""
