"""The demonstration model: how it is trained and measured."""
