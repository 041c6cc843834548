"""Child processes: starting them isolated, watching them, and identifying them reliably."""
