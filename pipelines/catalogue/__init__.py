"""The catalogue: reads its tables, maps its columns and checks its rows."""

from pipelines.process.postponed import postpone

# Great Expectations imports these for rules and charts that no suite here has; they take as long as
# all of its other imports.
postpone("scipy.stats", "altair")
