"""The commands, one module each: parse the options, do the work, show the result."""
