"""The catalogue: reads its tables, maps its columns and checks its rows."""
