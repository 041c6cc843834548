"""The pipeline's steps, one module each, and `package`, which runs them in order."""
