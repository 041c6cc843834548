"""Who earns what, and the proof of it. Everything here is pure: bytes and numbers in, same out."""
