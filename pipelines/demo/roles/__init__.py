"""Roles: the faults and honest varieties that assets of the demo library play."""
