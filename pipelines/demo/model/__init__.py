"""Trains and evaluates the demonstration model."""
