"""What agencies' own exports look like: one mapping for each, as a file of this folder."""
