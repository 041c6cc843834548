"""Makes the demonstration library: drawn media, deals, hostile cases and an answer key."""
