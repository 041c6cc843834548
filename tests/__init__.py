"""Tests of everything, and what they share."""

import os

# OpenBLAS and torch read these when they are imported. The matrices of tests are small: their
# threads gain nothing, and wait for one another by spinning, on cores that other test processes
# need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
