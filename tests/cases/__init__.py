"""The shared field cases, with the outcome that each must have."""
