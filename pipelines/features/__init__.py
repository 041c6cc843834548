"""Features: what is computed from media bytes, kept in Parquet and never computed twice."""
