"""The demonstration: a drawn library with deals, hostile cases and an answer key."""
