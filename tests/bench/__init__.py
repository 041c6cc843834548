"""Benchmarks: `make bench`. Ratios within one run, because machines differ."""
