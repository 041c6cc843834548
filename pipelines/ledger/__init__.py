"""The ledger: contributors' earnings and their proofs. All code here is pure, without I/O."""
