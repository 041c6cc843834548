"""Collections gathered and spread, in few steps of the engine."""
