"""Tests of everything, and what they share."""

import os

# OpenBLAS reads it when numpy is imported. The matrices of tests are small: its threads gain
# nothing, and wait for one another by spinning, on cores that other test processes need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
