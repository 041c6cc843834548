"""The ledger: contributors' earnings and their proofs, with I/O only through a given store."""
