"""A run: its job, version, lease, receipts, decisions and signing key."""
