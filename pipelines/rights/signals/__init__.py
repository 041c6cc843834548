"""Readers of what catalogues, people, files and servers say about rights; one module each."""
