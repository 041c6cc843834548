"""The commands, one module each: parse, do, show."""
