"""Shards: what a sample carries, which shard holds it, and the bytes of the tar."""
