"""Makes the demonstration library: drawn media, deals, hostile cases and an answer key."""

DEFAULT_ASSETS = 360
