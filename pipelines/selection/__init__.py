"""Selection: which of the cleared, readable assets the buyer gets, and which shard holds each."""
