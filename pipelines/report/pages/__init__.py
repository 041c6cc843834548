"""Pages about a run and about a delivery: one file each, for people, which needs no server."""
