"""Features: what is computed from media bytes, stored in Parquet and reused by later runs."""
