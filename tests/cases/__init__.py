"""Field cases: what agencies' files really look like, and variants of each kind."""
