"""The agency's books: the log of everything that is recorded, and what is kept beside it."""

from pipelines.process.postponed import postpone

# Few runs have a question for it.
postpone("duckdb")
