"""Defines the roles of assets in the demo library: the faults and the valid varieties."""
