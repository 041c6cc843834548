"""The agency's books: the log of everything that is recorded, and what is kept beside it."""
