"""Published formats: tar shards and their indexes, the manifest, Energon's index."""
