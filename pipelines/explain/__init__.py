"""One asset's whole trace: what every rule and signal said of it."""
