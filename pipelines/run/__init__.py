"""The parts of a run: job, version, lease, receipts, decisions and signing key."""
