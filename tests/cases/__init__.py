"""Field cases, and libraries that vary them."""
