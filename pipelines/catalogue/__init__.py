"""The catalogue: read its tables, map its columns, gate its rows."""
